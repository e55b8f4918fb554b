"""LanceDB: the terms and the vectors of one index, by chunk key.

Two tables, both append and delete only. Rows arrive in batches from the memory index, which answers
meanwhile (see index/memory.py): one small write for each edited file makes LanceDB 25 to 80 times
slower after 1,000 edits. `compact` merges fragments and drops old versions, so that both stay
bounded.
"""

from __future__ import annotations

import shutil
import stat
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import structlog
from numpy.typing import NDArray

from coco_core.bm25 import FIELDS, TermVector
from coco_core.types import FloatMatrix
from coco_embed.disk_usage import disk_usage
from coco_embed.memory import release_freed_memory
from coco_local.store.lance_import import import_lancedb

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

__all__ = ["LanceStats", "LanceStore", "TermTable", "VectorTable"]

log = structlog.get_logger(__name__)

# Every append makes a fragment and a version. Scans stay fast below some tens of either, and
# merging 20,000 rows takes 0.15 s, so that compaction after this many writes costs little.
_COMPACT_AFTER = 24

# Keys of one delete statement; longer lists make its parser the bottleneck.
_DELETE_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class TermTable:
    """The terms of n chunks as compressed rows: chunk i has indptr[i] to indptr[i + 1]."""

    keys: NDArray[np.int64]
    """int64[n]"""
    indptr: NDArray[np.int64]
    """int64[n + 1]"""
    ids: NDArray[np.uint64]
    """uint64[t]"""
    frequencies: NDArray[np.uint8]
    """uint8[t, fields]"""
    lengths: NDArray[np.float32]
    """float32[n, fields]"""


@dataclass(frozen=True, slots=True)
class VectorTable:
    """Vectors of n chunks."""

    keys: NDArray[np.int64]
    """int64[n]"""
    vectors: NDArray[np.float16]
    """float16[n, d]"""


@dataclass(frozen=True, slots=True)
class LanceStats:
    """Size and health of the two tables together."""

    rows: int
    versions: int
    fragments: int
    bytes: int


