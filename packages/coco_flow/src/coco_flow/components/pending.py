"""Marks for type checkers: whether a target was only declared, or is applied and can be used.

A function that declares a target returns it as pending; `use_mount` waits until it is applied and
gives back the resolved form. At run time both are the same object.
"""

from __future__ import annotations

from typing import Generic

from typing_extensions import TypeVar

__all__ = ["MaybePendingS", "PendingS", "ResolvedS", "ResolvesTo"]


class PendingS:
    """Type parameter of what is declared but not yet applied."""

    __slots__ = ()


class ResolvedS:
    """Type parameter of what is applied."""

    __slots__ = ()


ResolvedT_co = TypeVar("ResolvedT_co", covariant=True)
MaybePendingS = TypeVar("MaybePendingS", PendingS, ResolvedS, default=ResolvedS)


class ResolvesTo(Generic[ResolvedT_co]):
    """Base of pending types; says what `use_mount` returns for them."""

    __slots__ = ()
