"""The error for a value that does not have its declared type, and the path to that value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from coco_flow.errors import ValueMismatch

__all__ = ["Path", "format_path", "mismatch"]

Path: TypeAlias = Sequence[str]
"""Names of fields from the outermost in; `[*]` is any row or element, `<key>` a table's key."""

# Long values are cut: an error message is read by people.
_SHOWN_CHARACTERS = 80


def format_path(path: Path) -> str:
    """Return the path as one reads it in code, such as `person.tags[*].name`."""
    text = ""
    for part in path:
        name = part.removeprefix(".")
        text += name if not text or name.startswith("[") else f".{name}"
    return text


def mismatch(path: Path, problem: str, value: Any) -> ValueMismatch:
    """Return the error for `value` at `path`; `problem` ends where the path goes on."""
    message = f"{problem} `{format_path(path)}`"
    if value is not None:
        shown = repr(value)
        if len(shown) > _SHOWN_CHARACTERS:
            shown = f"{shown[:_SHOWN_CHARACTERS]}…"
        message += f", got {type(value).__name__}: {shown}"
    return ValueMismatch(f"{message}.", details={"path": [part.removeprefix(".") for part in path]})
