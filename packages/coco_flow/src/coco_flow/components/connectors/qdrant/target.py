"""Qdrant collections and their points as target states."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple

from coco_flow import components as coco
from coco_flow.components.connectorkits import statediff
from coco_flow.components.connectorkits.fingerprint import fingerprint_object
from coco_flow.components.connectorkits.target import ManagedBy
from coco_flow.components.connectors.qdrant.driver import QdrantClient, models
from coco_flow.components.connectors.qdrant.schema import (
    CollectionSchema,
    NamedVectors,
    SparseVector,
    Vector,
    sparse_vector_params,
    vector_params,
)
from coco_flow.components.datatype import TypeChecker

__all__ = [
    "CollectionTarget",
    "PointStruct",
    "collection_target",
    "create_client",
    "declare_collection_target",
    "mount_collection_target",
]

PointStruct = models.PointStruct

_POINT_ID = TypeChecker[str | int](str | int)  # type: ignore[arg-type]  # a union is no type
_COLLECTION_KEY = TypeChecker(tuple[str, str])

_ID_RULE = (
    "A point of Qdrant is identified by an unsigned 64-bit integer or a UUID. For an id that "
    "follows from any other key, use uuid.uuid5(uuid.NAMESPACE_URL, key)."
)

# A request with more points runs into the server's limit of 32 MB with long vectors.
_BATCH = 512


def create_client(url: str, *, prefer_grpc: bool = True, **kwargs: Any) -> QdrantClient:
    """Return a client of a server; `kwargs` are QdrantClient's."""
    return QdrantClient(url=url, prefer_grpc=prefer_grpc, **kwargs)


def check_point_id(given: object) -> str | int:
    """Return a point's id, or raise ValueError for one that the server would refuse."""
    if isinstance(given, bool) or not isinstance(given, int | str | uuid.UUID):
        raise ValueError(f"Invalid Qdrant point ID of type {type(given).__name__}. {_ID_RULE}")
    if isinstance(given, int):
        if not 0 <= given < 1 << 64:
            raise ValueError(
                f"Invalid Qdrant point ID {given!r}: out of unsigned 64-bit range. {_ID_RULE}"
            )
        return given
    try:
        uuid.UUID(str(given))
    except ValueError:
        raise ValueError(
            f"Invalid Qdrant point ID {given!r}: strings must be UUIDs. {_ID_RULE}"
        ) from None
    return str(given)


class PointAction(NamedTuple):
    """A point to write, or to delete if it is None."""

    point_id: str | int
    point: models.PointStruct | None


class Points(coco.TargetHandler[models.PointStruct, bytes, None]):
    """Reconciles the points of one collection."""

    def __init__(self, client: QdrantClient, collection_name: str) -> None:
        self._client = client
        self._collection_name = collection_name
        self._sink = coco.TargetActionSink.from_async_fn(self._apply)

    async def _apply(
        self, _context_provider: coco.ContextProvider, actions: Sequence[PointAction], /
    ) -> None:
        upserts = [action.point for action in actions if action.point is not None]
        deletes = [action.point_id for action in actions if action.point is None]
        name = self._collection_name
        # The client blocks; it waits until the server has applied the change.
        for start in range(0, len(upserts), _BATCH):
            batch = upserts[start : start + _BATCH]
            await asyncio.to_thread(self._client.upsert, name, batch, wait=True)
        if deletes:
            selector = models.PointIdsList(points=deletes)
            await asyncio.to_thread(self._client.delete, name, selector, wait=True)

    def reconcile(
        self,
        key: coco.StableKey,
        desired: models.PointStruct | coco.NonExistenceType,
        previous: Collection[bytes],
        may_be_missing: bool,
        /,
    ) -> coco.TargetReconcileOutput[PointAction, bytes, None] | None:
        """Return what to do for one point."""
        point_id = _POINT_ID.check(key)
        if coco.is_non_existence(desired):
            if not previous and not may_be_missing:
                return None
            action = PointAction(point_id, None)
            return coco.TargetReconcileOutput(action, self._sink, coco.NON_EXISTENCE)
        digest = fingerprint_object((desired.vector, desired.payload))
        if not may_be_missing and all(each == digest for each in previous):
            return None
        return coco.TargetReconcileOutput(PointAction(point_id, desired), self._sink, digest)


@dataclass
class CollectionSpec:
    """What a collection is to be."""

    schema: CollectionSchema
    managed_by: ManagedBy


class CollectionAction(NamedTuple):
    """A collection to make or drop; `db_key` names the context key of the client."""

    db_key: str
    collection_name: str
    spec: CollectionSpec | coco.NonExistenceType
    main_action: statediff.DiffAction | None


_Record = statediff.MutualTrackingRecord[Vector | NamedVectors]


