"""Types with a fixed set of values: for the engine a Literal or an Enum is its values' kind."""

from __future__ import annotations

import enum
import typing
from collections.abc import Callable
from typing import Any, Literal

from coco_flow.types.mismatch import Path, mismatch

__all__ = ["choice_kind", "choices_of", "is_enum", "make_enum_decoder", "make_enum_encoder"]

_KINDS: dict[type, str] = {str: "Str", int: "Int64"}


def choices_of(annotation: Any) -> list[Any] | None:
    """Return the plain values that a Literal or an Enum allows; None for any other type."""
    if typing.get_origin(annotation) is Literal:
        return list(typing.get_args(annotation))
    if is_enum(annotation):
        return [member.value for member in annotation]
    return None


def is_enum(annotation: Any) -> bool:
    """Say whether the annotation is a subclass of Enum."""
    return isinstance(annotation, enum.EnumMeta)


def choice_kind(annotation: Any) -> str | None:
    """Return the kind of the values of a Literal or an Enum; None if they have not all one."""
    choices = choices_of(annotation)
    kinds = {_KINDS.get(type(choice)) for choice in choices or ()}
    return kinds.pop() if len(kinds) == 1 else None


def make_enum_encoder(kind: type[enum.Enum], encode: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the encoder from a member, or its plain value, to what `encode` makes of the value."""
    return lambda value: encode(value.value if isinstance(value, kind) else value)


def make_enum_decoder(kind: type[enum.Enum], path: Path) -> Callable[[Any], Any]:
    """Return the decoder from a plain value to the member; None passes through it."""

    def decode(value: Any) -> Any:
        if value is None:
            return None
        try:
            return kind(value)
        except ValueError as error:
            raise mismatch(path, f"Expected a value of {kind.__name__}", value) from error

    return decode
