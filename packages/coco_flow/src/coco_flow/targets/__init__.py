"""Targets that exports write to; each is imported when it is first used.

To add one, name its public classes in `_MODULES` and its kind in `registry.BUILT_IN`.
"""

from __future__ import annotations

import importlib
from typing import Any

_MODULES: dict[str, tuple[str, ...]] = {
    "coco_local": ("CocoLocal",),
    "coco_server": ("CocoServer", "CocoServerConnection"),
    "falkordb": ("FalkorDB", "FalkorDBConnection", "FalkorDBDeclaration"),
    "graph": (
        "NodeFromFields",
        "NodeMapping",
        "NodeReferenceMapping",
        "Nodes",
        "ReferencedNode",
        "RelationshipMapping",
        "Relationships",
        "TargetFieldMapping",
    ),
    "ladybug": (
        "Kuzu",
        "KuzuConnection",
        "KuzuDeclaration",
        "Ladybug",
        "LadybugConnection",
        "LadybugDeclaration",
        "LadybugFile",
    ),
    "neo4j": ("Neo4j", "Neo4jConnection", "Neo4jDeclaration"),
    "chromadb": ("ChromaDB",),
    "duckdb": ("DuckDB",),
    "files": ("Files",),
    "lancedb": ("LanceDB",),
    "parquet": ("Parquet",),
    "postgres": ("Postgres", "PostgresColumnOptions", "PostgresSqlCommand"),
    "qdrant": ("Qdrant", "QdrantConnection"),
    "registry": ("connector_by_kind", "connector_of", "kind_of", "register_target"),
    "sqlite": ("SQLite", "connect_sqlite"),
}

_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_MODULE_OF)  # noqa: PLE0605 - computed from the table above


# The type depends on the name, so that it cannot be annotated.
def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