async def create_collection(
    client: QdrantClient, name: str, schema: CollectionSchema, *, if_not_exists: bool
) -> None:
    """Create a collection."""
    if if_not_exists and await asyncio.to_thread(client.collection_exists, name):
        return
    vectors = schema.vectors
    dense: dict[str, models.VectorParams] | models.VectorParams | None
    sparse: dict[str, models.SparseVectorParams] = {}
    if isinstance(vectors, Vector):
        dense = vector_params(vectors)
    else:
        named = vectors.vectors.items()
        dense = {n: vector_params(v) for n, v in named if isinstance(v, Vector)} or None
        sparse = {n: sparse_vector_params(v) for n, v in named if isinstance(v, SparseVector)}
    await asyncio.to_thread(
        client.create_collection,
        collection_name=name,
        vectors_config=dense,
        sparse_vectors_config=sparse or None,
    )


async def _apply_collections(
    context_provider: coco.ContextProvider, actions: Sequence[CollectionAction], /
) -> None:
    for action in actions:
        client = context_provider.get(action.db_key, QdrantClient)
        name, main = action.collection_name, action.main_action
        # To delete a collection that is not there is no error of the server.
        if main in ("replace", "delete"):
            await asyncio.to_thread(client.delete_collection, name)
        if coco.is_non_existence(action.spec):
            continue
        if main in ("insert", "upsert", "replace"):
            await create_collection(
                client, name, action.spec.schema, if_not_exists=main == "upsert"
            )


def _child_handler(
    context_provider: coco.ContextProvider, action: CollectionAction
) -> Points | None:
    if coco.is_non_existence(action.spec):
        return None
    return Points(context_provider.get(action.db_key, QdrantClient), action.collection_name)


_SINK: coco.TargetActionSink[CollectionAction] = coco.TargetActionSink.from_async_fn(
    _apply_collections, child_handler=_child_handler
)


class _Collections(coco.TargetHandler[CollectionSpec, _Record, Points]):
    """Reconciles collections."""

    def reconcile(
        self,
        key: coco.StableKey,
        desired: CollectionSpec | coco.NonExistenceType,
        previous: Collection[_Record],
        may_be_missing: bool,
        /,
    ) -> coco.TargetReconcileOutput[CollectionAction, _Record, Points]:
        """Return what to do for one collection; one with other vectors is recreated."""
        db_key, collection_name = _COLLECTION_KEY.check(key)
        record: _Record | coco.NonExistenceType = coco.NON_EXISTENCE
        if not coco.is_non_existence(desired):
            record = statediff.MutualTrackingRecord(desired.schema.vectors, desired.managed_by)
        transition = statediff.TrackingRecordTransition(record, previous, may_be_missing)
        main = statediff.diff(statediff.resolve_system_transition(transition))
        return coco.TargetReconcileOutput(
            CollectionAction(db_key, collection_name, desired, main),
            _SINK,
            record,
            "destructive" if main == "replace" else None,
        )


_provider: coco.TargetStateProvider[CollectionSpec, Points] = (
    coco.register_root_target_states_provider("cocoindex/qdrant/collection", _Collections())
)


class CollectionTarget(Generic[coco.MaybePendingS], coco.ResolvesTo["CollectionTarget"]):
    """A collection whose points are those that are declared."""

    _provider: coco.TargetStateProvider[models.PointStruct, None, Any]

    def __init__(
        self,
        provider: coco.TargetStateProvider[models.PointStruct, None, coco.MaybePendingS],
    ) -> None:
        self._provider = provider

    def declare_point(self: CollectionTarget[Any], point: models.PointStruct) -> None:
        """Declare a point.

        Raises:
            ValueError: Its id is neither an unsigned 64-bit integer nor a UUID.
        """
        state = self._provider.target_state(check_point_id(point.id), point)
        coco.declare_target_state(state)

    def __coco_memo_key__(self) -> str:
        """Identify the collection."""
        return self._provider.memo_key


def collection_target(
    db: coco.ContextKey[QdrantClient],
    collection_name: str,
    schema: CollectionSchema,
    *,
    managed_by: ManagedBy = ManagedBy.SYSTEM,
) -> coco.TargetState[Points]:
    """Return the state of a collection, for `mount_target`.

    Args:
        db: Context key of the client.
        collection_name: Name of the collection.
        schema: Its vectors.
        managed_by: Whether the collection is made and dropped here, or is the user's.
    """
    spec = CollectionSpec(schema, managed_by)
    return _provider.target_state((db.key, collection_name), spec)


def declare_collection_target(
    db: coco.ContextKey[QdrantClient],
    collection_name: str,
    schema: CollectionSchema,
    *,
    managed_by: ManagedBy = ManagedBy.SYSTEM,
) -> CollectionTarget[coco.PendingS]:
    """Declare a collection; points can be declared once the component that declares it is done.

    The arguments are those of `collection_target`.
    """
    state = collection_target(db, collection_name, schema, managed_by=managed_by)
    return CollectionTarget(coco.declare_target_state_with_child(state))


async def mount_collection_target(
    db: coco.ContextKey[QdrantClient],
    collection_name: str,
    schema: CollectionSchema,
    *,
    managed_by: ManagedBy = ManagedBy.SYSTEM,
) -> CollectionTarget[coco.ResolvedS]:
    """Make a collection and return it, ready for points; takes what `collection_target` takes."""
    state = collection_target(db, collection_name, schema, managed_by=managed_by)
    return CollectionTarget(await coco.mount_target(state))
