"""Rows in Parquet files, parted by the digest of their key, with a journal of what is to be merged.

A batch first goes into the journal, in hidden files beside the parts; merging it replaces each part
that it touches in one step. So a batch survives a crash at once, and a large build need not write
every part anew for every batch.
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

# Readers may wait so long for what is written while much is being written.
_PAUSE_SECONDS = 1.0

# Merging takes at most a tenth of the time, however large the parts have grown.
_PAUSE_PER_MERGE = 9.0

# More than so much is not kept in memory.
_JOURNAL_BYTES = 256 << 20

_DELETED = "__deleted"
_JOURNAL = ".coco_flow.journal."


def part_files(directory: Path) -> list[Path]:
    """Return the parts, and nothing else that lies in the directory."""
    return sorted(directory.glob("part-[0-9]*-of-[0-9]*.parquet"))


def remove_parts(directory: Path) -> None:
    """Remove the parts, the journal, and the directory if nothing else is in it."""
    for path in [*part_files(directory), *directory.glob(f"{_JOURNAL}*")]:
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
    """A directory of parts that an update writes to."""

    def __init__(self, directory: Path, count: int, columns: ArrowColumns) -> None:
        import pyarrow as pa

        self.directory, self.count, self.columns = directory, count, columns
        self._schema = columns.schema.append(pa.field(_DELETED, pa.bool_(), nullable=False))
        self._lock = threading.RLock()
        self._pending: list[Any] = []
        self._bytes = 0
        self._journals = sorted(directory.glob(f"{_JOURNAL}*"))
        self._merged_at = -float("inf")
        self._merge_seconds = 0.0
        for path in self._journals:
            with pa.memory_map(str(path)) as source:
                table = pa.ipc.open_file(source).read_all()
            # Of another set-up of the flow, after which every row is written again anyway.
            if table.schema.equals(self._schema):
                self._pending.append(table)
        if self._journals:
            self.merge()

    def write(self, upserts: Sequence[Any], deletes: Sequence[Any]) -> None:
        """Put a batch into the journal, and merge it when that is due."""
        table = self._batch(upserts, deletes)
        with self._lock:
            self._write_journal(table)
            pause = max(_PAUSE_SECONDS, _PAUSE_PER_MERGE * self._merge_seconds)
            if self._bytes > _JOURNAL_BYTES or time.monotonic() - self._merged_at >= pause:
                self.merge()

    def _write_journal(self, table: Any) -> None:
        number = int(self._journals[-1].name.removeprefix(_JOURNAL)) + 1 if self._journals else 1
        path = self.directory / f"{_JOURNAL}{number:09d}"
        self._save(table, path)
        self._journals.append(path)
        self._pending.append(table)
        self._bytes += table.nbytes

    def merge(self) -> None:
        """Bring the parts up to date and empty the journal."""
        import pyarrow as pa

        with self._lock:
            started = time.monotonic()
            if self._pending:
                table = pa.concat_tables(self._pending)
                for part, rows in self._by_part(table).items():
                    self._merge_part(part, table, rows)
            for path in self._journals:
                path.unlink(missing_ok=True)
            self._pending, self._journals, self._bytes = [], [], 0
            self._merged_at = time.monotonic()
            self._merge_seconds = self._merged_at - started

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

        temporary = self.directory / f"{_JOURNAL[:-1]}.tmp"
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
