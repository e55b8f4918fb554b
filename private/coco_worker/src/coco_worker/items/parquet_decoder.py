"""Parquet decoder: runs in a child process whose memory is bounded.

A page of some bytes may decode to gigabytes: lengths, runs and dictionaries multiply, and the
library bounds none of them. Run as ``python -m coco_worker.items.parquet_decoder <socket>``. The
parent sends ``O`` (sizes) and answers each ``R`` (a range) with bytes; the child sends ``S`` (names
of the columns), and after ``C`` (those wanted) a ``B`` for each batch of rows as an Arrow stream,
``L`` for a row that is too large, ``D`` at the end and ``E`` when the file cannot be read.
"""

from __future__ import annotations

import io
import json
import socket
import sys
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from coco_server.store.child_process import ChildEnded, Message, Pipe, limit_memory
from coco_server.store.range_file import RangeFile

__all__ = ["MESSAGE_BYTES", "main"]

MESSAGE_BYTES = 67_108_864
"""No message is longer."""

# What one batch of rows may take; a thousand rows with their vectors are about that.
_BATCH_BYTES = 4_194_304
_MOST_ROWS = 1024
# Values of a batch become Python objects of some 60 bytes each.
_MOST_VALUES = 500_000
# Bytes that each column reads ahead: without a buffer a whole column chunk would be held.
_COLUMN_BUFFER = 262_144


class _RemoteFile(RangeFile):
    """The file, whose bytes the parent has."""

    def __init__(self, parent: Pipe, size: int) -> None:
        super().__init__(size)
        self._parent = parent

    def _range(self, start: int, end: int) -> bytes:
        found = bytearray()
        while start + len(found) < end:
            place = start + len(found)
            part = min(end - place, MESSAGE_BYTES)
            self._parent.send(b"R", json.dumps([place, part]).encode())
            found += self._parent.receive(MESSAGE_BYTES).body
        return bytes(found)


def main(number: int) -> None:
    """Serve the parent at the other end of a socket."""
    parent = Pipe(socket.socket(fileno=number))
    order = json.loads(parent.receive(MESSAGE_BYTES).body)
    limit_memory(order["memory_bytes"])
    try:
        _decode(parent, _RemoteFile(parent, order["size"]), order["row_bytes"])
        parent.send(b"D")
    except MemoryError:
        parent.send(b"E", b"memory")
    except (pa.ArrowException, OSError, ValueError, TypeError, OverflowError) as error:
        parent.send(b"E", str(error)[:300].encode("utf-8", "replace"))


def _decode(parent: Pipe, file: io.RawIOBase, row_bytes: int) -> None:
    source = pq.ParquetFile(file, buffer_size=_COLUMN_BUFFER, pre_buffer=False)
    schema = source.schema_arrow
    for field in schema:
        _require_plain(field.name, field.type)
    parent.send(b"S", json.dumps(schema.names).encode())
    wanted: Message = parent.receive(MESSAGE_BYTES)
    columns = json.loads(wanted.body)
    for batch in source.iter_batches(batch_size=_rows(source), columns=columns, use_threads=False):
        for part in _portions(batch, row_bytes):
            if part is None:
                parent.send(b"L")
                continue
            sink = io.BytesIO()
            with pa.ipc.new_stream(sink, part.schema) as writer:
                writer.write_batch(part)
            parent.send(b"B", sink.getbuffer())


def _rows(source: pq.ParquetFile) -> int:
    meta = source.metadata
    size = sum(meta.row_group(each).total_byte_size for each in range(meta.num_row_groups))
    fitting = int(_BATCH_BYTES * meta.num_rows // max(size, 1))
    return max(1, min(_MOST_ROWS, fitting))


def _portions(batch: pa.RecordBatch, row_bytes: int) -> Iterator[pa.RecordBatch | None]:
    """Divide rows until each part is small; None stands for one row that is not."""
    plain = batch
    for place, column in enumerate(batch.columns):
        if pa.types.is_dictionary(column.type):
            plain = plain.set_column(place, batch.schema.names[place], column.dictionary_decode())
    size, values = plain.nbytes, sum(map(_values, plain.columns))
    if plain.num_rows <= 1:
        fits = size <= row_bytes and values <= _MOST_VALUES
    else:
        fits = size <= 2 * _BATCH_BYTES and values <= _MOST_VALUES
    if fits:
        yield plain
    elif plain.num_rows <= 1:
        yield None
    else:
        half = plain.num_rows // 2
        yield from _portions(plain.slice(0, half), row_bytes)
        yield from _portions(plain.slice(half), row_bytes)


def _values(column: pa.Array) -> int:
    """Return how many Python objects a column becomes, about."""
    kind = column.type
    if pa.types.is_struct(kind):
        return len(column) + sum(map(_values, column.flatten()))
    if pa.types.is_map(kind):
        offsets = column.offsets
        start, end = offsets[0].as_py(), offsets[-1].as_py()
        pairs = column.keys[start:end], column.items[start:end]
        return len(column) + sum(map(_values, pairs))
    if _is_list(kind):
        # Numbers in lists become one array and no objects.
        inner = kind.value_type
        if pa.types.is_floating(inner) or pa.types.is_integer(inner):
            return len(column)
        return len(column) + _values(column.flatten())
    return len(column)


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _require_plain(name: str, kind: pa.DataType) -> None:
    """Raise `TypeError` for types whose size in memory `_values` does not know."""
    if pa.types.is_struct(kind):
        for field in kind:
            _require_plain(name, field.type)
    elif pa.types.is_map(kind):
        _require_plain(name, kind.key_type)
        _require_plain(name, kind.item_type)
    elif _is_list(kind) or pa.types.is_dictionary(kind):
        _require_plain(name, kind.value_type)
    elif not (pa.types.is_primitive(kind) or kind in _PLAIN):
        raise TypeError(f"the column {name!r} has the type {kind}, which is not taken")


_PLAIN = (pa.null(), pa.bool_(), pa.string(), pa.large_string(), pa.binary(), pa.large_binary())


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    except ChildEnded:
        # The parent wants no more.
        sys.exit(0)
