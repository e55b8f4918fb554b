"""The part of Qdrant's interface that the target uses, by HTTP or by gRPC.

Qdrant serves them on two ports, and a connection names one URL; so the port is probed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote, urlsplit

from coco_core.errors import Unavailable
from coco_flow.errors import FlowError, missing_extra
from coco_flow.targets.json_value import json_text

__all__ = ["Point", "Transport", "connect"]

# Servers and proxies refuse large requests: by default 32 MB by HTTP, 4 MB by gRPC.
_HTTP_BYTES = 8 << 20
_GRPC_BYTES = 3 << 20
_IDS_IN_REQUEST = 10_000

# Writes wait until the points are applied, which takes long when indexes are built meanwhile.
_SECONDS = 300.0
_CONNECT_SECONDS = 30.0


class Point(NamedTuple):
    """A point: vectors are lists of floats, or lists of such lists."""

    id: int | str
    vectors: dict[str, list[Any]]
    payload: dict[str, Any]


class Transport(Protocol):
    """What a target needs of a Qdrant server."""

    def vectors(self, collection: str) -> dict[str, tuple[int, str]] | None:
        """Return size and distance of each named vector, or None without such a collection."""
        ...

    def create(self, collection: str, vectors: Mapping[str, Mapping[str, Any]]) -> None:
        """Create a collection whose vectors have the parameters of set-up state."""
        ...

    def drop(self, collection: str) -> None:
        """Remove a collection if it is there."""
        ...

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        """Write points in requests of bounded size."""
        ...

    def delete(self, collection: str, ids: Sequence[int | str]) -> None:
        """Delete points in requests of bounded size."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


def connect(url: str, api_key: str | None) -> Transport:
    """Return a connection in the protocol that the URL's port speaks.

    Raises:
        Unavailable: Nothing answers there.
    """
    if "://" not in url:
        url = f"http://{url}"
    transport = _Http(url, api_key)
    import httpx

    try:
        transport.client.get("/collections")
    except (httpx.ConnectError, httpx.TimeoutException) as error:
        transport.close()
        raise Unavailable(
            f"The Qdrant server at {url} cannot be reached: {error}",
            hint="Check grpc_url of its QdrantConnection, and that the server is running.",
        ) from error
    except (httpx.ProtocolError, httpx.ReadError):
        # Something is there, which does not speak HTTP/1.1.
        transport.close()
        return _Grpc(url, api_key)
    return transport


