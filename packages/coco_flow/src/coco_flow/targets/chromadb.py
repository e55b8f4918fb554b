"""Target that writes to a collection of Chroma, in a directory, on a server or in its cloud.

The one vector of a row is its embedding, `document_field` its document, every other field a part
of its metadata; what is neither text, number nor truth value is there as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from coco_flow.errors import DefinitionError, FlowConflict, FlowError, missing_extra
from coco_flow.index import HnswVectorIndexMethod, VectorSimilarityMetric
from coco_flow.op.spec import TargetSpec
from coco_flow.ports import Compatibility, ExportSchema, Key, Row, SetupChange, TargetBatch
from coco_flow.targets.json_value import json_encoder, json_text
from coco_flow.targets.registry import register_target
from coco_flow.targets.table_state import final_rows, possible_states, vector_fields, vector_size
from coco_flow.types.schema import FieldSchema

__all__ = ["ChromaDB", "ChromaDBConnector", "ClientType", "HnswConfig"]

_DISTANCES = {
    VectorSimilarityMetric.COSINE_SIMILARITY: "cosine",
    VectorSimilarityMetric.L2_DISTANCE: "l2",
    VectorSimilarityMetric.INNER_PRODUCT: "ip",
}

_DEFAULT_PATH = "./chromadb_data"


class ClientType(Enum):
    """Where a collection is: in a directory, on a server, or in Chroma's cloud."""

    PERSISTENT = "persistent"
    HTTP = "http"
    CLOUD = "cloud"


@dataclass
class HnswConfig:
    """Parameters of the index; those that are None take Chroma's own default."""

    m: int | None = None
    ef_construction: int | None = None
    ef_search: int | None = None


class ChromaDB(TargetSpec):
    """A collection of Chroma."""

    collection_name: str
    client_type: ClientType = ClientType.PERSISTENT
    path: str | None = None
    host: str | None = None
    port: int | None = None
    ssl: bool = False
    api_key: str | None = None
    tenant: str = "default_tenant"
    database: str = "default_database"
    hnsw_config: HnswConfig | None = None
    document_field: str | None = None


class _Collection:
    """A collection that an update writes to."""

    def __init__(self, client: Any, key: Any, spec: ChromaDB, schema: ExportSchema) -> None:
        self.name = key["collection_name"]
        self.collection = client.get_collection(self.name, embedding_function=None)
        self.most = int(client.get_max_batch_size())
        self._vector = [field.name for field in schema.value].index(_vector_field(schema).name)
        self._names = [field.name for field in schema.value]
        self._document = spec.document_field
        self._encoders = [_metadata_encoder(field) for field in schema.value]
        self.id = _id_encoder(schema.key)

    def upsert(self, rows: Sequence[tuple[Key, Row]]) -> None:
        for start in range(0, len(rows), self.most):
            part = rows[start : start + self.most]
            metadata, documents = zip(*(self._split(row) for _, row in part), strict=True)
            self.collection.upsert(
                ids=[self.id(key) for key, _ in part],
                embeddings=[self._embedding(key, row) for key, row in part],
                metadatas=list(metadata) if metadata[0] else None,
                documents=list(documents) if self._document else None,
            )

    def delete(self, keys: Sequence[Key]) -> None:
        for start in range(0, len(keys), self.most):
            self.collection.delete(ids=[self.id(key) for key in keys[start : start + self.most]])

    def _embedding(self, key: Key, row: Row) -> Any:
        value = row[self._vector]
        if value is None:
            raise FlowError(
                f"The row {key!r} of Chroma collection {self.name!r} has no "
                f"{self._names[self._vector]!r}.",
                hint="Chroma needs an embedding for every row; collect only rows that have one.",
            )
        import numpy as np

        return np.asarray(value, np.float32)

    def _split(self, row: Row) -> tuple[dict[str, Any], str]:
        metadata: dict[str, Any] = {}
        document = ""
        for place, (name, encode) in enumerate(zip(self._names, self._encoders, strict=True)):
            value = row[place]
            if place == self._vector:
                continue
            if name == self._document:
                # Chroma would keep the document that was there before.
                document = "" if value is None else str(value)
            else:
                # A None removes the earlier value.
                metadata[name] = value if value is None or encode is None else encode(value)
        return metadata, document


