"""Values that mean "nothing": NOT_SET for an absent argument, NON_EXISTENCE for an absent state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from typing_extensions import TypeIs

__all__ = [
    "NON_EXISTENCE",
    "NOT_SET",
    "NonExistenceType",
    "NotSetType",
    "is_non_existence",
    "is_not_set",
]


class _Single:
    """A class with one instance, which survives copying and pickling."""

    __slots__ = ()
    _name = ""
    _instance: Self | None = None

    def __new__(cls) -> Self:
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __repr__(self) -> str:
        return self._name


class NotSetType(_Single):
    """Type of NOT_SET."""

    __slots__ = ()
    _name = "NOT_SET"
    _instance = None


class NonExistenceType(_Single):
    """Type of NON_EXISTENCE."""

    __slots__ = ()
    _name = "NON_EXISTENCE"
    _instance = None


NOT_SET = NotSetType()
NON_EXISTENCE = NonExistenceType()


def is_not_set(value: Any) -> TypeIs[NotSetType]:
    """Say whether an argument was left out."""
    return value is NOT_SET


def is_non_existence(obj: Any) -> TypeIs[NonExistenceType]:
    """Say whether a state does not exist."""
    return obj is NON_EXISTENCE
