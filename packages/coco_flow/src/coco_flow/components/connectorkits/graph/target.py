"""Declarations of nodes and relationships; each connector binds them to a database."""

from __future__ import annotations

from typing import Any, Generic, Literal

from coco_flow import components as coco
from coco_flow.components.connectorkits.graph.cypher import vector_index_name
from coco_flow.components.connectorkits.graph.records import (
    Node,
    RecordHandler,
    Related,
    Relationship,
)
from coco_flow.components.connectorkits.graph.schema import GraphSchema
from coco_flow.components.connectorkits.graph.tables import (
    Dialect,
    Elements,
    ElementSpec,
    VectorIndex,
)
from coco_flow.components.connectorkits.table_schema import RowT, check_identifier
from coco_flow.components.connectorkits.target import ManagedBy

__all__ = ["GraphTargets", "RelationTarget", "TableTarget"]


class _Encoder:
    """Turns rows and keys into what the database's client takes."""

    def __init__(self, dialect: Dialect, schema: GraphSchema[Any] | None, key: str) -> None:
        self.dialect = dialect
        self._schema = schema
        self.key = key

    def row(self, row: Any) -> dict[str, Any]:
        """Return the encoded properties of a row."""
        if self._schema is None:
            return self.dialect.schema.encode_free_row(row)
        return self._schema.encode_row(row)

    def encoded_key(self, value: Any) -> Any:
        """Return the encoded key."""
        encode = None if self._schema is None else self._schema.columns[self.key].encoder
        value = self.dialect.schema.encode_value(value) if encode is None else encode(value)
        return self.checked(value)

    def checked(self, value: Any) -> Any:
        """Return an encoded key that can be found again."""
        if value is None:
            raise ValueError(f"The primary key {self.key!r} of a node cannot be None.")
        self.dialect.check_key(value)
        return value

    def vectors(self) -> frozenset[str]:
        """Return the properties that are vectors."""
        columns = self._schema.columns if self._schema is not None else {}
        return frozenset(name for name, each in columns.items() if each.type.startswith("vector<"))


class TableTarget(Generic[RowT, coco.MaybePendingS], coco.ResolvesTo["TableTarget[RowT]"]):
    """A label whose nodes are those that are declared."""

    _provider: coco.TargetStateProvider[dict[str, Any], None, Any]

    def __init__(
        self,
        provider: coco.TargetStateProvider[Any, None, coco.MaybePendingS],
        table_name: str,
        encoder: _Encoder,
    ) -> None:
        self._provider = provider
        self._table_name = table_name
        self._encoder = encoder

    @property
    def table_name(self) -> str:
        """The label."""
        return self._table_name

    @property
    def primary_key(self) -> str:
        """The property that identifies a node."""
        return self._encoder.key

    @property
    def node(self) -> Node:
        """The kind of node, as relationships know it."""
        return Node(self._table_name, self._encoder.key)

    def key_of(self, value: Any) -> Any:
        """Return the key of a node as it is stored."""
        return self._encoder.encoded_key(value)

    def declare_record(self: TableTarget[RowT, Any], *, row: RowT) -> None:
        """Declare a node: a dict, or an object with the properties as attributes.

        A relationship is deleted with the node at either end of it.
        """
        record = self._encoder.row(row)
        if self.primary_key not in record:
            raise ValueError(f"row is missing primary key field {self.primary_key!r}")
        key = self._encoder.checked(record.pop(self.primary_key))
        coco.declare_target_state(self._provider.target_state((key,), record))

    declare_row = declare_record

    def declare_vector_index(
        self: TableTarget[RowT, Any],
        *,
        name: str | None = None,
        field: str,
        metric: Literal["cosine", "euclidean"] = "cosine",
        dimension: int,
    ) -> None:
        """Declare a vector index.

        Args:
            name: Its name, which follows from the label and the property by default.
            field: The property.
            metric: What is near.
            dimension: Size of the vectors.
        """
        database = self._encoder.dialect.database
        check_identifier(field, f"{database} vector index field")
        name = vector_index_name(self._table_name, field) if name is None else name
        check_identifier(name, f"{database} vector index name")
        if metric not in {"cosine", "euclidean"}:
            raise ValueError(f"Unsupported vector metric {metric!r}; use cosine or euclidean.")
        if dimension <= 0:
            raise ValueError(f"Invalid vector dimension: {dimension}")
        index = VectorIndex(name, field, metric, dimension)
        provider = self._provider.attachment("vector_index")
        coco.declare_target_state(provider.target_state(name, index))

    def __coco_memo_key__(self) -> str:
        """Identify the label."""
        return self._provider.memo_key


