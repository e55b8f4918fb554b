"""A gRPC server with a local Qdrant store, as tests/qdrant_server.py is one for HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from qdrant_client import QdrantClient
from qdrant_client import grpc as q
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc
from qdrant_client.grpc import collections_service_pb2_grpc, points_service_pb2_grpc


@contextmanager
def qdrant_grpc_server(port: int = 0) -> Iterator[tuple[str, QdrantClient]]:
    """Yield the server's URL, and the store behind it to look at."""
    store = QdrantClient(":memory:")
    lock = threading.Lock()
    server = grpc.server(ThreadPoolExecutor(4))
    collections_service_pb2_grpc.add_CollectionsServicer_to_server(
        _Collections(store, lock), server
    )
    points_service_pb2_grpc.add_PointsServicer_to_server(_Points(store, lock), server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}/", store
    finally:
        server.stop(None).wait()
        store.close()


class _Collections(collections_service_pb2_grpc.CollectionsServicer):
    def __init__(self, store: QdrantClient, lock: threading.Lock) -> None:
        self.store, self.lock = store, lock

    def CollectionExists(self, request: Any, context: Any) -> Any:  # noqa: N802 - as generated
        with self.lock:
            exists = self.store.collection_exists(request.collection_name)
        return q.CollectionExistsResponse(result=q.CollectionExists(exists=exists))

    def Get(self, request: Any, context: Any) -> Any:  # noqa: N802 - as generated
        with self.lock:
            found = self.store.get_collection(request.collection_name)
        return q.GetCollectionInfoResponse(result=RestToGrpc.convert_collection_info(found))

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802 - as generated
        config = {}
        if request.HasField("vectors_config"):
            config = GrpcToRest.convert_vectors_config(request.vectors_config)
        with self.lock:
            done = self.store.create_collection(request.collection_name, vectors_config=config)
        return q.CollectionOperationResponse(result=done)

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802 - as generated
        with self.lock:
            done = self.store.delete_collection(request.collection_name)
        return q.CollectionOperationResponse(result=done)


class _Points(points_service_pb2_grpc.PointsServicer):
    def __init__(self, store: QdrantClient, lock: threading.Lock) -> None:
        self.store, self.lock = store, lock

    def Upsert(self, request: Any, context: Any) -> Any:  # noqa: N802 - as generated
        points = [GrpcToRest.convert_point_struct(point) for point in request.points]
        return self._do(context, lambda: self.store.upsert(request.collection_name, points))

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802 - as generated
        which = GrpcToRest.convert_points_selector(request.points)
        return self._do(context, lambda: self.store.delete(request.collection_name, which))

    def Query(self, request: Any, context: Any) -> Any:  # noqa: N802 - as generated
        asked = GrpcToRest.convert_query_points(request)
        with self.lock:
            [found] = self.store.query_batch_points(request.collection_name, [asked])
        hits = [RestToGrpc.convert_scored_point(point) for point in found.points]
        return q.QueryResponse(result=hits)

    def Search(self, request: Any, context: Any) -> Any:  # noqa: N802 - as generated
        """Answer clients from before `Query`."""
        with self.lock:
            found = self.store.query_points(
                request.collection_name,
                query=list(request.vector),
                using=request.vector_name or None,
                limit=request.limit,
            )
        hits = [RestToGrpc.convert_scored_point(point) for point in found.points]
        return q.SearchResponse(result=hits)

    def _do(self, context: Any, change: Any) -> Any:
        try:
            with self.lock:
                change()
        except ValueError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        done = q.UpdateResult(operation_id=0, status=q.UpdateStatus.Completed)
        return q.PointsOperationResponse(result=done)
