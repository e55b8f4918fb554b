"""Error reports: CoCo's errors with hints, others with the lines of the user's code."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from coco_core.errors import CocoError
from coco_flow.cli.user_code import user_traceback

if TYPE_CHECKING:
    from coco_flow.cli.terminal import Terminal

__all__ = ["as_coco_error", "error_json", "report_error"]


def report_error(terminal: Terminal, error: BaseException, prefix: str = "") -> None:
    """Write an error where the command's user sees it; in development mode, raise it.

    Args:
        terminal: Where to write.
        error: The error.
        prefix: What it is about, such as a flow's name.
    """
    if sys.flags.dev_mode:
        raise error
    reported, places = as_coco_error(error), user_traceback(error)
    message, hint = reported.message, reported.hint
    if not (places or isinstance(error, CocoError | OSError)):
        message = f"coco-flow failed unexpectedly: {message}"
        hint = "For the whole traceback: python -X dev -m coco_flow.cli … (the same words)"
    terminal.error(
        f"{prefix}: {message}" if prefix else message, hint=hint, code=reported.code, places=places
    )


def error_json(error: BaseException) -> dict[str, Any]:
    """Return an error as JSON."""
    reported = as_coco_error(error)
    return {
        "code": reported.code,
        "message": reported.message,
        "hint": reported.hint,
        "traceback": user_traceback(error) or None,
    }


def as_coco_error(error: BaseException) -> CocoError:
    """Return an error as one of CoCo's; the message of another begins with its type."""
    if isinstance(error, CocoError):
        return error
    return CocoError(f"{type(error).__name__}: {error}")