class RelationTarget(Generic[RowT, coco.MaybePendingS], coco.ResolvesTo["RelationTarget[RowT]"]):
    """A type whose relationships are those that are declared."""

    _provider: coco.TargetStateProvider[Related, None, Any]

    def __init__(
        self,
        provider: coco.TargetStateProvider[Any, None, coco.MaybePendingS],
        table_name: str,
        encoder: _Encoder,
        from_table: TableTarget[Any, Any],
        to_table: TableTarget[Any, Any],
    ) -> None:
        self._provider = provider
        self._table_name = table_name
        self._encoder = encoder
        self._from_table = from_table
        self._to_table = to_table

    @property
    def table_name(self) -> str:
        """The type."""
        return self._table_name

    def declare_relation(
        self: RelationTarget[RowT, Any],
        *,
        from_id: Any,
        to_id: Any,
        record: RowT | None = None,
    ) -> None:
        """Declare a relationship; its ends are made if they are not there.

        Args:
            from_id: Key of the node that it comes from.
            to_id: Key of the node to which it points.
            record: Its properties. Without a primary key among them, it is the only relationship
                of its type between the two nodes.
        """
        source, target = self._from_table.key_of(from_id), self._to_table.key_of(to_id)
        properties: dict[str, Any] = {}
        key = None
        if record is not None:
            properties = self._encoder.row(record)
            key = properties.pop(self._encoder.key, None)
        if key is None:
            ends = (self._from_table.table_name, source, self._to_table.table_name, target)
            key = "_".join(map(str, ends))
        state = Related(source, target, properties)
        coco.declare_target_state(self._provider.target_state((self._encoder.checked(key),), state))

    def __coco_memo_key__(self) -> str:
        """Identify the type."""
        return self._provider.memo_key


