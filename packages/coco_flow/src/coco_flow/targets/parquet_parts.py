"""Rows in Parquet files, partitioned by the digest of their key, with a journal of unmerged rows.

A batch first goes into the journal, in hidden files next to the parts; merging it replaces each
part that it touches in one step. So a batch survives a crash as soon as it is written, and a large
build need not rewrite every part for every batch.
"""

from __future__ import annotations

import contextlib
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coco_flow.targets.arrow_types import ArrowColumns

__all__ = ["Parts", "part_files", "rewrite_parts"]

# How long readers may wait for new rows during a large build.
_PAUSE_SECONDS = 1.0

# Merging takes at most a tenth of the time, however large the parts have grown.
_PAUSE_PER_MERGE = 9.0

# Unmerged rows of more than this are not kept in memory.
_JOURNAL_BYTES = 256 << 20

_DELETED = "__deleted"
_JOURNAL = ".coco_flow.journal."
_LOCK = ".coco_flow.lock"


def part_files(directory: Path) -> list[Path]:
    """Return the parts, and nothing else in the directory."""
    return sorted(directory.glob("part-[0-9]*-of-[0-9]*.parquet"))


def remove_parts(directory: Path) -> None:
    """Remove the parts, the journal, and the directory if nothing else is in it."""
    hidden = [*directory.glob(f"{_JOURNAL}*"), directory / _LOCK]
    for path in [*part_files(directory), *hidden]:
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        directory.rmdir()


def rewrite_parts(directory: Path, columns: ArrowColumns, lost: set[str]) -> None:
    """Give every part the columns asked for; those of `lost` become empty."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in part_files(directory):
        if pq.read_schema(path).equals(columns.schema):
            continue
        table = pq.read_table(path)
        arrays = [
            table.column(field.name)
            if field.name in table.column_names
            and field.name not in lost
            and table.schema.field(field.name).type == field.type
            else pa.nulls(table.num_rows, field.type)
            for field in columns.schema
        ]
        _write(pa.table(arrays, schema=columns.schema), path)


class Parts:
    """A directory of parts that an update writes to; several processes may share one."""

    def __init__(self, directory: Path, count: int, columns: ArrowColumns) -> None:
        import pyarrow as pa
        from filelock import FileLock

        self.directory, self.count, self.columns = directory, count, columns
        self._schema = columns.schema.append(pa.field(_DELETED, pa.bool_(), nullable=False))
        self._threads, self._processes = threading.RLock(), FileLock(directory / _LOCK)
        # What this process has put into the journal, to be merged without reading it.
        self._pending: dict[Path, Any] = {}
        self._bytes = 0
        self._merged_at = -float("inf")
        self._merge_seconds = 0.0
        if self._journal():
            self.merge()

    def write(self, upserts: Sequence[Any], deletes: Sequence[Any]) -> None:
        """Put a batch into the journal, and merge it when that is due."""
        table = self._batch(upserts, deletes)
        with self._threads, self._processes:
            journal = self._journal()
            number = int(journal[-1].name.removeprefix(_JOURNAL)) + 1 if journal else 1
            path = self.directory / f"{_JOURNAL}{number:09d}"
            self._save(table, path)
            self._pending[path] = table
            self._bytes += table.nbytes
            pause = max(_PAUSE_SECONDS, _PAUSE_PER_MERGE * self._merge_seconds)
            if self._bytes > _JOURNAL_BYTES or time.monotonic() - self._merged_at >= pause:
                self.merge()

    def merge(self) -> None:
        """Bring the parts up to date and empty the journal, also of other processes' batches."""
        import pyarrow as pa

        with self._threads, self._processes:
            started = time.monotonic()
            journal = self._journal()
            tables = [self._pending.get(path) or self._read(path) for path in journal]
            # Another set-up of the flow writes every row again anyway.
            tables = [table for table in tables if table.schema.equals(self._schema)]
            if tables:
                table = pa.concat_tables(tables)
                for part, rows in self._by_part(table).items():
                    self._merge_part(part, table, rows)
            for path in journal:
                path.unlink()
            self._pending, self._bytes = {}, 0
            self._merged_at = time.monotonic()
            self._merge_seconds = self._merged_at - started

    def _journal(self) -> list[Path]:
        return sorted(self.directory.glob(f"{_JOURNAL}*"))

    def _read(self, path: Path) -> Any:
        import pyarrow as pa

        with pa.memory_map(str(path)) as source:
            return pa.ipc.open_file(source).read_all()

    def _batch(self, upserts: Sequence[Any], deletes: Sequence[Any]) -> Any:
        import pyarrow as pa

        written = self.columns.table(upserts)
        kept = pa.array([False] * written.num_rows, pa.bool_())
        written = written.append_column(self._schema.field(_DELETED), kept)
        keys = self.columns.keys(deletes)
        count, width = keys.num_rows, len(self.columns.key_schema)
        empty = [pa.nulls(count, field.type) for field in self.columns.schema][width:]
        arrays = [*keys.columns, *empty, pa.array([True] * count, pa.bool_())]
        return pa.concat_tables([written, pa.table(arrays, schema=self._schema)])

    def _save(self, table: Any, path: Path) -> None:
        import pyarrow as pa

        temporary = self.directory / ".coco_flow.new"
        with pa.OSFile(str(temporary), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        temporary.replace(path)

    def _keys(self, table: Any) -> list[Any]:
        names = self.columns.key_schema.names
        lists = [map(_hashable, table.column(name).to_pylist()) for name in names]
        return list(zip(*lists, strict=True))

    def _by_part(self, table: Any) -> dict[int, dict[Any, int]]:
        """Return, for each part, the last row of each key in the journal."""
        parts: dict[int, dict[Any, int]] = defaultdict(dict)
        for place, key in enumerate(self._keys(table)):
            parts[zlib.crc32(repr(key).encode()) % self.count][key] = place
        return parts

    def _merge_part(self, part: int, table: Any, rows: dict[Any, int]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.directory / f"part-{part:05d}-of-{self.count:05d}.parquet"
        changed = table.take(pa.array(list(rows.values())))
        changed = changed.filter(pa.compute.invert(changed.column(_DELETED)))
        merged = changed.drop_columns([_DELETED])
        if path.exists():
            old = pq.read_table(path, schema=self.columns.schema)
            keep = pa.array([key not in rows for key in self._keys(old)], pa.bool_())
            merged = pa.concat_tables([old.filter(keep), merged])
        if merged.num_rows:
            _write(merged, path)
        else:
            path.unlink(missing_ok=True)


def _write(table: Any, path: Path) -> None:
    import pyarrow.parquet as pq

    temporary = path.with_name(f".{path.name}.tmp")
    pq.write_table(table, temporary, compression="zstd")
    temporary.replace(path)


def _hashable(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(_hashable(each) for each in value.values())
    if isinstance(value, list):
        return tuple(_hashable(each) for each in value)
    return value
