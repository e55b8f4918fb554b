"""Settings of the API service: flags over environment over defaults."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from coco_core.errors import InvalidConfig
from coco_embed.resolver import EMBEDDING_VARIABLES, EmbeddingSettings
from coco_server.setting_fields import FIELDS, Field, WrongValue

__all__ = ["SettingValue", "Settings", "explain_settings", "load_settings"]

# Accepted and ignored by contract, or read by the worker, whose environment is often the same.
_NOT_SETTINGS = frozenset({"COCO_MODE", "COCO_HOME"})
_WORKER_PREFIX = "COCO_WORKER_"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set, after all sources were read."""

    host: str
    port: int
    meta_db: str
    db_connections: int
    vector_backend: Literal["pgvector", "qdrant"]
    vector_db_url: str | None
    vector_db_api_key: str | None
    vector_db_collection_prefix: str | None
    admin_key: str
    api_key: str | None
    metrics_key: str | None
    rate_limit_per_min: int
    rate_limit_burst: int
    org_max_documents: int | None
    org_max_chunks: int | None
    org_max_storage_bytes: int | None
    org_max_embeddings_per_day: int | None
    tls_mode: Literal["tls", "proxy"] | None
    tls_cert: Path | None
    tls_key: Path | None
    tls_client_ca: Path | None
    trusted_proxies: tuple[str, ...]
    queue_mode: Literal["postgres", "redis"]
    redis_url: str | None
    redis_queue: str
    worker_addr: tuple[str, ...]
    worker_tls_ca: Path | None
    worker_tls_cert: Path | None
    worker_tls_key: Path | None
    blob_url: str
    max_import_bytes: int
    retention_versions: int
    retention_hours: int
    retention_job_hours: int
    otel_endpoint: str | None
    log_level: str
    embedding: EmbeddingSettings
    """How queries become vectors; its variables are the worker's, too."""
    insecure_dev: bool = False
    """Plain HTTP on a loopback address, for trying out."""
    warnings: tuple[str, ...] = ()
    """What was set and means nothing: unknown names, with what was probably meant."""

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches the service."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class SettingValue:
    """One setting with the place that decided it."""

    name: str
    value: object
    origin: str
    """``flag --port``, ``env COCO_PORT`` or ``default``."""


def load_settings(
    flags: Mapping[str, object] | None = None,
    *,
    environ: Mapping[str, str],
    insecure_dev: bool = False,
) -> Settings:
    """Read flags and environment; a flag that is None counts as not given.

    Raises:
        InvalidConfig: a value cannot be used, is missing, or does not go with another.
    """
    values: dict[str, Any] = {entry.name: entry.value for entry in _read(flags or {}, environ)}
    _require(values)
    settings = Settings(
        **values,
        embedding=EmbeddingSettings.from_environment(environ),
        insecure_dev=insecure_dev,
        warnings=tuple(_unknown_environment(environ)),
    )
    _check_tls(settings)
    return settings


def explain_settings(
    flags: Mapping[str, object] | None = None, *, environ: Mapping[str, str]
) -> list[SettingValue]:
    """Return every setting with its origin; a secret shows only that it is set."""
    secret = {field.name for field in FIELDS if field.secret}
    return [
        SettingValue(entry.name, "(set)", entry.origin)
        if entry.name in secret and entry.value
        else entry
        for entry in _read(flags or {}, environ)
    ]


def _read(flags: Mapping[str, object], environ: Mapping[str, str]) -> list[SettingValue]:
    known = {field.name for field in FIELDS}
    for name in flags:
        if name not in known:
            raise InvalidConfig(f"Unknown setting {name!r}.", hint=_suggest(name, known))
    return [_decide(field, flags, environ) for field in FIELDS]


def _decide(field: Field, flags: Mapping[str, object], environ: Mapping[str, str]) -> SettingValue:
    given = flags.get(field.name)
    if given is not None:
        return _value(field, str(given), f"flag {field.flag}")
    for variable in field.variables:
        text = environ.get(variable, "").strip()
        if text:
            return _value(field, text, f"env {variable}")
    return SettingValue(field.name, field.default, "default")


