"""Registry of sources: which connector reads what a source spec describes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from coco_flow.errors import DefinitionError
from coco_flow.op.spec import SourceSpec
from coco_flow.ports import SourceConnector

__all__ = ["SourceFactory", "open_source", "register_source"]

S = TypeVar("S", bound=SourceSpec)

SourceFactory: TypeAlias = Callable[[S], SourceConnector]
"""Makes the connector of a spec; it may read the source, because the schema may depend on it."""

# Specs of any class lead to factories of their own class, which a dict's type cannot say.
_factories: dict[type, SourceFactory[Any]] = {}
_lock = threading.Lock()


def register_source(spec_cls: type[S], factory: SourceFactory[S]) -> None:
    """Let `factory` open specs of this class; a later registration replaces an earlier one.

    The modules of the built-in sources register themselves, so that every spec of theirs is
    registered already. Replacing serves notebooks, where a cell runs again.
    """
    with _lock:
        _factories[spec_cls] = factory


def open_source(spec: SourceSpec) -> SourceConnector:
    """Return the connector of a spec, bound to it.

    Raises:
        DefinitionError: No source is registered for the spec's class, or the spec is not valid.
    """
    with _lock:
        found = next((_factories[c] for c in type(spec).__mro__ if c in _factories), None)
    if found is None:
        name = type(spec).__qualname__
        raise DefinitionError(
            f"{name!r} is not the spec of any source.",
            hint=f"Register its connector: @op.source_connector(spec_cls={name}, …)",
        )
    return found(spec)
