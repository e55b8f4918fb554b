"""Custom sources: a class with `create`, `list` and `get_value` becomes a source connector."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from coco_flow.errors import DefinitionError
from coco_flow.op.arguments import required_method, trimmed_arguments
from coco_flow.op.spec import SourceSpec
from coco_flow.ports import Key, ListedRow, ReadRow, SourceSchema, Watch
from coco_flow.runtime import run_maybe_async

__all__ = [
    "NON_EXISTENCE",
    "NO_ORDINAL",
    "PartialSourceRow",
    "PartialSourceRowData",
    "SourceReadOptions",
    "source_connector",
]

K = TypeVar("K")
V = TypeVar("V")
C = TypeVar("C", bound=type)

NON_EXISTENCE: Literal["NON_EXISTENCE"] = "NON_EXISTENCE"
NO_ORDINAL: Literal["NO_ORDINAL"] = "NO_ORDINAL"

# Rows of one listing batch, and values fetched concurrently.
_LIST_ROWS = 256
_CONCURRENT_READS = 64


@dataclass
class SourceReadOptions:
    """What the engine can use of a row; a hint, except that `get_value` must give the value.

    Attributes:
        include_ordinal: Give the ordinal; required in `list` if `provides_ordinal()` says so.
        include_content_version_fp: Give a digest of the content if it is known without reading.
        include_value: In `list`: give the value if that is much cheaper than `get_value`.
    """

    include_ordinal: bool = False
    include_content_version_fp: bool = False
    include_value: bool = False


@dataclass
class PartialSourceRowData(Generic[V]):
    """The value and version of a row, as far as they are known.

    Attributes:
        value: The value, None if it was not asked for, NON_EXISTENCE if the row is gone.
        ordinal: A number that grows with newer versions, or NO_ORDINAL.
        content_version_fp: Digest of the content, if known.
    """

    value: V | Literal["NON_EXISTENCE"] | None = None
    ordinal: int | Literal["NO_ORDINAL"] | None = None
    content_version_fp: bytes | None = None


@dataclass
class PartialSourceRow(Generic[K, V]):
    """A row of a listing."""

    key: K
    data: PartialSourceRowData[V]


def source_connector(
    *, spec_cls: type[Any], key_type: Any = Any, value_type: Any = Any
) -> Callable[[C], C]:
    """Make a source of the decorated class.

    It has a static `create(spec)`, `list(options)` that yields `PartialSourceRow`, and
    `get_value(key, options)`; optionally `provides_ordinal()` and `watch()`, an asynchronous
    iterator of changed keys (or None for "list again") for live mode. All may be async.

    Args:
        spec_cls: The spec, a subclass of SourceSpec.
        key_type: A basic type, or a frozen dataclass or NamedTuple for a composite key.
        value_type: A struct type.
    """
    if not (isinstance(spec_cls, type) and issubclass(spec_cls, SourceSpec)):
        raise DefinitionError(f"Expected a SourceSpec, got {spec_cls!r}.")

    def decorate(cls: C) -> C:
        from coco_flow.sources.registry import register_source

        create = required_method(cls, "create")
        for name in ("list", "get_value"):
            required_method(cls, name)
        types = _Types(key_type, value_type)
        register_source(
            spec_cls, lambda spec: _CustomSource(run_maybe_async(create, spec), types, spec)
        )
        return cls

    return decorate


class _Types:
    """The schema of a custom source and the converters of its keys and values."""

    def __init__(self, key_type: Any, value_type: Any) -> None:
        from coco_flow.types.analysis import analyze_type_info
        from coco_flow.types.annotations import KEY_FIELD_NAME
        from coco_flow.types.decode import make_engine_key_decoder
        from coco_flow.types.encode import make_engine_key_encoder, make_engine_value_encoder
        from coco_flow.types.schema import (
            EnrichedValueType,
            FieldSchema,
            StructType,
            encode_enriched_type_info,
        )

        key_info, value_info = analyze_type_info(key_type), analyze_type_info(value_type)
        key = EnrichedValueType.decode(encode_enriched_type_info(key_info))
        value = EnrichedValueType.decode(encode_enriched_type_info(value_info))
        if not isinstance(value.type, StructType):
            raise DefinitionError(
                f"The value type of a source must be a struct, got {value_type!r}.",
                hint="Use a dataclass, NamedTuple or Pydantic model.",
            )
        fields = (
            key.type.fields
            if isinstance(key.type, StructType)
            else [FieldSchema(KEY_FIELD_NAME, key)]
        )
        self.schema = SourceSchema(tuple(fields), tuple(value.type.fields))
        self._encode_key = make_engine_key_encoder(key_info)
        self._decode_key = make_engine_key_decoder([], list(fields), key_info)
        self._encode_value = make_engine_value_encoder(value_info)

    def key_of(self, key: Any) -> Key:
        """Return the engine's form of a key."""
        encoded = self._encode_key(key)
        return tuple(encoded) if isinstance(encoded, list | tuple) else (encoded,)

    def user_key(self, key: Key) -> Any:
        """Return a key as the user's class takes it."""
        return self._decode_key(key)

    def value_of(self, value: Any) -> list[Any] | None:
        """Return the value's fields, or None if it is not there."""
        if value is None:
            return None
        encoded: list[Any] = self._encode_value(value)
        return encoded


