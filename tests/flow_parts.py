"""Sources and targets in memory, for tests of flows: contents and faults as a test sets them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import coco_flow
from coco_flow.op import SourceSpec, TargetSpec
from coco_flow.ports import (
    Compatibility,
    ExportSchema,
    Key,
    ListedRow,
    ReadRow,
    SetupChange,
    SourceSchema,
    TargetBatch,
)
from coco_flow.setting import DatabaseConnectionSpec, Settings
from coco_flow.sources.registry import register_source
from coco_flow.targets.registry import register_target
from coco_flow.types.schema import BasicValueType, EnrichedValueType, FieldSchema

__all__ = [
    "MemoryRows",
    "MemorySource",
    "MemoryTable",
    "MemoryTarget",
    "flow_state",
    "rows_of",
    "table_of",
]


class MemoryRows:
    """The rows of a source: key to text; a token that changes with every assignment."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.reads: list[str] = []
        self.lists = 0
        self.listing_fails: Exception | None = None
        self._next = 0

    def __setitem__(self, key: str, text: str) -> None:
        self.texts[key] = text
        self.touch(key)

    def __delitem__(self, key: str) -> None:
        del self.texts[key]

    def touch(self, key: str) -> None:
        """Give the row a new token without a new content."""
        self._next += 1
        self.versions[key] = self._next


class MemoryTable:
    """What a target holds, and what was done to it."""

    def __init__(self) -> None:
        self.rows: dict[Key, tuple[Any, ...]] = {}
        self.upserts = 0
        self.deletes = 0
        self.setups: list[tuple[tuple[Any, ...], Any]] = []
        self.fails: Exception | None = None
        # Applies the rows and fails then, as a lost answer would.
        self.fails_after: Exception | None = None

    def reset_counts(self) -> None:
        """Start counting anew."""
        self.upserts = self.deletes = 0


_sources: dict[str, MemoryRows] = {}
_tables: dict[str, MemoryTable] = {}


def rows_of(name: str) -> MemoryRows:
    """Return the rows of the source of that name, made at first use."""
    return _sources.setdefault(name, MemoryRows())


def table_of(name: str) -> MemoryTable:
    """Return the target table of that name, made at first use."""
    return _tables.setdefault(name, MemoryTable())


class MemorySource(SourceSpec):
    """Rows `filename` (key) and `content`, from `rows_of(name)`."""

    name: str
    with_token: bool = True


class MemoryTarget(TargetSpec):
    """A table in memory, `table_of(name)`."""

    name: str
    label: str = ""


def _text(name: str) -> FieldSchema:
    return FieldSchema(name, EnrichedValueType(BasicValueType(kind="Str")))


class _SourceConnector:
    schema = SourceSchema((_text("filename"),), (_text("content"),))
    content_options: object = None
    change_capture = None

    def __init__(self, spec: MemorySource) -> None:
        self._rows = rows_of(spec.name)
        self._with_token = spec.with_token

    def list_rows(self) -> Iterator[Sequence[ListedRow]]:
        self._rows.lists += 1
        listed = [
            ListedRow((key,), self._token(key), size=len(text))
            for key, text in self._rows.texts.items()
        ]
        for start in range(0, len(listed), 3):
            yield listed[start : start + 3]
        if self._rows.listing_fails is not None:
            raise self._rows.listing_fails

    def read(self, keys: Sequence[Key]) -> list[ReadRow]:
        self._rows.reads += [key[0] for key in keys]
        return [
            ReadRow([self._rows.texts[key]], self._token(key))
            if key in self._rows.texts
            else ReadRow(None)
            for (key,) in keys
        ]

    def watch(self) -> None:
        return None

    def close(self) -> None:
        return None

    def _token(self, key: str) -> bytes | None:
        return str(self._rows.versions[key]).encode() if self._with_token else None


class _TargetConnector:
    def persistent_key(self, spec: MemoryTarget, name: str, _flow: str, _namespace: str) -> Any:
        return spec.name or name

    def setup_state(self, spec: MemoryTarget, schema: ExportSchema) -> Any:
        return {
            "label": spec.label,
            "key": [field.encode() for field in schema.key],
            "value": [field.encode() for field in schema.value],
        }

    def compatibility(self, desired: Any, existing: Any) -> Compatibility:
        if desired["key"] != existing["key"]:
            return Compatibility.NOT_COMPATIBLE
        if desired["value"] != existing["value"]:
            return Compatibility.PARTIALLY_COMPATIBLE
        return Compatibility.COMPATIBLE

    def apply_setup(self, changes: Sequence[SetupChange]) -> None:
        for change in changes:
            table = table_of(change.key)
            table.setups.append((change.previous, change.current))
            if change.current is None:
                table.rows.clear()

    def describe(self, key: Any) -> str:
        return f"memory table {key}"

    def open(self, spec: MemoryTarget, key: Any, _schema: ExportSchema) -> MemoryTable:
        return table_of(key)

    def group(self, target: MemoryTable) -> object:
        return id(target)

    def write(self, batches: Sequence[TargetBatch]) -> None:
        for batch in batches:
            table: MemoryTable = batch.target
            if table.fails is not None:
                raise table.fails
            for key, row in batch.upserts:
                table.rows[key] = tuple(row)
            for key in batch.deletes:
                table.rows.pop(key, None)
            table.upserts += len(batch.upserts)
            table.deletes += len(batch.deletes)
            if table.fails_after is not None:
                raise table.fails_after

    def close(self, _target: MemoryTable) -> None:
        return None


register_source(MemorySource, _SourceConnector)
register_target(MemoryTarget, _TargetConnector())


@contextmanager
def flow_state(folder: Path, **settings: Any) -> Iterator[None]:
    """Keep state in `folder`; flows opened inside are closed, sources and tables forgotten."""
    _sources.clear()
    _tables.clear()
    url = settings.pop("url", str(folder / "state.db"))
    coco_flow.init(Settings(database=DatabaseConnectionSpec(url=url), **settings))
    try:
        yield
    finally:
        for flow in coco_flow.flows().values():
            flow.close()
        coco_flow.stop()


def digest_of(text: str) -> str:
    """Return a short digest of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]