class _Http:
    """Qdrant's HTTP interface."""

    def __init__(self, url: str, api_key: str | None) -> None:
        try:
            import httpx
            from pydantic_core import to_json
        except ImportError as error:
            raise missing_extra("Qdrant", "qdrant-client", "qdrant") from error
        # Seven times as fast as the standard library for vectors.
        self._to_json = to_json
        self.url = url.rstrip("/")
        self.client = httpx.Client(
            base_url=self.url,
            headers={"api-key": api_key} if api_key else {},
            timeout=httpx.Timeout(_SECONDS, connect=_CONNECT_SECONDS),
            # Reading the system's certificates takes longer than all else here.
            verify=self.url.startswith("https:"),
        )

    def vectors(self, collection: str) -> dict[str, tuple[int, str]] | None:
        if not self._call("GET", collection, "/exists")["exists"]:
            return None
        parameters = self._call("GET", collection, "")["config"]["params"].get("vectors") or {}
        # A single vector without a name is the value itself, not in a map.
        named = {"": parameters} if "size" in parameters else parameters
        return {name: (each["size"], each["distance"]) for name, each in named.items()}

    def create(self, collection: str, vectors: Mapping[str, Mapping[str, Any]]) -> None:
        wanted = {}
        for name, vector in vectors.items():
            wanted[name] = {"size": vector["size"], "distance": vector["distance"]}
            if vector["multi"]:
                wanted[name]["multivector_config"] = {"comparator": "max_sim"}
            if vector["hnsw"]:
                wanted[name]["hnsw_config"] = vector["hnsw"]
        self._call("PUT", collection, "", {"vectors": wanted})

    def drop(self, collection: str) -> None:
        self._call("DELETE", collection, "")

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        made = (self._dump({"id": p.id, "vector": p.vectors, "payload": p.payload}) for p in points)
        for part in _bounded(((data, len(data)) for data in made), _HTTP_BYTES):
            body = b'{"points":[' + b",".join(part) + b"]}"
            self._send("PUT", collection, "/points?wait=true", body)

    def delete(self, collection: str, ids: Sequence[int | str]) -> None:
        for start in range(0, len(ids), _IDS_IN_REQUEST):
            body = {"points": ids[start : start + _IDS_IN_REQUEST]}
            self._call("POST", collection, "/points/delete?wait=true", body)

    def close(self) -> None:
        self.client.close()

    def _dump(self, point: dict[str, Any]) -> bytes:
        try:
            return self._to_json(point, inf_nan_mode="null")
        except ValueError:
            # Text with half a surrogate pair, which is no Unicode.
            return json_text(point).encode("utf-8", "replace")

    # The answer is JSON.
    def _call(self, method: str, collection: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        return self._send(method, collection, path, data)

    def _send(self, method: str, collection: str, path: str, data: bytes | None) -> Any:
        import httpx

        address = f"/collections/{quote(collection, safe='')}{path}"
        headers = {"Content-Type": "application/json"} if data else {}
        try:
            answer = self.client.request(method, address, content=data, headers=headers)
        except httpx.TransportError as error:
            raise Unavailable(
                f"The Qdrant server at {self.url} did not answer: {error}",
                hint="Check that it is running; the next update tries again.",
            ) from error
        if answer.is_success:
            return answer.json()["result"]
        raise FlowError(
            f"Qdrant refused {method} {address}: {answer.status_code} {_reason(answer.text)}",
            hint="The server's log may say more.",
        )


def _reason(text: str) -> str:
    try:
        return str(json.loads(text)["status"]["error"])
    except (ValueError, KeyError, TypeError):
        return text[:500]


class _Grpc:
    """Qdrant's gRPC interface."""

    def __init__(self, url: str, api_key: str | None) -> None:
        try:
            from qdrant_client import grpc as messages
            from qdrant_client.connection import get_channel
        except ImportError as error:
            raise missing_extra("Qdrant by gRPC", "qdrant-client", "qdrant") from error
        self.url = url
        self._q = messages
        place = urlsplit(url)
        self._channel = get_channel(
            place.hostname or "localhost",
            place.port or 6334,
            place.scheme == "https",
            [("api-key", api_key)] if api_key else None,
        )
        # Generated code without types.
        stubs: Any = messages
        self._collections = stubs.CollectionsStub(self._channel)
        self._points = stubs.PointsStub(self._channel)

    def vectors(self, collection: str) -> dict[str, tuple[int, str]] | None:
        q = self._q
        exists = q.CollectionExistsRequest(collection_name=collection)
        if not self._call(self._collections.CollectionExists, exists).result.exists:
            return None
        request = q.GetCollectionInfoRequest(collection_name=collection)
        config = self._call(self._collections.Get, request).result.config.params.vectors_config
        named = {"": config.params} if config.HasField("params") else config.params_map.map
        return {name: (each.size, q.Distance.Name(each.distance)) for name, each in named.items()}

    def create(self, collection: str, vectors: Mapping[str, Mapping[str, Any]]) -> None:
        q = self._q
        wanted = {}
        for name, vector in vectors.items():
            parameters = q.VectorParams(
                size=vector["size"],
                distance=q.Distance.Value(vector["distance"]),
                hnsw_config=q.HnswConfigDiff(**vector["hnsw"]) if vector["hnsw"] else None,
            )
            if vector["multi"]:
                comparator = q.MultiVectorComparator.MaxSim
                parameters.multivector_config.CopyFrom(q.MultiVectorConfig(comparator=comparator))
            wanted[name] = parameters
        config = q.VectorsConfig(params_map=q.VectorParamsMap(map=wanted)) if wanted else None
        request = q.CreateCollection(collection_name=collection, vectors_config=config)
        self._call(self._collections.Create, request)

    def drop(self, collection: str) -> None:
        self._call(self._collections.Delete, self._q.DeleteCollection(collection_name=collection))

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        made = map(self._point, points)
        for part in _bounded(((point, point.ByteSize()) for point in made), _GRPC_BYTES):
            request = self._q.UpsertPoints(collection_name=collection, wait=True, points=part)
            self._call(self._points.Upsert, request)

    def delete(self, collection: str, ids: Sequence[int | str]) -> None:
        q = self._q
        for start in range(0, len(ids), _IDS_IN_REQUEST):
            some = [self._id(each) for each in ids[start : start + _IDS_IN_REQUEST]]
            selector = q.PointsSelector(points=q.PointsIdsList(ids=some))
            request = q.DeletePoints(collection_name=collection, wait=True, points=selector)
            self._call(self._points.Delete, request)

    def close(self) -> None:
        self._channel.close()

    def _point(self, point: Point) -> Any:
        from qdrant_client.conversions.conversion import payload_to_grpc

        q = self._q
        vectors = {
            name: q.Vector(multi_dense=q.MultiDenseVector(vectors=[{"data": v} for v in value]))
            if value and isinstance(value[0], list)
            else q.Vector(dense=q.DenseVector(data=value))
            for name, value in point.vectors.items()
        }
        return q.PointStruct(
            id=self._id(point.id),
            vectors=q.Vectors(vectors=q.NamedVectors(vectors=vectors)),
            payload=payload_to_grpc(point.payload),
        )

    def _id(self, value: int | str) -> Any:
        if isinstance(value, int):
            return self._q.PointId(num=value)
        return self._q.PointId(uuid=value)

    # Requests and answers are of as many types as there are calls.
    def _call(self, method: Any, request: Any) -> Any:
        import grpc

        try:
            return method(request, timeout=_SECONDS)
        except grpc.RpcError as error:
            code, details = error.code(), error.details()
            if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                raise Unavailable(
                    f"The Qdrant server at {self.url} did not answer: {details}",
                    hint="Check that it is running; the next update tries again.",
                ) from error
            raise FlowError(
                f"Qdrant refused {type(request).__name__}: {code.name} {details}",
                hint="The server's log may say more.",
            ) from error


def _bounded(sized: Iterator[tuple[Any, int]], limit: int) -> Iterator[list[Any]]:
    """Yield items together up to a size; one that is larger comes alone."""
    part: list[Any] = []
    total = 0
    for item, size in sized:
        if part and total + size > limit:
            yield part
            part, total = [], 0
        part.append(item)
        total += size
    if part:
        yield part
