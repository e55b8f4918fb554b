"""The error for a value that does not have its declared type, and the path to that value."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import Any, TypeAlias

from coco_flow.errors import DefinitionError, ValueMismatch

__all__ = ["Path", "does_not_fit", "format_path", "mismatch", "wrong_dimension"]

Path: TypeAlias = Sequence[str]
"""Names of fields from the outermost in; `[*]` is any row or element, `<key>` a table's key."""

# Long values are shortened: an error message is read by people.
_SHOWN_CHARACTERS = 80


def format_path(path: Path) -> str:
    """Return the path as one reads it in code, such as `person.tags[*].name`."""
    text = ""
    for part in path:
        name = part.removeprefix(".")
        text += name if not text or name.startswith("[") else f".{name}"
    return text


def mismatch(path: Path, problem: str, value: Any) -> ValueMismatch:
    """Return the error for `value` at `path`; `problem` says what is wrong, without a period."""
    message = f"{problem} at `{format_path(path)}`" if path else problem
    if value is not None:
        shown = repr(value)
        if len(shown) > _SHOWN_CHARACTERS:
            shown = f"{shown[:_SHOWN_CHARACTERS]}…"
        message += f", got {type(value).__name__}: {shown}"
    return ValueMismatch(f"{message}.", details={"path": [part.removeprefix(".") for part in path]})


def does_not_fit(path: Path, declared: Any, why: str) -> DefinitionError:
    """Return the error for a declared type that values of the engine's type cannot become."""
    place = f" for `{format_path(path)}`" if path else ""
    return DefinitionError(
        f"Type mismatch{place}: declared `{declared!r}`, {why}.",
        hint="Change the annotation, or what is passed.",
    )


def wrong_dimension(path: Path, expected: int, vector: Sized) -> ValueMismatch:
    """Return the error for a vector of another dimension than declared."""
    sizes = f"expected {expected} elements, got {len(vector)}"
    return mismatch(path, f"Vector dimension mismatch ({sizes})", None)
