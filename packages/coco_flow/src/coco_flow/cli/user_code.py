"""Finds the lines of the user's own code that led to an error."""

from __future__ import annotations

import os
import sysconfig
import traceback
from pathlib import Path

__all__ = ["has_user_code", "user_traceback"]

_PACKAGES = Path(__file__).resolve().parents[2]
# Folders of code that is not the user's: the standard library, installed packages, this package.
_OTHERS = tuple(
    os.path.join(os.path.realpath(str(folder)), "")  # noqa: PTH118 - a prefix with its separator
    for folder in (
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        _PACKAGES / "coco_flow",
        _PACKAGES.parents[1] / "coco_core" / "src",
        _PACKAGES.parents[1] / "coco_embed" / "src",
    )
)


def user_traceback(error: BaseException) -> str:
    """Return a traceback of the user's frames alone, without the message; "" if there is none.

    The cause of an error that this package raised is looked at as well.
    """
    shown = _user_frames(error)
    if isinstance(error, SyntaxError) and error.filename:
        shown += "".join(_syntax_lines(error))
    if not shown and error.__cause__ is not None:
        return user_traceback(error.__cause__)
    return shown.rstrip("\n")


def has_user_code(error: BaseException) -> bool:
    """Say whether the user's code had a part in the error."""
    return bool(user_traceback(error))


def _user_frames(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame)]
    for frame in frames:
        frame.filename = _near(frame.filename)
    return "".join(traceback.format_list(frames))


def _syntax_lines(error: SyntaxError) -> list[str]:
    # The last line repeats the message.
    lines = traceback.format_exception_only(error)[:-1]
    return [line.replace(str(error.filename), _near(str(error.filename))) for line in lines]


def _is_users(frame: traceback.FrameSummary) -> bool:
    if frame.filename.startswith("<"):
        return False
    path = os.path.realpath(frame.filename)
    if f"{os.sep}site-packages{os.sep}" in path:
        return False
    return not path.startswith(_OTHERS) and not _is_console_script(path)


def _is_console_script(path: str) -> bool:
    return Path(path).parent == Path(sysconfig.get_path("scripts"))


def _near(filename: str) -> str:
    """Return the path relative to the working directory where that is shorter to read."""
    try:
        relative = os.path.relpath(filename)
    except ValueError:
        # Another drive.
        return filename
    return relative if not relative.startswith("..") else filename
