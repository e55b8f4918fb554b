"""`coco-server doctor`: check what the service needs, one line for each, with what mends it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import typer

from coco_core.errors import CocoError, Unavailable
from coco_embed.model_list import list_models
from coco_embed.resolver import Embedders
from coco_protocol.base import Answer
from coco_server.cli.output import AsJson, show
from coco_server.jobs import overview
from coco_server.search.rerankers import server_rerankers
from coco_server.settings import Settings, load_settings
from coco_server.store.blobs import BlobStore
from coco_server.store.migrate import open_checked, require_migrated
from coco_server.store.preflight import refuse_embedded
from coco_server.store.session import Database
from coco_server.store.vector_backend import open_vectors

__all__ = ["doctor"]


class _Check(Answer):
    name: str
    ok: bool
    detail: str = ""


class _Checks(Answer):
    checks: list[_Check]


def doctor(as_json: AsJson = False) -> None:
    """Check settings and everything that the service uses; exit 1 if something fails."""
    found = list(_checks())
    rows = [
        {"check": each.name, "state": "ok" if each.ok else "FAILED", "detail": each.detail or "-"}
        for each in found
    ]
    show(_Checks(checks=found), rows, as_json=as_json)
    if not all(each.ok for each in found):
        raise typer.Exit(1)


def _checks() -> Iterator[_Check]:
    try:
        # TLS is checked where it is configured; without it, as for a trial on this machine.
        tls = bool(os.environ.get("COCO_TLS_MODE", "").strip())
        settings = load_settings(
            {} if tls else {"host": "127.0.0.1"}, environ=os.environ, insecure_dev=not tls
        )
    except CocoError as error:
        yield _Check(name="settings", ok=False, detail=str(error))
        return
    note = "" if tls else "COCO_TLS_MODE is not set: the service will not start without it."
    yield _Check(name="settings", ok=tls, detail=" ".join([note, *settings.warnings]).strip())
    checks: list[tuple[str, Callable[[Settings], str]]] = [
        ("database", _database),
        ("blobs", _blobs),
        ("model", _model),
    ]
    if settings.queue_mode == "redis":
        checks.append(("redis", _redis))
    if settings.vector_backend == "qdrant":
        checks.append(("vectors", _vectors))
    checks.append(("workers", _workers))
    for name, check in checks:
        try:
            yield _Check(name=name, ok=True, detail=check(settings))
        except CocoError as error:
            yield _Check(name=name, ok=False, detail=str(error))
    for entry in list_models(settings.embedding, custom_only=True):
        ready = entry.state == "ready"
        detail = f"{entry.kind}, {entry.dimension} dimensions, {entry.place}"
        problem = f"{entry.state} ({entry.origin}): {entry.detail} {entry.hint}".rstrip()
        yield _Check(name=f"model {entry.name}", ok=ready, detail=detail if ready else problem)
    yield from _rerankers(settings)


def _rerankers(settings: Settings) -> Iterator[_Check]:
    """Let each reranker score a text."""
    rerankers = server_rerankers(settings)
    try:
        for entry in rerankers.list():
            ready = entry.state == "ready"
            problem = f"{entry.state} ({entry.origin}): {entry.detail} {entry.hint}".rstrip()
            yield _Check(
                name=f"reranker {entry.name}",
                ok=ready,
                detail=f"{entry.kind}, {entry.place}" if ready else problem,
            )
    finally:
        rerankers.close()


def _database(settings: Settings) -> str:
    refuse_embedded(settings.meta_db, settings.vector_db_url)
    return " ".join(open_checked(settings.meta_db))


def _blobs(settings: Settings) -> str:
    BlobStore(settings.blob_url).check()
    return settings.blob_url


def _model(settings: Settings) -> str:
    from coco_server.domain.configs import DEFAULT_CONFIG

    embedders = Embedders(settings.embedding)
    try:
        embedder = embedders.open(DEFAULT_CONFIG.embedding, timeout=5.0)
        embedder.embed_query("how is the service started?")
        return f"{embedder.name}, {embedder.dimension} dimensions"
    finally:
        embedders.close()


def _vectors(settings: Settings) -> str:
    open_vectors(
        settings.vector_backend,
        url=settings.vector_db_url,
        prefix=settings.vector_db_collection_prefix,
        api_key=settings.vector_db_api_key,
    ).check()
    return str(settings.vector_db_url)


def _workers(settings: Settings) -> str:
    """Say which workers report; at a first installation there are none yet, which is no fault."""
    with (
        Database(settings.meta_db, most=1, name="coco-server-cli") as database,
        database.system() as session,
    ):
        require_migrated(session.connection)
        seen = overview.workers_seen(session)
        state = overview.queue_state(session)
    if not seen and state.queued:
        raise Unavailable(
            f"{state.queued} jobs wait, and no worker has reported within two minutes.",
            hint="Start one: coco-worker run.",
        )
    return f"{len(seen)} report, {state.queued} jobs wait, {state.running} run"


def _redis(settings: Settings) -> str:
    import redis

    assert settings.redis_url is not None, "checked with the settings"
    try:
        with redis.Redis.from_url(settings.redis_url, socket_connect_timeout=5) as client:
            client.ping()
    except redis.RedisError as error:
        raise Unavailable(
            f"Redis does not answer: {error}.",
            hint="Check COCO_REDIS_URL; without Redis jobs are found a little later.",
        ) from error
    return ""
