"""Tells an error: CoCo's in their words, the user's with the lines of their code."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from coco_core.errors import CocoError
from coco_flow.cli.user_code import user_traceback

if TYPE_CHECKING:
    from coco_flow.cli.terminal import Terminal

__all__ = ["error_json", "tell_error", "told_error"]


def tell_error(terminal: Terminal, error: BaseException, prefix: str = "") -> None:
    """Write an error where the command's user sees it; in development mode, raise it.

    Args:
        terminal: Where to write.
        error: The error.
        prefix: What it is about, such as a flow's name.
    """
    if sys.flags.dev_mode:
        raise error
    told, places = told_error(error), user_traceback(error)
    message, hint = told.message, told.hint
    if not (places or isinstance(error, CocoError | OSError)):
        message = f"coco-flow failed unexpectedly: {message}"
        hint = "For the whole traceback: python -X dev -m coco_flow.cli … (the same words)"
    terminal.error(
        f"{prefix}: {message}" if prefix else message, hint=hint, code=told.code, places=places
    )


def error_json(error: BaseException) -> dict[str, Any]:
    """Return an error as JSON."""
    told = told_error(error)
    return {
        "code": told.code,
        "message": told.message,
        "hint": told.hint,
        "traceback": user_traceback(error) or None,
    }


def told_error(error: BaseException) -> CocoError:
    """Return an error as it is told: of what is not CoCo's, the type belongs to the message."""
    if isinstance(error, CocoError):
        return error
    return CocoError(f"{type(error).__name__}: {error}")
