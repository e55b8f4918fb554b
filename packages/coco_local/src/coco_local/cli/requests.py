"""Requests built from arguments; a value that the wire rejects is a usage error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pydantic import ValidationError

from coco_core.errors import InvalidInput
from coco_protocol.base import Request
from coco_protocol.docs import FiltersBody

__all__ = ["build", "build_filters", "given"]

# Whoever typed it recognizes it by its beginning.
_MAX_SHOWN = 60

R = TypeVar("R", bound=Request)


def given(**values: object) -> dict[str, object]:
    """Return only what was given: not None, and no empty list."""
    return {name: value for name, value in values.items() if value is not None and value != []}


def build(kind: type[R], **values: object) -> R:
    """Return the request, with only what was given set in it.

    Raises:
        InvalidInput: a value that the service would refuse.
    """
    try:
        return kind(**given(**values))
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(str(part) for part in problem["loc"]) or kind.__name__
        reason = problem["msg"][:1].lower() + problem["msg"][1:]
        raise InvalidInput(
            f"The {field} {_shortened(problem['input'])} cannot be used: {reason}.",
            details={"field": field},
        ) from error


def build_filters(
    globs: Callable[[list[str]], list[str]],
    path: list[str] | None,
    exclude: list[str] | None,
    languages: list[str] | None,
    kinds: list[str] | None,
    *,
    since: str | None,
    symbol: str | None = None,
) -> FiltersBody:
    """Return the filters of the options that narrow a search; ``globs`` reads path patterns.

    Raises:
        InvalidInput: a value that the service would refuse.
    """
    return build(
        FiltersBody,
        include=globs(path or []),
        exclude=globs(exclude or []),
        languages=languages,
        kinds=kinds,
        since_revision=since,
        symbol=symbol,
    )


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