class ChromaDBConnector:
    """Writes rows to collections of Chroma."""

    def __init__(self) -> None:
        # Secrets are kept here and not with the set-up state.
        self._api_keys: dict[str, str | None] = {}

    def persistent_key(
        self,
        spec: ChromaDB,
        target_name: str,  # noqa: ARG002 - part of the contract
        flow_name: str,  # noqa: ARG002 - part of the contract
        namespace: str,  # noqa: ARG002 - part of the contract
    ) -> dict[str, Any]:
        """Return where the collection is, and its name."""
        location: Any = spec.path or _DEFAULT_PATH
        if spec.client_type is ClientType.CLOUD:
            location = "cloud"
        elif spec.client_type is ClientType.HTTP:
            location = [spec.host or "localhost", spec.port or 8000, spec.ssl]
        key = {
            "client_type": spec.client_type.value,
            "location": location,
            "tenant": spec.tenant,
            "database": spec.database,
            "collection_name": spec.collection_name,
        }
        self._api_keys[json.dumps(key)] = spec.api_key
        return key

    def setup_state(self, spec: ChromaDB, schema: ExportSchema) -> dict[str, Any]:
        """Return the key's types, the vector and the index."""
        what = f"Chroma collection {spec.collection_name!r}"
        if schema.index.fts_indexes:
            raise DefinitionError(
                f"{what} cannot have a full-text index.",
                hint="Its documents can be searched by where_document without one.",
            )
        names = {field.name: field.value_type.type.kind for field in schema.value}
        if spec.document_field is not None and names.get(spec.document_field) != "Str":
            raise DefinitionError(
                f"The document_field {spec.document_field!r} of {what} is no exported text.",
                hint=f"The fields are {', '.join(names)}.",
            )
        vector = _vector_field(schema)
        indexes = [index for index, _ in vector_fields(schema, what)]
        if len(indexes) > 1:
            raise DefinitionError(
                f"{what} has {len(indexes)} vector indexes.", hint="Chroma has one a collection."
            )
        hnsw = spec.hnsw_config or HnswConfig()
        parameters = {
            "space": _DISTANCES[indexes[0].metric] if indexes else "cosine",
            "max_neighbors": hnsw.m,
            "ef_construction": hnsw.ef_construction,
            "ef_search": hnsw.ef_search,
        }
        method = indexes[0].method if indexes else None
        if method is not None:
            if not isinstance(method, HnswVectorIndexMethod):
                raise DefinitionError(
                    f"{what} cannot have an index of the kind {method.kind}: Chroma has HNSW only.",
                    hint="Use HnswVectorIndexMethod, or leave `method` out.",
                )
            given = {"max_neighbors": method.m, "ef_construction": method.ef_construction}
            parameters |= {name: value for name, value in given.items() if value is not None}
        return {
            "key": [field.value_type.type.kind for field in schema.key],
            "vector": [vector.name, vector_size(vector.value_type.type)],
            "hnsw": {name: value for name, value in parameters.items() if value is not None},
        }

    def compatibility(self, desired: Any, existing: Any) -> Compatibility:
        """Compare vector and index, which cannot be changed; metadata may have any fields."""
        same = desired == existing
        return Compatibility.COMPATIBLE if same else Compatibility.NOT_COMPATIBLE

    def apply_setup(self, changes: Sequence[SetupChange]) -> None:
        """Create or delete the collections."""
        for change in changes:
            client, name = self._client(change.key), change.key["collection_name"]
            current, states = change.current, possible_states(change.previous)
            exists = name in {collection.name for collection in client.list_collections()}
            if exists and not states and current is not None:
                found = client.get_collection(name, embedding_function=None).configuration_json[
                    "hnsw"
                ]
                if any(found.get(each) != value for each, value in current["hnsw"].items()):
                    raise FlowConflict(
                        f"There is a Chroma collection {name!r} already that this flow has not "
                        f"made; its index is {found}.",
                        hint="Give the target another collection_name, or delete the collection.",
                    )
            if exists and states and any(state != current for state in states):
                client.delete_collection(name)
                exists = False
            if current is not None and not exists:
                client.create_collection(
                    name, configuration={"hnsw": current["hnsw"]}, embedding_function=None
                )

    def describe(self, key: Any) -> str:
        """Return the collection and where it is."""
        location = key["location"]
        place = location if isinstance(location, str) else f"{location[0]}:{location[1]}"
        return f"Chroma collection {key['collection_name']} in {place}"

    def open(self, spec: ChromaDB, key: Any, schema: ExportSchema) -> _Collection:
        """Open the collection."""
        return _Collection(self._client(key), key, spec, schema)

    def group(self, target: _Collection) -> object:
        """Return the collection: Chroma has no transactions."""
        return id(target)

    def write(self, batches: Sequence[TargetBatch]) -> None:
        """Write the rows, then delete."""
        errors = _import_chromadb().errors
        for batch in batches:
            upserts, deletes = final_rows(batch)
            try:
                batch.target.upsert(upserts)
                batch.target.delete(deletes)
            except (errors.ChromaError, ValueError) as error:
                raise FlowError(
                    f"Writing to Chroma collection {batch.target.name!r} failed: {error}",
                    hint="The batch may be written in part; the next update writes it again.",
                ) from error

    def close(self, target: _Collection) -> None:
        """Do nothing: clients of one directory are shared in a process."""

    def _client(self, key: Any) -> Any:
        chromadb = _import_chromadb()
        where = {"tenant": key["tenant"], "database": key["database"]}
        kind = ClientType(key["client_type"])
        if kind is ClientType.PERSISTENT:
            return chromadb.PersistentClient(path=key["location"], **where)
        if kind is ClientType.CLOUD:
            return chromadb.CloudClient(api_key=self._api_keys.get(json.dumps(key)), **where)
        host, port, ssl = key["location"]
        return chromadb.HttpClient(host=host, port=port, ssl=ssl, **where)


