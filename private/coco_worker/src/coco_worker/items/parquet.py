"""Parquet reader: items by batches of rows that a child process decodes, vectors as arrays."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from coco_core.errors import InvalidInput, Unreadable
from coco_core.parquet_footer import FOOTER_TAIL_BYTES, footer_bytes, read_counts
from coco_core.types import FloatVector
from coco_server.store.child_process import ChildEnded, ChildProcess
from coco_worker.items import parquet_decoder
from coco_worker.items.allow import ALLOW_COLUMNS, with_allow_columns
from coco_worker.items.check import FIELDS
from coco_worker.items.decode import Raw
from coco_worker.items.item import ItemLimits, Rejection, RejectionReason
from coco_worker.items.parquet_decoder import MESSAGE_BYTES

__all__ = ["read_parquet"]

# Columns that may stand beside the item's own fields, for writers without nested columns.
_META_COLUMNS = ("quality_score", "verified", "tags", "changed_at")

# A page is decoded in a second or so.
_BATCH_SECONDS = 120.0
_MOST_GROWTH = 100


def read_parquet(
    file: io.RawIOBase, limits: ItemLimits, check: Callable[[], None] | None = None
) -> Iterator[Raw]:
    """Yield the rows of a file that can seek, one by one as plain data; vectors as float32 arrays.

    However the file is made, its decoder takes at most ``decoder_bytes``, in its own process.

    Args:
        file: the whole file.
        limits: rows above ``item_bytes`` are rejected.
        check: called while the decoder works; what it raises ends it.

    Raises:
        Unreadable: it is no Parquet file, a damaged one, or takes too much when it is decoded.
        InvalidInput: a column is missing or not known.
    """
    size = _check_footer(file)
    with ChildProcess(parquet_decoder.__name__, seconds=_BATCH_SECONDS, check=check) as child:
        try:
            yield from _Decoded(child, file, size, limits).rows()
        except ChildEnded as error:
            raise _too_much("stopped its decoder") from error


def _check_footer(file: io.RawIOBase) -> int:
    """Return the file's size; a footer that lies is not given to the decoder."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - FOOTER_TAIL_BYTES))
    try:
        length = footer_bytes(file.read(FOOTER_TAIL_BYTES) or b"", size)
        file.seek(size - FOOTER_TAIL_BYTES - length)
        read_counts(file.read(length) or b"", size)
    except InvalidInput as error:
        raise Unreadable(error.message, hint=error.hint) from error
    return size


class _Decoded:
    """What a decoder makes of one file."""

    def __init__(
        self, child: ChildProcess, file: io.RawIOBase, size: int, limits: ItemLimits
    ) -> None:
        self._child = child
        self._file = file
        self._limits = limits
        self._total = 0
        self._most = limits.decoded_bytes + _MOST_GROWTH * size
        order = {
            "size": size,
            "memory_bytes": limits.decoder_bytes,
            "row_bytes": limits.item_bytes,
        }
        child.send(b"O", json.dumps(order).encode())

    def rows(self) -> Iterator[Raw]:
        index = 0
        while True:
            kind, body = self._child.receive(MESSAGE_BYTES)
            if kind == b"R":
                self._serve(*json.loads(body))
            elif kind == b"S":
                self._child.send(b"C", json.dumps(_columns(json.loads(body))).encode())
            elif kind == b"B":
                batch = self._batch(body)
                yield from _rows(index, batch)
                index += batch.num_rows
            elif kind == b"L":
                message = (
                    f"The row has more than {self._limits.item_bytes} bytes, or too many values."
                )
                yield index, Rejection(index, RejectionReason.TOO_LARGE, message)
                index += 1
            elif kind == b"E":
                raise self._failure(body.decode("utf-8", "replace"))
            else:
                return

    def _serve(self, place: int, size: int) -> None:
        self._file.seek(place)
        self._child.send(b"D", self._file.read(size) or b"")

    def _batch(self, body: bytearray) -> pa.RecordBatch:
        self._total += len(body)
        if self._total > self._most:
            raise _too_much(f"decodes to more than {self._most} bytes")
        try:
            with pa.ipc.open_stream(body) as stream:
                return stream.read_next_batch()
        except pa.ArrowException as error:
            raise _failed(str(error)) from error

    def _failure(self, reason: str) -> Unreadable:
        if reason == "memory":
            most = self._limits.decoder_bytes >> 20
            return _too_much(f"needs more than {most} MiB to be decoded")
        return _failed(reason)


