"""Target that writes to a collection of Qdrant.

Every vector of numbers with a fixed size becomes a vector of its name, a vector of such vectors a
multi-vector, and every other field a part of the payload.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from coco_flow.auth import AuthEntryReference, resolve_auth_entry
from coco_flow.errors import DefinitionError, FlowConflict, FlowError
from coco_flow.index import HnswVectorIndexMethod, VectorIndexDef, VectorSimilarityMetric
from coco_flow.op.spec import TargetSpec
from coco_flow.ports import Compatibility, ExportSchema, Key, Row, SetupChange, TargetBatch
from coco_flow.targets.json_value import json_encoder
from coco_flow.targets.qdrant_transport import Point, Transport, connect
from coco_flow.targets.registry import register_target
from coco_flow.targets.table_state import final_rows, possible_states, vector_fields, vector_size
from coco_flow.types.schema import BasicValueType, FieldSchema, ValueType

__all__ = ["Qdrant", "QdrantConnection", "QdrantConnector"]

_DEFAULT_URL = "http://localhost:6334/"

_DISTANCES = {
    VectorSimilarityMetric.COSINE_SIMILARITY: "Cosine",
    VectorSimilarityMetric.L2_DISTANCE: "Euclid",
    VectorSimilarityMetric.INNER_PRODUCT: "Dot",
}

# What a vector without an index is compared by.
_DEFAULT_DISTANCE = "Cosine"


@dataclass
class QdrantConnection:
    """A Qdrant server; `grpc_url` may be that of its HTTP port as well."""

    grpc_url: str
    api_key: str | None = None


class Qdrant(TargetSpec):
    """A collection of Qdrant; `connection` None is a server on this machine."""

    collection_name: str
    connection: AuthEntryReference[QdrantConnection] | None = None


class _Collection:
    """A collection that an update writes to."""

    def __init__(self, transport: Transport, name: str, schema: ExportSchema) -> None:
        self.transport, self.name = transport, name
        self._parts = [
            (field.name, _vector_shape(field.value_type.type) is not None, _encoder(field))
            for field in schema.value
        ]

    def point(self, key: Key, row: Row) -> Point:
        vectors: dict[str, list[Any]] = {}
        payload: dict[str, Any] = {}
        for (name, is_vector, encode), value in zip(self._parts, row, strict=True):
            encoded = value if value is None or encode is None else encode(value)
            if not is_vector:
                payload[name] = encoded
            elif encoded is not None:
                vectors[name] = encoded
        return Point(self.id(key), vectors, payload)

    def id(self, key: Key) -> int | str:
        [value] = key
        if isinstance(value, uuid.UUID):
            return str(value)
        if isinstance(value, int):
            if value >= 0:
                return value
        else:
            try:
                return str(uuid.UUID(value))
            except ValueError:
                # A text of digits is a number, as Qdrant takes it.
                if value.isascii() and value.isdigit():
                    return int(value)
        raise FlowError(
            f"{value!r} cannot be the key of a point in Qdrant collection {self.name!r}.",
            hint="Qdrant takes UUIDs and numbers from 0: collect a GeneratedField.UUID as the key.",
        )


class QdrantConnector:
    """Writes rows as points to collections of Qdrant."""

    def persistent_key(
        self,
        spec: Qdrant,
        target_name: str,  # noqa: ARG002 - part of the contract
        flow_name: str,  # noqa: ARG002 - part of the contract
        namespace: str,  # noqa: ARG002 - part of the contract
    ) -> dict[str, str | None]:
        """Return the connection's reference and the collection."""
        return {
            "connection": spec.connection.key if spec.connection else None,
            "collection_name": spec.collection_name,
        }

    def setup_state(self, spec: Qdrant, schema: ExportSchema) -> dict[str, Any]:
        """Return the key's type and the vectors with their parameters."""
        what = f"Qdrant collection {spec.collection_name!r}"
        kinds = [field.value_type.type.kind for field in schema.key]
        if len(kinds) != 1 or kinds[0] not in ("Str", "Int64", "Uuid"):
            raise DefinitionError(
                f"{what} needs one key field of type str, int or UUID, which becomes the id of the "
                f"point; it has {', '.join(str(field) for field in schema.key)}.",
                hint="Collect a GeneratedField.UUID and make it the key.",
            )
        if schema.index.fts_indexes:
            raise DefinitionError(
                f"{what} cannot have a full-text index.",
                hint="Export to Postgres, SQLite or LanceDB for one.",
            )
        vectors = {}
        for field in schema.value:
            shape = _vector_shape(field.value_type.type)
            if shape is not None:
                size, multi = shape
                parameters = {"size": size, "distance": _DEFAULT_DISTANCE, "multi": multi}
                vectors[field.name] = {**parameters, "hnsw": None}
        self._add_indexes(schema, vectors, what)
        return {"key": kinds[0], "vectors": vectors}

    def compatibility(self, desired: Any, existing: Any) -> Compatibility:
        """Compare the vectors, which cannot be changed; a payload may have any fields."""
        same = desired == existing
        return Compatibility.COMPATIBLE if same else Compatibility.NOT_COMPATIBLE

    def apply_setup(self, changes: Sequence[SetupChange]) -> None:
        """Create or drop the collections."""
        for change in changes:
            name = change.key["collection_name"]
            with closing(_connect(change.key["connection"])) as transport:
                if change.current is None:
                    transport.drop(name)
                else:
                    _set_up(transport, name, change.previous, change.current)

    def describe(self, key: Any) -> str:
        """Return the collection's name."""
        place = f" (connection {key['connection']})" if key["connection"] else ""
        return f"Qdrant collection {key['collection_name']}{place}"

    def open(
        self,
        spec: Qdrant,  # noqa: ARG002 - part of the contract
        key: Any,
        schema: ExportSchema,
    ) -> _Collection:
        """Connect to the server."""
        return _Collection(_connect(key["connection"]), key["collection_name"], schema)

    def group(self, target: _Collection) -> object:
        """Return the collection: Qdrant has no transactions over several."""
        return id(target)

    def write(self, batches: Sequence[TargetBatch]) -> None:
        """Write the points and wait until they are applied, then delete."""
        for batch in batches:
            collection: _Collection = batch.target
            upserts, deletes = final_rows(batch)
            points = [collection.point(key, row) for key, row in upserts]
            collection.transport.upsert(collection.name, points)
            ids = [collection.id(key) for key in deletes]
            collection.transport.delete(collection.name, ids)

    def close(self, target: _Collection) -> None:
        """Close the connection."""
        target.transport.close()

    @staticmethod
    def _add_indexes(schema: ExportSchema, vectors: dict[str, Any], what: str) -> None:
        defined: set[str] = set()
        # A multi-vector is not what other targets index, but Qdrant does.
        plain = [i for i in schema.index.vector_indexes if i.field_name not in vectors]
        vector_fields(_only(schema, plain), what)
        for index in schema.index.vector_indexes:
            if index.field_name in defined:
                raise DefinitionError(
                    f"{what} has two indexes on the vector {index.field_name!r}.",
                    hint="Qdrant compares a vector in one way; collect it twice for two.",
                )
            defined.add(index.field_name)
            vector = vectors[index.field_name]
            vector["distance"] = _DISTANCES[index.metric]
            vector["hnsw"] = _hnsw(index, what)


