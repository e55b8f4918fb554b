"""What a source yields, gathered for assertions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

from coco_flow.op.spec import SourceSpec
from coco_flow.ports import ListedRow, ReadRow, SourceConnector, Watch
from coco_flow.sources.registry import open_source
from coco_flow.types.codec import make_packer, pack_key

__all__ = ["contents", "listed", "next_change", "opened", "read", "run"]

T = TypeVar("T")


def opened(spec: SourceSpec) -> SourceConnector:
    source = open_source(spec)
    assert isinstance(source, SourceConnector)
    return source


def listed(source: SourceConnector) -> dict[Any, ListedRow]:
    """Return the rows of a whole listing by key; one-part keys without their tuple."""
    batches = source.list_rows()
    if isinstance(batches, AsyncIterator):
        batches = asyncio.run(_gathered(batches))
    rows = [row for batch in batches for row in batch]
    found = {_plain(row.key): row for row in rows}
    assert len(found) == len(rows), "a key was listed twice"
    _check_types(source, rows)
    return found


def _check_types(source: SourceConnector, rows: Sequence[ListedRow]) -> None:
    """Store what was listed as the engine does, which refuses values of another type."""
    pack = make_packer(source.schema.value)
    for row in rows:
        pack_key(row.key)
        if row.value is not None:
            pack(row.value)


async def _gathered(batches: AsyncIterator[Any]) -> list[Any]:
    return [batch async for batch in batches]


def read(source: SourceConnector, *keys: Any) -> list[ReadRow | Exception]:
    found = source.read([key if isinstance(key, tuple) else (key,) for key in keys])
    if isinstance(found, Awaitable):
        found = asyncio.run(_result(found))
    entries = list(found)
    assert len(entries) == len(keys)
    return entries


async def _result(found: Awaitable[T]) -> T:
    return await found


def contents(source: SourceConnector) -> dict[Any, Any]:
    """Return every row's value by key; rows with one value field without their list."""
    rows = listed(source)
    missing = [key for key, row in rows.items() if row.value is None]
    values = {key: row.value for key, row in rows.items() if row.value is not None}
    for key, entry in zip(missing, read(source, *missing), strict=True):
        assert isinstance(entry, ReadRow), entry
        assert entry.value is not None, key
        make_packer(source.schema.value)(entry.value)
        values[key] = entry.value
    return {key: value[0] if len(value) == 1 else list(value) for key, value in values.items()}


async def next_change(watch: Watch, seconds: float = 20) -> Any:
    """Return the next entry of a watch: a set of plain keys, or None."""
    async with asyncio.timeout(seconds):
        keys = await anext(watch)
    return None if keys is None else {_plain(key) for key in keys}


def run(body: Callable[[], Awaitable[T]]) -> T:
    return asyncio.run(_result(body()))


def _plain(key: tuple[Any, ...]) -> Any:
    return key[0] if len(key) == 1 else key