class _CustomSource:
    """Adapts a user's class to the engine."""

    def __init__(self, executor: Any, types: _Types, spec: Any) -> None:
        self._executor = executor
        self._types = types
        self.schema = types.schema
        # Any parameter of the spec may decide what the content is.
        self.content_options: object = spec
        watch = getattr(executor, "watch", None)
        self.change_capture = "watch() of the source" if watch is not None else None
        provides = getattr(executor, "provides_ordinal", None)
        self._ordinal = bool(run_maybe_async(provides)) if provides is not None else False

    async def list_rows(self) -> AsyncIterator[Sequence[ListedRow]]:
        """Yield the rows that `list` yields, in batches."""
        options = SourceReadOptions(True, True, True)
        listing = self._executor.list(*trimmed_arguments(self._executor.list, 0, options=options))
        if inspect.iscoroutine(listing):
            listing = await listing
        batch: list[ListedRow] = []
        if hasattr(listing, "__aiter__"):
            async for row in listing:
                batch.append(self._listed(row))
                if len(batch) == _LIST_ROWS:
                    yield batch
                    batch = []
        else:
            for row in listing:
                batch.append(self._listed(row))
                if len(batch) == _LIST_ROWS:
                    yield batch
                    batch = []
        yield batch

    async def read(self, keys: Sequence[Key]) -> list[ReadRow | Exception]:
        """Fetch the values of these rows, several concurrently."""
        gate = asyncio.Semaphore(_CONCURRENT_READS)
        options = SourceReadOptions(True, True, True)
        get_value = self._executor.get_value

        async def one(key: Key) -> ReadRow | Exception:
            async with gate:
                try:
                    args = trimmed_arguments(
                        get_value, 1, key=self._types.user_key(key), options=options
                    )
                    if inspect.iscoroutinefunction(get_value):
                        data = await get_value(*args)
                    else:
                        data = await asyncio.to_thread(get_value, *args)
                    return self._read(data)
                except Exception as error:  # noqa: BLE001 - becomes this row's failure
                    return error

        return list(await asyncio.gather(*(one(key) for key in keys)))

    def watch(self) -> Watch | None:
        """Return the changed keys that the user's `watch` yields."""
        watch = getattr(self._executor, "watch", None)
        return None if watch is None else self._watched(watch)

    async def close(self) -> None:
        """Call the user's `close`, if there is one."""
        close = getattr(self._executor, "close", None)
        if close is not None:
            result = close()
            if inspect.isawaitable(result):
                await result

    async def _watched(self, watch: Callable[[], Any]) -> AsyncIterator[Sequence[Key] | None]:
        async for keys in watch():
            yield None if keys is None else [self._types.key_of(key) for key in keys]

    def _listed(self, row: PartialSourceRow[Any, Any]) -> ListedRow:
        data = row.data
        # A listed row that is gone already is found to be gone when it is read.
        value = None if data.value == NON_EXISTENCE else self._types.value_of(data.value)
        ordinal = data.ordinal if isinstance(data.ordinal, int) else None
        return ListedRow(self._types.key_of(row.key), None, ordinal, data.content_version_fp, value)

    def _read(self, data: PartialSourceRowData[Any]) -> ReadRow:
        if isinstance(data.value, str) and data.value == NON_EXISTENCE:
            return ReadRow(None)
        ordinal = data.ordinal if isinstance(data.ordinal, int) else None
        return ReadRow(self._types.value_of(data.value), None, ordinal, data.content_version_fp)