def _failed(reason: str) -> Unreadable:
    return Unreadable(
        f"The import cannot be read as Parquet: {reason.rstrip('.')}.",
        hint="Check that the upload is complete and of the format that it says.",
    )


def _too_much(what: str) -> Unreadable:
    return Unreadable(
        f"The Parquet file {what}.",
        hint="Write pages of about 1 MiB and texts without long runs of equal values, or send "
        "NDJSON.",
    )


def _columns(names: list[str]) -> list[str]:
    known = FIELDS | set(_META_COLUMNS) | set(ALLOW_COLUMNS)
    unknown = sorted(set(names) - known)
    if unknown:
        raise InvalidInput(
            f"The Parquet file has a column {unknown[0][:100]!r}, which is not known.",
            hint=f"Leave it out, or put it into meta. Known: {', '.join(sorted(known))}.",
        )
    if "allow" in names and set(ALLOW_COLUMNS) & set(names):
        raise InvalidInput(
            "The Parquet file has the column allow, and one of its parts as a column, too.",
            hint=f"Send allow, or {' and '.join(ALLOW_COLUMNS)}.",
        )
    if "doc_id" not in names or not {"content", "chunks"} & set(names):
        raise InvalidInput(
            f"The Parquet file has the columns {', '.join(names) or '(none)'}.",
            hint="It needs doc_id, and content or chunks.",
        )
    if len(set(names)) < len(names):
        raise InvalidInput(
            "The Parquet file has two columns of one name.", hint="Write each column once."
        )
    return names


def _rows(start: int, batch: pa.RecordBatch) -> Iterator[Raw]:
    try:
        rows = _plain_rows(batch)
    except (ValueError, OverflowError, pa.ArrowException) as error:
        # Texts that are not UTF-8, times outside the calendar: one by one, to name the row.
        if batch.num_rows > 1:
            for place in range(batch.num_rows):
                yield from _rows(start + place, batch.slice(place, 1))
            return
        message = f"The row holds a value that cannot be read: {str(error)[:200]}."
        rows = [Rejection(start, RejectionReason.WRONG_TYPE, message)]
    yield from enumerate(rows, start)


def _plain_rows(batch: pa.RecordBatch) -> list[Any]:
    columns: dict[str, Any] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        columns[name] = _vectors(column) if name == "vector" else column.to_pylist()
        if pa.types.is_map(column.type):
            # A map comes as pairs.
            columns[name] = [
                pairs and {str(key): each for key, each in pairs} for pairs in columns[name]
            ]
    names = list(columns)
    return [
        _row(dict(zip(names, values, strict=True)))
        for values in zip(*columns.values(), strict=True)
    ]


def _row(row: dict[str, Any]) -> dict[str, Any]:
    with_allow_columns(row)
    meta = row.get("meta")
    if isinstance(meta, str):
        try:
            meta = orjson.loads(meta)
        except orjson.JSONDecodeError:
            # Left as the text that it is: the check says what it should be.
            return row
    for name in _META_COLUMNS:
        value = row.pop(name, None)
        if value is not None:
            if meta is not None and not isinstance(meta, dict):
                # The check says what it should be.
                break
            meta = {**(meta or {}), name: value}
    row["meta"] = meta
    return row


def _vectors(column: pa.Array) -> list[FloatVector | None] | list[Any]:
    kind = column.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and not (
        pa.types.is_fixed_size_list(kind)
    ):
        return cast("list[Any]", column.to_pylist())
    if not (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)):
        return cast("list[Any]", column.to_pylist())
    # Nulls among the numbers become NaN, which the check refuses by name.
    given = column.flatten().to_numpy(zero_copy_only=False)
    # So do infinities those that float32 cannot hold.
    with np.errstate(over="ignore", invalid="ignore"):
        numbers = given.astype(np.float32, copy=False)
    lengths = pc.list_value_length(column)
    ends = np.cumsum(lengths.fill_null(0).to_numpy(zero_copy_only=False))
    return [
        None if length is None else numbers[end - length : end]
        for length, end in zip(lengths.to_pylist(), ends.tolist(), strict=True)
    ]
