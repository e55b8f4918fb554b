"""Settings of the worker: flags over environment over defaults.

What the API service and its workers share has one name, one meaning and one definition
(`coco_server.settings`); what is the worker's own begins with ``COCO_WORKER_``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from coco_core.errors import InvalidConfig
from coco_core.settings import Setting, decide, integer, text
from coco_embed.resolver import EmbeddingSettings
from coco_server.rpc.tls import RpcTls
from coco_server.settings import FIELDS
from coco_server.store.usage import Quotas

__all__ = ["WorkerSettings", "load_settings"]

_SHARED: Final = frozenset(
    {
        "meta_db",
        "vector_backend",
        "vector_db_url",
        "vector_db_api_key",
        "vector_db_collection_prefix",
        "queue_mode",
        "redis_url",
        "redis_queue",
        "blob_url",
        "worker_tls_ca",
        "worker_tls_cert",
        "worker_tls_key",
        "org_max_documents",
        "org_max_chunks",
        "org_max_storage_bytes",
        "org_max_embeddings_per_day",
        "log_level",
    }
)


_OWN: Final[tuple[Setting, ...]] = (
    Setting("worker_host", text, "an address of this machine", "127.0.0.1"),
    Setting("worker_port", integer(0, 65_535), "a port, 0 to 65535 (0: any free one)", 3457),
    # One job keeps a core busy with cutting; a model of its own wants the others.
    Setting("worker_slots", integer(1, 256), "jobs at a time, 1 to 256", 1),
    Setting("worker_metrics_port", integer(1, 65_535), "a port, 1 to 65535"),
    Setting("worker_grace_seconds", integer(0, 3600), "seconds, 0 to 3600", 30),
    # A wake-up may be lost (a network, a restart of Redis); then this is what a job waits.
    Setting("worker_poll_seconds", integer(1, 3600), "seconds, 1 to 3600", 5),
    Setting("worker_lease_seconds", integer(1, 3600), "seconds, 1 to 3600", 60),
    # The specification's figure: a bulk request to a busy server may take half an hour.
    Setting("worker_embed_timeout_seconds", integer(1, 86_400), "seconds, 1 to 86400", 1800),
    Setting("worker_embed_waiting_seconds", integer(1, 86_400), "seconds, 1 to 86400", 600),
    Setting("worker_max_item_bytes", integer(1024, 1 << 30), "bytes, 1024 to 1 GiB", 8_388_608),
    # Of the database, for one index; by itself it has none while somebody asks.
    Setting("worker_build_helpers", integer(0, 64), "processes, 0 to 64"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Everything that can be set, after all sources were read."""

    meta_db: str
    blob_url: str
    queue_mode: Literal["postgres", "redis"]
    redis_url: str | None
    redis_queue: str
    vector_backend: Literal["pgvector", "qdrant"]
    vector_db_url: str | None
    vector_db_api_key: str | None
    vector_db_collection_prefix: str | None
    worker_tls_ca: Path | None
    worker_tls_cert: Path | None
    worker_tls_key: Path | None
    org_max_documents: int | None
    org_max_chunks: int | None
    org_max_storage_bytes: int | None
    org_max_embeddings_per_day: int | None
    log_level: str
    worker_host: str
    worker_port: int
    worker_slots: int
    worker_metrics_port: int | None
    worker_grace_seconds: int
    worker_lease_seconds: int
    worker_poll_seconds: int
    worker_embed_timeout_seconds: int
    worker_embed_waiting_seconds: int
    worker_max_item_bytes: int
    worker_build_helpers: int | None
    embedding: EmbeddingSettings = field(default_factory=EmbeddingSettings)
    insecure: bool = False

    @property
    def tls(self) -> RpcTls:
        """How the gRPC port is protected."""
        return RpcTls(self.worker_tls_ca, self.worker_tls_cert, self.worker_tls_key)

    def quotas(self, limits: Mapping[str, Any]) -> Quotas:
        """Return the quotas of an org with these limits of its own; 0 means nothing at all."""

        def chosen(name: str) -> int | None:
            own = limits.get(name)
            general: int | None = getattr(self, name)
            return own if isinstance(own, int) else general

        return Quotas(
            documents=chosen("org_max_documents"),
            chunks=chosen("org_max_chunks"),
            storage_bytes=chosen("org_max_storage_bytes"),
            embeddings_per_day=chosen("org_max_embeddings_per_day"),
        )


def load_settings(
    flags: Mapping[str, object] | None = None,
    *,
    environ: Mapping[str, str],
    insecure: bool = False,
) -> WorkerSettings:
    """Read flags and environment; a flag that is None counts as not given.

    Raises:
        InvalidConfig: a value cannot be used, is missing, or does not go with another.
    """
    given = flags or {}
    fields = [entry for entry in FIELDS if entry.name in _SHARED] + list(_OWN)
    decided = [decide(entry, given, environ) for entry in fields]
    values: dict[str, Any] = {
        entry.name: entry.default if found is None else found.value
        for entry, found in zip(fields, decided, strict=True)
    }
    for name, hint in (
        ("meta_db", "Set COCO_META_DB to the database of the API service."),
        ("blob_url", "Set COCO_BLOB_URL to the blob store of the API service."),
    ):
        if not values[name]:
            raise InvalidConfig(f"COCO_{name.upper()} is not set.", hint=hint)
    if values["queue_mode"] == "redis" and not values["redis_url"]:
        raise InvalidConfig(
            "COCO_QUEUE_MODE is redis and COCO_REDIS_URL is not set.",
            hint="Set COCO_REDIS_URL=redis://host:6379/0, or leave the mode at postgres.",
        )
    embedding = EmbeddingSettings.from_environment(environ)
    return WorkerSettings(**values, embedding=embedding, insecure=insecure)