def _only(schema: ExportSchema, indexes: list[VectorIndexDef]) -> ExportSchema:
    return replace(schema, index=replace(schema.index, vector_indexes=indexes))


def _hnsw(index: VectorIndexDef, what: str) -> dict[str, int] | None:
    if index.method is None:
        return None
    if not isinstance(index.method, HnswVectorIndexMethod):
        raise DefinitionError(
            f"{what} cannot have an index of the kind {index.method.kind} on "
            f"{index.field_name!r}: Qdrant has HNSW only.",
            hint="Use HnswVectorIndexMethod, or leave `method` out.",
        )
    given = {"m": index.method.m, "ef_construct": index.method.ef_construction}
    return {name: value for name, value in given.items() if value is not None} or None


def _set_up(
    transport: Transport, name: str, previous: Sequence[Any | None], current: dict[str, Any]
) -> None:
    states = possible_states(previous)
    wanted = current["vectors"]
    found = transport.vectors(name)
    fits = found == {each: (v["size"], v["distance"]) for each, v in wanted.items()}
    if found is not None and not states and not fits:
        raise FlowConflict(
            f"There is a Qdrant collection {name!r} already that this flow has not made; its "
            f"vectors are {found}.",
            hint="Give the target another collection_name, or delete the collection.",
        )
    if found is not None and (not fits or any(state != current for state in states)):
        transport.drop(name)
        found = None
    if found is None:
        transport.create(name, wanted)


def _connect(reference: str | None) -> Transport:
    if reference is None:
        return connect(_DEFAULT_URL, None)
    connection: QdrantConnection = resolve_auth_entry(reference)
    return connect(connection.grpc_url, connection.api_key)


def _vector_shape(value_type: ValueType) -> tuple[int, bool] | None:
    """Return a vector's dimension, and whether it is a vector of vectors; None for the payload."""
    size = vector_size(value_type)
    if size is not None:
        return size, False
    if isinstance(value_type, BasicValueType) and value_type.vector is not None:
        size = vector_size(value_type.vector.element_type)
    return None if size is None else (size, True)


def _encoder(field: FieldSchema) -> Callable[[Any], Any] | None:
    if _vector_shape(field.value_type.type) is None:
        return json_encoder(field.value_type.type)
    return _floats


def _floats(value: Any) -> list[Any]:
    import numpy as np

    if isinstance(value, list) and value and hasattr(value[0], "astype"):
        value = np.stack(value)
    return np.asarray(value, dtype=np.float32).tolist()  # type: ignore[no-any-return]


register_target(Qdrant, QdrantConnector())
