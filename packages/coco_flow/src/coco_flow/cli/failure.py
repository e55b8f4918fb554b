"""Tells an error: CoCo's in their words, the user's with the lines of their code."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from coco_core.errors import CocoError
from coco_flow.cli.user_code import user_traceback

if TYPE_CHECKING:
    from coco_flow.cli.terminal import Terminal

__all__ = ["error_json", "tell_error"]


def tell_error(terminal: Terminal, error: BaseException, prefix: str = "") -> None:
    """Write an error where the command's user sees it; in development mode, raise it.

    Args:
        terminal: Where to write.
        error: The error.
        prefix: What it is about, such as a flow's name.
    """
    if sys.flags.dev_mode:
        raise error
    told = _told(error)
    message = f"{prefix}: {told.message}" if prefix else told.message
    terminal.error(message, hint=told.hint, code=told.code, places=user_traceback(error))


def error_json(error: BaseException) -> dict[str, Any]:
    """Return an error as JSON."""
    told = _told(error)
    return {
        "code": told.code,
        "message": told.message,
        "hint": told.hint,
        "traceback": user_traceback(error) or None,
    }


def _told(error: BaseException) -> CocoError:
    if isinstance(error, CocoError):
        return error
    if user_traceback(error) or isinstance(error, OSError):
        return CocoError(f"{type(error).__name__}: {error}")
    return CocoError(
        f"coco-flow failed unexpectedly: {type(error).__name__}: {error}",
        hint="For the whole traceback: python -X dev -m coco_flow.cli … (the same words)",
    )
