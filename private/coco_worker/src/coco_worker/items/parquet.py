"""Parquet reader: items by batches of rows, vectors as arrays."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from coco_core.errors import InvalidInput, Unreadable
from coco_core.types import FloatVector
from coco_worker.items.allow import ALLOW_COLUMNS, with_allow_columns
from coco_worker.items.check import FIELDS
from coco_worker.items.decode import Raw

__all__ = ["read_parquet"]

# Columns that may stand beside the item's own fields, for writers without nested columns.
_META_COLUMNS = ("quality_score", "verified", "tags", "changed_at")

# What one batch of rows may take; a thousand rows with their vectors are about that.
_BATCH_BYTES = 4_194_304
_MOST_ROWS = 1024
# Bytes that each column reads ahead: without a buffer a whole column chunk would be held.
_COLUMN_BUFFER = 262_144


def read_parquet(file: io.RawIOBase) -> Iterator[Raw]:
    """Yield the rows of a file that can seek, one by one as plain data; vectors as float32 arrays.

    Raises:
        Unreadable: it is no Parquet file, or a damaged one.
        InvalidInput: a column is missing or not known.
    """
    try:
        source = pq.ParquetFile(file, buffer_size=_COLUMN_BUFFER, pre_buffer=False)
        columns = _columns(source.schema_arrow)
        index = 0
        for batch in source.iter_batches(
            batch_size=_rows(source), columns=columns, use_threads=False
        ):
            yield from _batch(index, batch)
            index += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise Unreadable(
            f"The import cannot be read as Parquet: {error}.",
            hint="Check that the upload is complete and of the format that it says.",
        ) from error


def _columns(schema: pa.Schema) -> list[str]:
    names = list(schema.names)
    known = FIELDS | set(_META_COLUMNS) | set(ALLOW_COLUMNS)
    unknown = sorted(set(names) - known)
    if unknown:
        raise InvalidInput(
            f"The Parquet file has a column {unknown[0]!r}, which is not known.",
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
    return names


def _rows(source: pq.ParquetFile) -> int:
    meta = source.metadata
    size = sum(meta.row_group(each).total_byte_size for each in range(meta.num_row_groups))
    fitting = int(_BATCH_BYTES * meta.num_rows // max(size, 1))
    return max(1, min(_MOST_ROWS, fitting))


def _batch(start: int, batch: pa.RecordBatch) -> Iterator[Raw]:
    columns: dict[str, Any] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        columns[name] = _vectors(column) if name == "vector" else column.to_pylist()
    names = list(columns)
    for index, values in enumerate(zip(*columns.values(), strict=True), start):
        yield index, _row(dict(zip(names, values, strict=True)))


def _row(row: dict[str, Any]) -> dict[str, Any]:
    with_allow_columns(row)
    meta = row.get("meta")
    if isinstance(meta, str):
        try:
            meta = orjson.loads(meta)
        except orjson.JSONDecodeError:
            # Left as the text that it is: the check says what it should be.
            return row
    elif isinstance(meta, list):
        # A column of type map comes as pairs.
        meta = dict(meta)
    for name in _META_COLUMNS:
        value = row.pop(name, None)
        if value is not None:
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