class GraphTargets:
    """The functions of a connector, over the graphs of one database."""

    def __init__(self, provider_name: str, dialect: Dialect) -> None:
        """Register the root provider of this name."""
        self._dialect = dialect
        self._provider: coco.TargetStateProvider[ElementSpec, RecordHandler] = (
            coco.register_root_target_states_provider(provider_name, Elements(dialect))
        )

    def table_target(
        self,
        db: coco.ContextKey[Any],
        table_name: str,
        table_schema: GraphSchema[RowT] | None = None,
        *,
        primary_key: str = "id",
        managed_by: ManagedBy = ManagedBy.SYSTEM,
    ) -> coco.TargetState[RecordHandler]:
        """Return the state of a node label, for `mount_target`.

        Args:
            db: Context key of the ConnectionFactory.
            table_name: The label.
            table_schema: The properties; without, rows bring any.
            primary_key: The property that identifies a node.
            managed_by: Whether all nodes with the label are made and removed here, or the label is
                the user's and only the declared nodes are.
        """
        self._check(table_name, "table name", table_schema, primary_key)
        vectors = _Encoder(self._dialect, table_schema, primary_key).vectors()
        element = Node(table_name, primary_key, vectors)
        spec = ElementSpec(element, table_schema, managed_by)
        return self._provider.target_state((db.key, "node", table_name), spec)

    def declare_table_target(
        self,
        db: coco.ContextKey[Any],
        table_name: str,
        table_schema: GraphSchema[RowT] | None = None,
        *,
        primary_key: str = "id",
        managed_by: ManagedBy = ManagedBy.SYSTEM,
    ) -> TableTarget[RowT, coco.PendingS]:
        """Declare a node label; nodes can be declared once the component that declares it is done.

        The arguments are those of `table_target`.
        """
        state = self.table_target(
            db, table_name, table_schema, primary_key=primary_key, managed_by=managed_by
        )
        encoder = _Encoder(self._dialect, table_schema, primary_key)
        return TableTarget(coco.declare_target_state_with_child(state), table_name, encoder)

    async def mount_table_target(
        self,
        db: coco.ContextKey[Any],
        table_name: str,
        table_schema: GraphSchema[RowT] | None = None,
        *,
        primary_key: str = "id",
        managed_by: ManagedBy = ManagedBy.SYSTEM,
    ) -> TableTarget[RowT]:
        """Make a node label and return it, ready for nodes; takes what `table_target` takes."""
        state = self.table_target(
            db, table_name, table_schema, primary_key=primary_key, managed_by=managed_by
        )
        encoder = _Encoder(self._dialect, table_schema, primary_key)
        return TableTarget(await coco.mount_target(state), table_name, encoder)

    def relation_target(
        self,
        db: coco.ContextKey[Any],
        table_name: str,
        from_table: TableTarget[Any, Any],
        to_table: TableTarget[Any, Any],
        table_schema: GraphSchema[RowT] | None = None,
        *,
        primary_key: str = "id",
        managed_by: ManagedBy = ManagedBy.SYSTEM,
    ) -> coco.TargetState[RecordHandler]:
        """Return the state of a relationship type, for `mount_target`.

        Args:
            db: Context key of the ConnectionFactory.
            table_name: The type.
            from_table: The label that relationships come from.
            to_table: The label that they go to.
            table_schema: The properties; without, records bring any.
            primary_key: The property that identifies a relationship.
            managed_by: Whether all relationships of the type are made and removed here, or the type
                is the user's and only the declared ones are.
        """
        self._check(table_name, "relation table name", table_schema, primary_key)
        vectors = _Encoder(self._dialect, table_schema, primary_key).vectors()
        element = Relationship(table_name, primary_key, from_table.node, to_table.node, vectors)
        spec = ElementSpec(element, table_schema, managed_by)
        return self._provider.target_state((db.key, "relation", table_name), spec)

    def declare_relation_target(
        self,
        db: coco.ContextKey[Any],
        table_name: str,
        from_table: TableTarget[Any, Any],
        to_table: TableTarget[Any, Any],
        table_schema: GraphSchema[RowT] | None = None,
        *,
        primary_key: str = "id",
        managed_by: ManagedBy = ManagedBy.SYSTEM,
    ) -> RelationTarget[RowT, coco.PendingS]:
        """Declare a relationship type, to be filled once the component that declares it is done.

        The arguments are those of `relation_target`; a schema brings its primary key.
        """
        state, encoder = self._relation(
            db, table_name, from_table, to_table, table_schema,
            primary_key=primary_key, managed_by=managed_by,
        )  # fmt: skip
        provider = coco.declare_target_state_with_child(state)
        return RelationTarget(provider, table_name, encoder, from_table, to_table)

    async def mount_relation_target(
        self,
        db: coco.ContextKey[Any],
        table_name: str,
        from_table: TableTarget[Any, Any],
        to_table: TableTarget[Any, Any],
        table_schema: GraphSchema[RowT] | None = None,
        *,
        primary_key: str = "id",
        managed_by: ManagedBy = ManagedBy.SYSTEM,
    ) -> RelationTarget[RowT]:
        """Make a relationship type and return it, ready for relationships.

        The arguments are those of `relation_target`; a schema brings its primary key.
        """
        state, encoder = self._relation(
            db, table_name, from_table, to_table, table_schema,
            primary_key=primary_key, managed_by=managed_by,
        )  # fmt: skip
        provider = await coco.mount_target(state)
        return RelationTarget(provider, table_name, encoder, from_table, to_table)

    def _relation(
        self,
        db: coco.ContextKey[Any],
        table_name: str,
        from_table: TableTarget[Any, Any],
        to_table: TableTarget[Any, Any],
        table_schema: GraphSchema[Any] | None,
        *,
        primary_key: str,
        managed_by: ManagedBy,
    ) -> tuple[coco.TargetState[RecordHandler], _Encoder]:
        """Return the state of a relationship type, and the encoder of its records."""
        if table_schema is not None:
            primary_key = table_schema.primary_key
        state = self.relation_target(
            db,
            table_name,
            from_table,
            to_table,
            table_schema,
            primary_key=primary_key,
            managed_by=managed_by,
        )
        return state, _Encoder(self._dialect, table_schema, primary_key)

    def _check(
        self, name: str, kind: str, schema: GraphSchema[Any] | None, primary_key: str
    ) -> None:
        check_identifier(name, f"{self._dialect.database} {kind}")
        check_identifier(primary_key, f"{self._dialect.database} primary key")
        if schema is not None and schema.primary_key != primary_key:
            raise ValueError(
                f"primary_key {primary_key!r} does not match the schema's {schema.primary_key!r}"
            )
