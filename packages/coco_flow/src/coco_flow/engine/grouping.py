"""Group-by and join: collected rows stored by group, and groups as the rows of a source.

A grouping is a target of the collectors that feed it and a source of what follows. Writing a
collected row marks its group; marked groups are processed like changed rows of any source, so that
one edit recomputes the groups that it touches and no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coco_flow.op.spec import SourceSpec, TargetSpec
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
from coco_flow.state import sql
from coco_flow.types.codec import make_packer, make_unpacker, pack_key, unpack_key
from coco_flow.types.schema import EnrichedValueType, FieldSchema, StructSchema, TableType

if TYPE_CHECKING:
    from coco_flow.graph.model import Collector
    from coco_flow.state.store import StateStore

__all__ = ["GroupConnector", "GroupMember", "GroupSource", "GroupTarget", "GroupTargetConnector"]

# Groups of one listing batch.
_LIST_GROUPS = 512
# A collected row's key in the group store ends with the source row it comes from and its number.
_ORIGIN_PARTS = 2


@dataclass(frozen=True, slots=True)
class GroupMember:
    """One collector of a grouping: the name of its rows' field, its key fields and the others."""

    name: str
    collector: Collector
    on: tuple[str, ...]

    @property
    def value_fields(self) -> list[FieldSchema]:
        """The collected fields that are not part of the group's key."""
        return [field for field in self.collector.fields if field.name not in self.on]


class GroupSource(SourceSpec):
    """The groups of a grouping."""

    name: str


class GroupTarget(TargetSpec):
    """Where one member of a grouping stores its rows."""

    group: str
    member: int


class GroupConnector:
    """A grouping as a source: one row a group, its fields the key and each member's rows."""

    content_options: object = None
    change_capture: str | None = "with the rows that are collected"

    def __init__(
        self, name: str, members: Sequence[GroupMember], key: Sequence[FieldSchema]
    ) -> None:
        self.name = name
        self.members = tuple(members)
        fields = tuple(
            FieldSchema(member.name, EnrichedValueType(_table(member))) for member in self.members
        )
        self.schema = SourceSchema(tuple(key), fields)
        self._unpackers = [make_unpacker(tuple(member.value_fields)) for member in self.members]
        self._store: StateStore | None = None
        self._group_id = 0

    def bind(self, store: StateStore, group_id: int) -> None:
        """Set where the groups are stored; before the first listing."""
        self._store, self._group_id = store, group_id

    def list_rows(self) -> Iterator[Sequence[ListedRow]]:
        """Yield all groups; they have no token, since marks say what changed."""
        after = b""
        while True:
            found = self._bound().connection.execute(
                sql.SELECT_GROUPS, (self._group_id, after, _LIST_GROUPS)
            )
            yield [ListedRow(unpack_key(row[0])) for row in found]
            if len(found) < _LIST_GROUPS:
                return
            after = found[-1][0]

    def read(self, keys: Sequence[Key]) -> list[ReadRow]:
        """Return the rows of each group by member; a group without rows is gone."""
        encoded = [pack_key(key) for key in keys]
        tables: dict[bytes, list[list[Any]]] = {}
        for key, member, value in self._rows(encoded):
            rows = tables.setdefault(key, [[] for _ in self.members])
            rows[member].append(self._unpackers[member](value))
        return [ReadRow(tables.get(code)) for code in encoded]

    def watch(self) -> None:
        """Return None: marks replace a stream."""
        return

    def close(self) -> None:
        """Nothing to release."""

    def _rows(self, encoded: Sequence[bytes]) -> Iterator[tuple[bytes, int, bytes]]:
        found = self._bound().connection.execute_list(
            sql.SELECT_GROUP_ROWS, (self._group_id,), encoded
        )
        for key, member, _origin, _number, value in sorted(found, key=_row_order):
            yield bytes(key), member, value

    def _bound(self) -> StateStore:
        assert self._store is not None, "a grouping is bound before it is used"
        return self._store


class GroupTargetConnector:
    """A grouping as a target: stores collected rows and marks the groups that they change."""

    def persistent_key(
        self, spec: GroupTarget, _name: str, flow_name: str, namespace: str
    ) -> list[Any]:
        """Return flow, grouping and member."""
        full_name = f"{namespace}.{flow_name}" if namespace else flow_name
        return [full_name, spec.group, spec.member]

    def setup_state(self, _spec: GroupTarget, schema: ExportSchema) -> Any:
        """Return the stored fields."""
        return {
            "key": [field.encode() for field in schema.key],
            "value": [field.encode() for field in schema.value],
        }

    def compatibility(self, desired: Any, existing: Any) -> Compatibility:
        """Other fields need other rows: all are collected again."""
        same = desired == existing
        return Compatibility.COMPATIBLE if same else Compatibility.NOT_COMPATIBLE

    def apply_setup(self, changes: Sequence[SetupChange]) -> None:
        """Remove the rows of a grouping that is removed; tables exist already."""
        for change in changes:
            if change.current is None:
                store, group_id, member = _place(change.key)
                store.connection.execute(sql.MARK_GROUPS_OF_MEMBER, (group_id, member))
                store.connection.execute(sql.DELETE_GROUP_MEMBER, (group_id, member))

    def describe(self, key: Any) -> str:
        """Return the grouping's name."""
        return f"grouping {key[1]} of flow {key[0]}"

    def open(self, _spec: GroupTarget, key: Any, schema: ExportSchema) -> _OpenGroup:
        """Return how rows are packed, and where they go."""
        store, group_id, member = _place(key)
        return _OpenGroup(store, group_id, member, make_packer(schema.value))

    def group(self, target: _OpenGroup) -> object:
        """Let all groupings of a flow be written in one transaction."""
        return id(target.store)

    def write(self, batches: Sequence[TargetBatch]) -> None:
        """Store or remove rows, and mark their groups, in one transaction."""
        for batch in batches:
            target: _OpenGroup = batch.target
            place = (target.group_id, target.member)
            kept = [
                (*place, pack_key(key[:-_ORIGIN_PARTS]), *key[-_ORIGIN_PARTS:], target.pack(row))
                for key, row in batch.upserts
            ]
            removed = [
                (*place, pack_key(key[:-_ORIGIN_PARTS]), *key[-_ORIGIN_PARTS:])
                for key in batch.deletes
            ]
            marks = {entry[2] for entry in kept} | {entry[2] for entry in removed}
            connection = target.store.connection
            with connection.transaction():
                connection.execute_many(sql.UPSERT_GROUP_ROW, kept)
                connection.execute_many(sql.DELETE_GROUP_ROW, removed)
                connection.execute_many(
                    sql.MARK_GROUP, [(target.group_id, key) for key in sorted(marks)]
                )

    def close(self, _target: _OpenGroup) -> None:
        """Nothing to release: the state store outlives the update."""


@dataclass(frozen=True, slots=True)
class _OpenGroup:
    store: StateStore
    group_id: int
    member: int
    pack: Callable[[Any], bytes]


def _place(key: Any) -> tuple[StateStore, int, int]:
    from coco_flow.flow.context import context

    full_name, group, member = key
    store = context.store
    flow_id = store.flow_id(full_name)
    assert flow_id is not None, "a flow is recorded before its targets are set up"
    return store, store.source_id(flow_id, group), int(member)


def _table(member: GroupMember) -> TableType:
    return TableType(kind="LTable", row=StructSchema(member.value_fields))


def _row_order(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return (bytes(row[0]), row[1], bytes(row[2]), row[3])


def _register() -> None:
    from coco_flow.targets.registry import register_target

    register_target(GroupTarget, GroupTargetConnector())


_register()
