"""Parquet files of some kilobytes that decode to very much."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["bomb_of_a_vector", "bomb_of_equal_texts", "bomb_of_nulls", "parquet"]


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, **options)
    return sink.getvalue()


def bomb_of_equal_texts(rows: int = 500, size: int = 1_000_000) -> bytes:
    """One text in a dictionary, named by one run."""
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), ["a" * size])
    ids = [str(row) for row in range(rows)]
    return parquet({"doc_id": ids, "content": texts}, compression="zstd", store_schema=False)


def bomb_of_nulls(values: int = 20_000_000) -> bytes:
    tags = pa.ListArray.from_arrays([0, values], pa.nulls(values, pa.string()))
    return parquet({"doc_id": ["a"], "content": ["x"], "tags": tags}, compression="zstd")


def bomb_of_a_vector(values: int = 30_000_000) -> bytes:
    vector = pa.ListArray.from_arrays([0, values], pa.array(np.zeros(values, np.float32)))
    return parquet({"doc_id": ["a"], "content": ["x"], "vector": vector}, compression="zstd")
