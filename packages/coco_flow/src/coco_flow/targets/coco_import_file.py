"""The file of an import: NDJSON, or Parquet where there are vectors, which it holds as they are."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coco_flow.targets.coco_content import ContentItem, ContentStore

__all__ = ["ImportFile", "write_import_file"]

NDJSON = "application/x-ndjson"
PARQUET = "application/vnd.apache.parquet"

# Some megabytes with vectors: what is held in memory at a time.
_ROWS_AT_ONCE = 2_000

_TEXTS = ("content", "title", "language", "source_ref", "kind", "symbol", "signature")


@dataclass(frozen=True, slots=True)
class ImportFile:
    """What was written.

    Attributes:
        changed: The change that the content is of.
        count: Its items.
        digest: Of the items, independent of the format.
    """

    content_type: str
    changed: int
    count: int
    digest: str


def write_import_file(content: ContentStore, path: Path) -> ImportFile:
    """Write all of a project's content, in Parquet if it has vectors and pyarrow is installed."""
    write = _write_ndjson
    content_type = NDJSON
    if content.has_vectors and _has_pyarrow():
        write, content_type = _write_parquet, PARQUET
    with content.snapshot() as (changed, items):
        counted = _Counted(items)
        write(counted, path)
    return ImportFile(content_type, changed, counted.count, counted.digest.hexdigest())


class _Counted:
    """Passes items on, and knows their number and digest in the end."""

    def __init__(self, items: Iterable[ContentItem]) -> None:
        self._items = items
        self.count = 0
        self.digest = hashlib.sha256()

    def __iter__(self) -> Iterator[ContentItem]:
        for item in self._items:
            self.count += 1
            self.digest.update(f"{item.doc_id!r} {item.ordinal} {item.item} ".encode())
            self.digest.update(item.vector or b"")
            yield item


def _write_ndjson(items: Iterable[ContentItem], path: Path) -> None:
    with path.open("wb") as file:
        for doc_id, ordinal, item, vector in items:
            head: dict[str, Any] = {"doc_id": doc_id}
            if ordinal is not None:
                head["ordinal"] = ordinal
            if vector is not None:
                numbers = array("f")
                numbers.frombytes(vector)
                head["vector"] = numbers.tolist()
            # The item is an object with the content at least.
            file.write(f"{json.dumps(head)[:-1]}, {item[1:]}\n".encode())


def _write_parquet(items: Iterable[ContentItem], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            ("doc_id", pa.string()),
            ("ordinal", pa.int64()),
            *((name, pa.string()) for name in _TEXTS),
            ("heading_trail", pa.list_(pa.string())),
            ("meta", pa.string()),
            ("vector", pa.list_(pa.float32())),
        ]
    )
    rows = iter(items)
    # The order of documents is no order of vectors: they do not compress.
    texts = [name for name in schema.names if name != "vector"]
    with pq.ParquetWriter(path, schema, compression=dict.fromkeys(texts, "zstd")) as writer:
        while batch := list(islice(rows, _ROWS_AT_ONCE)):
            writer.write_table(_table(batch, schema))


def _table(batch: list[ContentItem], schema: Any) -> Any:
    import numpy as np
    import pyarrow as pa

    parts = [json.loads(each.item) for each in batch]
    columns: dict[str, Any] = {
        "doc_id": [each.doc_id for each in batch],
        "ordinal": [each.ordinal for each in batch],
        "meta": [json.dumps(part["meta"]) if "meta" in part else None for part in parts],
        "vector": [
            None if each.vector is None else np.frombuffer(each.vector, np.float32)
            for each in batch
        ],
        "heading_trail": [part.get("heading_trail") for part in parts],
    }
    # Arrow holds no half of a surrogate pair; the server would replace it in the content, too.
    columns |= {name: [_unicode(part.get(name)) for part in parts] for name in _TEXTS}
    return pa.table({name: columns[name] for name in schema.names}, schema=schema)


def _unicode(text: str | None) -> str | None:
    try:
        (text or "").encode()
    except UnicodeEncodeError:
        return (text or "").encode("utf-8", "replace").decode()
    return text


def _has_pyarrow() -> bool:
    import importlib.util

    return importlib.util.find_spec("pyarrow") is not None