def _value(field: Field, given: str, origin: str) -> SettingValue:
    try:
        return SettingValue(field.name, field.read(given), origin)
    except WrongValue as error:
        shown = "(hidden)" if field.secret else repr(given)
        raise InvalidConfig(
            f"{field.name} is {shown} ({origin}): {error}.",
            hint=f"Accepted: {field.accepted}.",
            details={"setting": field.name, "origin": origin},
        ) from error


def _require(values: Mapping[str, object]) -> None:
    missing = {
        "meta_db": "Set COCO_META_DB=postgresql://user:password@host:5432/coco.",
        "admin_key": "Set COCO_ADMIN_KEY to a long random text, such as the output of "
        "`openssl rand -hex 32`.",
        "blob_url": "Set COCO_BLOB_URL=file:///var/lib/coco/blobs (shared with the workers) or "
        "s3://bucket/prefix.",
    }
    for name, hint in missing.items():
        if not values[name]:
            raise InvalidConfig(f"COCO_{name.upper()} is not set.", hint=hint)
    if values["queue_mode"] == "redis" and not values["redis_url"]:
        raise InvalidConfig(
            "COCO_QUEUE_MODE is redis and COCO_REDIS_URL is not set.",
            hint="Set COCO_REDIS_URL=redis://host:6379/0, or leave the mode at postgres.",
        )
    if values["vector_backend"] == "qdrant":
        for name in ("vector_db_url", "vector_db_collection_prefix"):
            if not values[name]:
                raise InvalidConfig(
                    f"COCO_VECTOR_BACKEND is qdrant and COCO_{name.upper()} is not set.",
                    hint="Set COCO_VECTOR_DB_URL=http://host:6333 and "
                    "COCO_VECTOR_DB_COLLECTION_PREFIX=coco, or use pgvector.",
                )


def _check_tls(settings: Settings) -> None:
    """Refuse to talk in the clear to anybody but this machine."""
    if settings.tls_mode == "tls" and not (settings.tls_cert and settings.tls_key):
        raise InvalidConfig(
            "COCO_TLS_MODE is tls, and the certificate or its key is missing.",
            hint="Set COCO_TLS_CERT and COCO_TLS_KEY to PEM files.",
        )
    if settings.tls_mode != "tls" and settings.tls_client_ca:
        raise InvalidConfig(
            "COCO_TLS_CLIENT_CA is set, and this service does not end TLS itself.",
            hint="Set COCO_TLS_MODE=tls, or let the proxy ask for certificates.",
        )
    if settings.tls_mode is not None:
        return
    if not settings.insecure_dev:
        raise InvalidConfig(
            "TLS is required: keys and contents must not cross a network in the clear.",
            hint="Set COCO_TLS_MODE=tls with COCO_TLS_CERT and COCO_TLS_KEY, or "
            "COCO_TLS_MODE=proxy behind a proxy that ends TLS. To try things out: "
            "--insecure-dev --host 127.0.0.1.",
        )
    if not settings.loopback:
        raise InvalidConfig(
            f"--insecure-dev is for this machine alone, and the host is {settings.host!r}.",
            hint="Add --host 127.0.0.1, or configure TLS with COCO_TLS_MODE.",
        )


def _unknown_environment(environ: Mapping[str, str]) -> list[str]:
    known = {variable for field in FIELDS for variable in field.variables} | _NOT_SETTINGS
    known |= set(EMBEDDING_VARIABLES)
    return [
        f"The environment variable {name} means nothing to coco-server. {_suggest(name, known)}"
        for name in sorted(environ)
        if name.startswith("COCO_") and name not in known and not name.startswith(_WORKER_PREFIX)
    ]


def _suggest(name: str, known: set[str] | frozenset[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {close[0]}?" if close else f"Known: {', '.join(sorted(known))}."
