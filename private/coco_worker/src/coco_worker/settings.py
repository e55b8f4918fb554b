"""Settings of the worker, by precedence: flags, environment, defaults.

What the API service and its workers share has one name, one meaning and one definition
(`coco_server.settings`); what is the worker's own begins with ``COCO_WORKER_``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

from coco_core.settings import Setting, integer, text
from coco_embed.resolver import EmbeddingSettings
from coco_server.database_urls import with_tls
from coco_server.rpc.tls import RpcTls
from coco_server.settings import FIELDS, BackendSettings, check_required, read_fields

__all__ = ["WorkerSettings", "load_settings"]

_OWN: Final[tuple[Setting, ...]] = (
    Setting("worker_host", text, "an address of this machine", "127.0.0.1"),
    Setting("worker_port", integer(0, 65_535), "a port, 0 to 65535 (0: any free one)", 3457),
    # One job keeps a core busy with cutting; a model of its own wants the others.
    Setting("worker_slots", integer(1, 256), "jobs at a time, 1 to 256", 1),
    Setting("worker_metrics_port", integer(1, 65_535), "a port, 1 to 65535"),
    # Health for orchestrators: plain HTTP, which a network policy keeps inside.
    Setting("worker_probe_host", text, "an address of this machine", "0.0.0.0"),  # noqa: S104
    Setting("worker_probe_port", integer(0, 65_535), "a port, 0 to 65535 (0: any free one)"),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings(BackendSettings):
    """Everything that can be set for a worker, after all sources were read."""

    worker_host: str
    worker_port: int
    worker_slots: int
    worker_metrics_port: int | None
    worker_probe_host: str
    worker_probe_port: int | None
    worker_grace_seconds: int
    worker_lease_seconds: int
    worker_poll_seconds: int
    worker_embed_timeout_seconds: int
    worker_embed_waiting_seconds: int
    worker_max_item_bytes: int
    worker_build_helpers: int | None
    insecure: bool = False

    @property
    def tls(self) -> RpcTls:
        """How the gRPC port is protected."""
        return RpcTls(self.worker_tls_ca, self.worker_tls_cert, self.worker_tls_key)


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
    shared = {each.name for each in fields(BackendSettings)}
    table = (*(entry for entry in FIELDS if entry.name in shared), *_OWN)
    values = with_tls(
        {entry.name: entry.value for entry in read_fields(table, flags or {}, environ)}
    )
    check_required(values)
    embedding = EmbeddingSettings.from_environment(environ)
    return WorkerSettings(**values, embedding=embedding, insecure=insecure)
