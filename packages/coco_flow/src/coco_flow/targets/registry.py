"""Registry of target connectors: finds the connector of a target's spec.

A connector is stored and looked up by its *kind*, the name of its spec class, because dropping a
target may have to work from stored state alone, when no spec exists any more.
"""

from __future__ import annotations

import importlib
import logging
import threading
from typing import Any

from coco_flow.errors import DefinitionError
from coco_flow.ports import TargetConnector

__all__ = ["BUILT_IN", "connector_by_kind", "connector_of", "kind_of", "register_target"]

_log = logging.getLogger(__name__)

BUILT_IN: dict[str, str] = {
    "ChromaDB": "coco_flow.targets.chromadb",
    "CocoLocal": "coco_flow.targets.coco_local",
    "CocoServer": "coco_flow.targets.coco_server",
    "DuckDB": "coco_flow.targets.duckdb",
    "FalkorDB": "coco_flow.targets.falkordb",
    "Files": "coco_flow.targets.files",
    "Ladybug": "coco_flow.targets.ladybug",
    "LanceDB": "coco_flow.targets.lancedb",
    "Neo4j": "coco_flow.targets.neo4j",
    "Parquet": "coco_flow.targets.parquet",
    "Postgres": "coco_flow.targets.postgres",
    "Qdrant": "coco_flow.targets.qdrant",
    "SQLite": "coco_flow.targets.sqlite",
}
"""Kinds that ship with coco_flow, and the module that registers each when it is imported."""

_by_class: dict[type[Any], TargetConnector] = {}
_by_kind: dict[str, tuple[type[Any], TargetConnector]] = {}
# Held while registering only: a lookup imports modules, and an import may register.
_lock = threading.Lock()


def register_target(spec_cls: type[Any], connector: TargetConnector) -> None:
    """Make `connector` serve the targets whose spec is a `spec_cls`; the last call for one wins."""
    kind = _kind_of_class(spec_cls)
    with _lock:
        known = _by_kind.get(kind)
        if known is not None and known[0].__module__ != spec_cls.__module__:
            _log.warning(
                "Two target specs are named %s, in %s and in %s: stored set-ups of either are "
                "served by the connector of the latter from now on.",
                kind,
                known[0].__module__,
                spec_cls.__module__,
            )
        _by_class[spec_cls] = connector
        _by_kind[kind] = (spec_cls, connector)


def kind_of(spec: object) -> str:
    """Return the kind under which set-up state of this spec's target is stored."""
    return _kind_of_class(_served_class(spec))


def connector_of(spec: object) -> TargetConnector:
    """Return the connector of a spec, or of the nearest class that it derives from.

    Raises:
        DefinitionError: No connector is registered for it.
    """
    return _by_class[_served_class(spec)]


def connector_by_kind(kind: str) -> TargetConnector:
    """Return the connector of a kind, as `kind_of` gave it.

    Raises:
        DefinitionError: No connector of that kind is registered.
    """
    if kind not in _by_kind and kind in BUILT_IN:
        importlib.import_module(BUILT_IN[kind])
    if kind not in _by_kind:
        raise DefinitionError(
            f"There is no target connector of kind {kind!r}.",
            hint="Import the module that defines it before setting up or dropping its targets.",
        )
    return _by_kind[kind][1]


def _served_class(spec: object) -> type[Any]:
    cls = type(spec)
    for base in cls.__mro__:
        if base not in _by_class and _is_built_in(base):
            importlib.import_module(BUILT_IN[base.__name__])
        if base in _by_class:
            return base
    raise DefinitionError(
        f"There is no target connector for {cls.__module__}.{cls.__qualname__}.",
        hint=f"Decorate one: @op.target_connector(spec_cls={cls.__name__})",
    )


def _is_built_in(cls: type[Any]) -> bool:
    return cls.__name__ in BUILT_IN and cls.__module__.startswith("coco_flow.targets.")


def _kind_of_class(cls: type[Any]) -> str:
    name = cls.__name__
    # A user's class may have the name of a built-in one; stored state must distinguish them.
    return f"custom:{name}" if name in BUILT_IN and not _is_built_in(cls) else name