def _vector_field(schema: ExportSchema) -> FieldSchema:
    vectors = [f for f in schema.value if vector_size(f.value_type.type) is not None]
    if len(vectors) != 1:
        names = ", ".join(field.name for field in vectors) or "none"
        raise DefinitionError(
            f"A Chroma target needs one vector of numbers with a fixed dimension; it has {names}.",
            hint="Export to Qdrant or LanceDB for several.",
        )
    return vectors[0]


def _metadata_encoder(field: FieldSchema) -> Callable[[Any], Any] | None:
    value_type = field.value_type.type
    if value_type.kind in ("Str", "Int64", "Float32", "Float64", "Bool"):
        return None
    encode = json_encoder(value_type)

    def to_metadata(value: Any) -> Any:
        encoded = value if encode is None else encode(value)
        return encoded if isinstance(encoded, str | int | float | bool) else json_text(encoded)

    return to_metadata


def _id_encoder(fields: Sequence[FieldSchema]) -> Callable[[Key], str]:
    encoders = [json_encoder(field.value_type.type) for field in fields]

    def to_id(key: Key) -> str:
        parts = [
            value if encode is None else encode(value)
            for encode, value in zip(encoders, key, strict=True)
        ]
        if len(parts) == 1:
            return parts[0] if isinstance(parts[0], str) else json_text(parts[0])
        return json_text(parts)

    return to_id


# A package whose types change with its versions.
def _import_chromadb() -> Any:
    try:
        import chromadb
        import chromadb.errors
    except ImportError as error:
        raise missing_extra("Chroma", "chromadb", "chromadb") from error
    return chromadb


register_target(ChromaDB, ChromaDBConnector())