class LanceStore:
    """The tables of one index in a directory of their own.

    Not thread-safe for writing: the index flushes from one thread at a time.
    """

    def __init__(self, directory: Path, dimension: int) -> None:
        self._directory = directory
        self._dimension = dimension
        self._writes = 0
        self._lock = threading.Lock()
        self.rebuilt = False
        try:
            self._open()
        except (OSError, RuntimeError, ValueError) as error:
            log.warning("store_rebuilt", path=str(directory), reason=str(error))
            self._start_anew()

    @staticmethod
    def state_of(directory: Path) -> dict[str, list[int]]:
        """Return every file of the tables with its size and time, without opening them."""
        return {
            path.relative_to(directory).as_posix(): [status.st_size, status.st_mtime_ns]
            for path in sorted(directory.glob("*.lance/**/*"))
            if stat.S_ISREG((status := path.lstat()).st_mode)
        }

    def _open(self) -> None:
        import pyarrow as pa

        lancedb = import_lancedb()
        self._directory.mkdir(parents=True, exist_ok=True)
        database = lancedb.connect(self._directory)
        self._term_schema = pa.schema(
            [
                ("key", pa.int64()),
                ("ids", pa.list_(pa.uint64())),
                ("frequencies", pa.list_(pa.uint8())),  # FIELDS values for each id
                ("lengths", pa.list_(pa.float32(), len(FIELDS))),
            ]
        )
        self._vector_schema = pa.schema(
            [("key", pa.int64()), ("vector", pa.list_(pa.float16(), self._dimension))]
        )
        self._terms = database.create_table("terms", schema=self._term_schema, exist_ok=True)
        self._vectors = database.create_table("vectors", schema=self._vector_schema, exist_ok=True)
        for table, schema in (
            (self._terms, self._term_schema),
            (self._vectors, self._vector_schema),
        ):
            if table.schema != schema:
                raise ValueError(f"table {table.name!r} has another schema")

    def _start_anew(self) -> None:
        shutil.rmtree(self._directory, ignore_errors=True)
        self._open()
        self.rebuilt = True

    def load(self) -> tuple[TermTable, VectorTable]:
        """Read all rows; tables whose files are damaged are begun anew, and then empty."""
        try:
            return self.load_terms(), self.load_vectors()
        except (OSError, RuntimeError, ValueError) as error:
            log.warning("store_rebuilt", path=str(self._directory), reason=str(error))
            self._start_anew()
            return self.load_terms(), self.load_vectors()

    def load_terms(self) -> TermTable:
        """Read every row of the term table."""
        table = self._terms.to_arrow().combine_chunks()
        ids = _column(table, "ids")
        frequencies = _column(table, "frequencies")
        return TermTable(
            keys=_column(table, "key").to_numpy().astype(np.int64),
            indptr=ids.offsets.to_numpy().astype(np.int64) - ids.offsets[0].as_py(),
            ids=ids.flatten().to_numpy().astype(np.uint64),
            frequencies=frequencies.flatten().to_numpy().astype(np.uint8).reshape(-1, len(FIELDS)),
            lengths=_column(table, "lengths").flatten().to_numpy().reshape(-1, len(FIELDS)),
        )

    def load_vectors(self) -> VectorTable:
        """Read every row of the vector table."""
        table = self._vectors.to_arrow().combine_chunks()
        flat = _column(table, "vector").flatten().to_numpy()
        return VectorTable(
            keys=_column(table, "key").to_numpy().astype(np.int64),
            vectors=flat.reshape(-1, self._dimension),
        )

    def add_terms(self, keys: Sequence[int], terms: Sequence[TermVector]) -> None:
        """Append the terms of chunks."""
        if not keys:
            return
        import pyarrow as pa

        counts = [0, *np.cumsum([len(term.ids) for term in terms]).tolist()]
        ids = np.concatenate([term.ids for term in terms])
        frequencies = np.concatenate([term.frequencies.ravel() for term in terms])
        lengths = np.array([term.lengths for term in terms], np.float32)
        self._append(
            self._terms,
            pa.table(
                [
                    pa.array(keys, pa.int64()),
                    pa.ListArray.from_arrays(pa.array(counts, pa.int32()), pa.array(ids)),
                    pa.ListArray.from_arrays(
                        pa.array([count * len(FIELDS) for count in counts], pa.int32()),
                        pa.array(frequencies),
                    ),
                    pa.FixedSizeListArray.from_arrays(pa.array(lengths.ravel()), len(FIELDS)),
                ],
                schema=self._term_schema,
            ),
        )

    def add_vectors(self, keys: Sequence[int], vectors: FloatMatrix) -> None:
        """Append the vectors, float32[n, d], of chunks."""
        if not keys:
            return
        import pyarrow as pa

        halves = pa.array(vectors.astype(np.float16).ravel())
        self._append(
            self._vectors,
            pa.table(
                [
                    pa.array(keys, pa.int64()),
                    pa.FixedSizeListArray.from_arrays(halves, self._dimension),
                ],
                schema=self._vector_schema,
            ),
        )

    def delete(self, keys: Sequence[int]) -> None:
        """Remove chunks from both tables."""
        self._delete(self._terms, keys)
        self._delete(self._vectors, keys)

    def delete_vectors(self, keys: Sequence[int]) -> None:
        """Remove the vectors of chunks."""
        self._delete(self._vectors, keys)

    def _delete(self, table: Table, keys: Sequence[int]) -> None:
        for start in range(0, len(keys), _DELETE_BATCH):
            listed = ",".join(str(int(key)) for key in keys[start : start + _DELETE_BATCH])
            table.delete(f"key IN ({listed})")
            self._writes += 1

    def compact(self) -> bool:
        """Merge fragments and drop old versions when enough was written; True if it was done."""
        if self._writes < _COMPACT_AFTER:
            return False
        import warnings

        import pyarrow as pa

        with warnings.catch_warnings():
            # It warns that other processes may still read old versions: there is one process.
            warnings.simplefilter("ignore", UserWarning)
            for table in (self._terms, self._vectors):
                table.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)
        self._writes = 0
        # What merging needed is kept for later otherwise, and a process that idles looks large.
        pa.default_memory_pool().release_unused()
        release_freed_memory()
        return True

    def stats(self) -> LanceStats:
        """Return size and health."""
        # Annotated as an object, but lancedb 0.40 returns plain dictionaries.
        stats = [cast("dict[str, Any]", t.stats()) for t in (self._terms, self._vectors)]
        return LanceStats(
            rows=stats[0]["num_rows"],
            versions=sum(len(table.list_versions()) for table in (self._terms, self._vectors)),
            fragments=sum(stat["fragment_stats"]["num_fragments"] for stat in stats),
            bytes=disk_usage(self._directory),
        )

    def _append(self, table: object, rows: pa.Table) -> None:
        table.add(rows)  # type: ignore[attr-defined]  # lancedb's table, imported lazily
        self._writes += 1


def _column(table: pa.Table, name: str) -> pa.Array:
    """Return a column as one array, also when the table has no rows at all."""
    column = table[name]
    chunks = column.chunks
    if len(chunks) == 1:
        return chunks[0]
    import pyarrow as pa

    return pa.concat_arrays(chunks) if chunks else pa.array([], column.type)
