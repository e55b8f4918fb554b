"""Indexes of a LanceDB table as target states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from coco_flow import components as coco
from coco_flow.components.connectorkits.table_state import FingerprintHandler, Named
from coco_flow.components.connectors.lancedb.driver import LanceAsyncConnection, lancedb_index

__all__ = ["FtsIndex", "FtsIndexes", "VectorIndex", "VectorIndexes"]


class VectorIndex(msgspec.Struct, frozen=True, array_like=True):
    """An index that finds near vectors."""

    column: str
    metric: str
    index_type: str
    num_partitions: int | None
    num_sub_vectors: int | None
    num_bits: int | None
    m: int | None
    ef_construction: int | None

    def config(self) -> Any:
        """Return it as LanceDB has it."""
        kinds = {
            "ivf_pq": (lancedb_index.IvfPq, ("num_partitions", "num_sub_vectors", "num_bits")),
            "hnsw_pq": (
                lancedb_index.HnswPq,
                ("m", "ef_construction", "num_sub_vectors", "num_bits"),
            ),
        }
        if self.index_type not in kinds:
            raise ValueError(
                f"Unsupported LanceDB vector index type: {self.index_type!r}. "
                "Supported types are 'ivf_pq' and 'hnsw_pq'."
            )
        kind, names = kinds[self.index_type]
        given = {name: getattr(self, name) for name in names}
        options = {name: value for name, value in given.items() if value is not None}
        return kind(distance_type=self.metric, **options)


class FtsIndex(msgspec.Struct, frozen=True, array_like=True):
    """An index that finds words."""

    column: str
    language: str
    with_position: bool

    def config(self) -> Any:
        """Return it as LanceDB has it."""
        return lancedb_index.FTS(language=self.language, with_position=self.with_position)


class _Indexes(FingerprintHandler):
    """Reconciles the indexes of one kind of one table."""

    def __init__(self, conn: LanceAsyncConnection, table_name: str) -> None:
        self._conn = conn
        self._table_name = table_name
        self.sink = coco.TargetActionSink.from_async_fn(self._apply)

    async def _apply(
        self, _context_provider: coco.ContextProvider, actions: Sequence[Named], /
    ) -> None:
        table = await self._conn.open_table(self._table_name)
        for action in actions:
            if action.spec is not None:
                await table.create_index(
                    action.spec.column, config=action.spec.config(), replace=True, name=action.name
                )
            elif action.name in {index.name for index in await table.list_indices()}:
                await table.drop_index(action.name)


class VectorIndexes(_Indexes):
    """Reconciles the vector indexes of one table."""


class FtsIndexes(_Indexes):
    """Reconciles the full-text indexes of one table."""
