"""Engine-level contracts of source and target connectors.

User code uses the simpler decorators of `coco_flow.op`, which adapt to these. The connectors
that ship with coco_flow implement them directly, in engine values (see `coco_flow.types`), so that
no row is converted on its way. Methods marked *maybe async* may be written either way.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from coco_flow.index import IndexOptions
    from coco_flow.types.schema import FieldSchema

__all__ = [
    "Compatibility",
    "ExportSchema",
    "Key",
    "ListedRow",
    "ReadRow",
    "Row",
    "SetupChange",
    "SourceConnector",
    "SourceSchema",
    "TargetBatch",
    "TargetConnector",
    "Watch",
]

Key: TypeAlias = tuple[Any, ...]
"""Engine values of the key fields, in schema order; hashable."""

Row: TypeAlias = Sequence[Any]
"""Engine values of the value fields (without the key), in schema order."""


@dataclass(frozen=True, slots=True)
class SourceSchema:
    """The table that a source yields: the fields of its key, then those of its value."""

    key: tuple[FieldSchema, ...]
    value: tuple[FieldSchema, ...]


class ListedRow(NamedTuple):
    """One row as a listing shows it.

    Attributes:
        key: The row's key.
        token: Change token, compared for inequality: equal means unchanged without reading the
            content. None if the source has none; then the content digest decides.
        ordinal: Position in an order that the source promises to be monotonic, or None. A row
            with a smaller ordinal than the recorded one is an older version and is ignored.
        digest: Digest of the content if the source knows it without reading, or None.
        value: The value fields if listing had them at no extra cost, else None: `read` is called.
        size: Expected bytes in memory, for the limit of bytes in flight; 0 if unknown.
        settled: False if the token may miss a change that follows immediately (a file younger than
            the clock's resolution); then the next scan reads the content again.
    """

    key: Key
    token: bytes | None = None
    ordinal: int | None = None
    digest: bytes | None = None
    value: Row | None = None
    size: int = 0
    settled: bool = True


class ReadRow(NamedTuple):
    """One row's content: `value` None means that the row is gone."""

    value: Row | None
    token: bytes | None = None
    ordinal: int | None = None
    digest: bytes | None = None
    settled: bool = True


Watch: TypeAlias = AsyncIterator[Sequence[Key] | None]
"""Keys that changed (added, changed or gone), or None for "something changed: scan everything"."""


@runtime_checkable
class SourceConnector(Protocol):
    """A source, bound to its spec.

    Attributes:
        schema: The table it yields, known when the flow is defined.
        content_options: What of the spec decides a row's *content* (not which rows there are); it
            enters the logic digest, so that a change processes every row again.
        change_capture: How changes are noticed in live mode, in words, for `coco-flow show`; None
            if only a refresh interval can.
    """

    schema: SourceSchema
    content_options: object
    change_capture: str | None

    def list_rows(self) -> Iterable[Sequence[ListedRow]] | AsyncIterator[Sequence[ListedRow]]:
        """Yield all rows in batches; raise if the listing is not complete."""
        ...

    def read(self, keys: Sequence[Key]) -> Iterable[ReadRow | Exception] | Awaitable[Any]:
        """Return one entry for each key, in order; an exception fails its row (maybe async)."""
        ...

    def watch(self) -> Watch | None:
        """Return a stream of changed keys for live mode, or None if the source has none."""
        ...

    def close(self) -> Awaitable[None] | None:
        """Release connections and watchers; called once, also after an error (maybe async)."""
        ...


class Compatibility(Enum):
    """What happens to the rows in a target when its set-up state changes."""

    COMPATIBLE = "Compatible"
    """All data stays."""
    PARTIALLY_COMPATIBLE = "PartialCompatible"
    """Some fields are lost: the target is altered, then every row is exported again."""
    NOT_COMPATIBLE = "NotCompatible"
    """All data is lost: the target is dropped and recreated, then every row is exported again."""


@dataclass(frozen=True, slots=True)
class ExportSchema:
    """What an export writes: the key fields, the value fields and the indexes asked for."""

    key: tuple[FieldSchema, ...]
    value: tuple[FieldSchema, ...]
    index: IndexOptions
    attachments: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class SetupChange:
    """A change of one target's infrastructure.

    `previous` holds every state that may exist (more than one after a crash in a set-up; None among
    them means that it may not exist at all), `current` the wanted one, or None to remove it.
    """

    key: Any
    previous: tuple[Any | None, ...]
    current: Any | None


class TargetBatch(NamedTuple):
    """Rows of one target to write: upserts first, then deletes. Both must be idempotent."""

    target: Any
    upserts: Sequence[tuple[Key, Row]]
    deletes: Sequence[Key]


@runtime_checkable
class TargetConnector(Protocol):
    """A kind of target; one instance serves every target of its kind and keeps no rows.

    A target's *key* and *state* are JSON values without secrets: they are stored, and still there
    when the code that made them is gone.
    """

    def persistent_key(self, spec: Any, target_name: str, flow_name: str, namespace: str) -> Any:
        """Return the identity of the resource: JSON value, equal as long as it is the same one."""
        ...

    def setup_state(self, spec: Any, schema: ExportSchema) -> Any:
        """Return what concerns the infrastructure, as JSON; raise DefinitionError if impossible."""
        ...

    def compatibility(self, desired: Any, existing: Any) -> Compatibility:
        """Return what a change from `existing` to `desired` does to the rows."""
        ...

    def apply_setup(self, changes: Sequence[SetupChange]) -> Awaitable[None] | None:
        """Create, alter or remove; idempotent, since it may be repeated after a crash."""
        ...

    def describe(self, key: Any) -> str:
        """Return the resource's name for plans and logs."""
        ...

    def open(self, spec: Any, key: Any, schema: ExportSchema) -> Any | Awaitable[Any]:
        """Return what `write` needs for one target (a connection, statements); once an update."""
        ...

    def group(self, target: Any) -> object:
        """Return what decides which targets share one `write` call; by default each is alone.

        Targets of a graph share one, because its nodes must be there before its relationships.
        """
        ...

    def write(self, batches: Sequence[TargetBatch]) -> Awaitable[None] | None:
        """Apply the batches of one group, all or nothing where the target can (maybe async)."""
        ...

    def close(self, target: Any) -> Awaitable[None] | None:
        """Release what `open` returned."""
        ...
