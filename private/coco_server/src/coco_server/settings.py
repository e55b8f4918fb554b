"""Settings of the API service, and those of its workers that are the same: flags, environment."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from coco_core.errors import InvalidConfig
from coco_core.settings import (
    LARGEST_INTEGER,
    Setting,
    SettingReader,
    SettingValue,
    WrongValue,
    decide,
    hide_secrets,
    integer,
    log_level,
    one_of,
    refuse_unknown_flags,
    size,
    text,
    unknown_variables,
)
from coco_embed.resolver import EMBEDDING_VARIABLES, EmbeddingSettings
from coco_server.database_urls import DATABASE_FIELDS, Preparing, file_path, with_tls

__all__ = [
    "FIELDS",
    "BackendSettings",
    "Settings",
    "check_required",
    "explain_settings",
    "fetched_safely",
    "load_settings",
    "read_fields",
]

# The worker's environment is often the same.
_WORKER_PREFIX = "COCO_WORKER_"


def _key(given: object, base: Path) -> str:
    key = text(given, base)
    # 16 characters of a random text are 80 bits and more; shorter ones can be guessed.
    if len(key) < 16 or not key.isascii() or not key.isprintable() or " " in key:
        raise WrongValue("it is not a text of 16 printable ASCII characters and more")
    return key


def _url(*schemes: str) -> SettingReader:
    def read(given: object, base: Path) -> str:
        url = text(given, base)
        if urlsplit(url).scheme not in schemes:
            raise WrongValue(f"it does not begin with {' or '.join(f'{s}://' for s in schemes)}")
        return url

    return read


def _name(given: object, base: Path) -> str:
    name = text(given, base)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", name):
        raise WrongValue("it holds more than letters, digits, '-' and '_'")
    return name


def _addresses(given: object, base: Path) -> tuple[str, ...]:
    found = _words(given, base)
    for address in found:
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit():
            raise WrongValue(f"{address!r} is not host:port")
    return found


def _words(given: object, base: Path) -> tuple[str, ...]:
    return tuple(part.strip() for part in text(given, base).split(",") if part.strip())


_LIMIT = integer(1, LARGEST_INTEGER)
_SIZE = size(0, LARGEST_INTEGER)

FIELDS: Final[tuple[Setting, ...]] = (
    Setting("host", text, "an address of this machine", "0.0.0.0"),  # noqa: S104 - TLS is required
    Setting("port", integer(0, 65_535), "a port, 0 to 65535 (0: any free one)", 3456),
    # Health for orchestrators: plain HTTP without keys, which a network policy keeps inside.
    Setting("probe_host", text, "an address of this machine", "0.0.0.0"),  # noqa: S104
    Setting("probe_port", integer(0, 65_535), "a port, 0 to 65535 (0: any free one)"),
    # Load balancers need that long to see that the service is not ready any more.
    Setting("drain_seconds", integer(0, 3600), "seconds, 0 to 3600", 5),
    Setting("max_connections", integer(16, 1_000_000), "connections, from 16", 1000),
    Setting("max_connections_per_address", integer(1, 1_000_000), "connections", 256),
    Setting("max_head_bytes", size(1024, 1 << 20), "a size, 1KiB to 1MiB", 65_536),
    Setting("head_seconds", integer(1, 3600), "seconds, 1 to 3600", 10),
    Setting("body_seconds", integer(1, 3600), "seconds, 1 to 3600", 30),
    Setting("send_seconds", integer(1, 3600), "seconds, 1 to 3600", 30),
    Setting("keep_alive_seconds", integer(1, 3600), "seconds, 1 to 3600", 60),
    # Guessing 256 bits succeeds at no rate; this keeps the guesses from being work.
    Setting("wrong_keys_per_min", integer(1, 10_000_000), "wrong keys of one address a minute", 20),
    # Each export keeps a connection to the database while its client reads.
    Setting("exports_at_once", integer(1, 1000), "exports, 1 to 1000", 4),
    *DATABASE_FIELDS,
    # Each serves one statement at a time; with more than the database has cores they only queue.
    Setting("db_connections", integer(2, 1000), "connections, 2 to 1000", 16),
    Setting("query_timeout_seconds", integer(1, 3600), "seconds, 1 to 3600", 10),
    Setting("change_timeout_seconds", integer(1, 3600), "seconds, 1 to 3600", 60),
    Setting("vector_backend", one_of("pgvector", "qdrant"), "pgvector or qdrant", "pgvector"),
    Setting("vector_db_url", text, "http://host:6333"),
    Setting("vector_db_api_key", text, "a text of one line", secret=True),
    Setting("vector_db_collection_prefix", _name, "letters, digits, '-' and '_'"),
    Setting("admin_key", _key, "16 printable ASCII characters and more", secret=True),
    Setting("api_key", _key, "16 printable ASCII characters and more", secret=True),
    # For the collector of /metrics, which must not need the admin key.
    Setting("metrics_key", _key, "16 printable ASCII characters and more", secret=True),
    Setting("rate_limit_per_min", integer(1, 10_000_000), "requests a minute", 600),
    Setting("rate_limit_burst", integer(1, 10_000_000), "requests at once", 100),
    Setting("org_max_documents", _LIMIT, "a number"),
    Setting("org_max_chunks", _LIMIT, "a number"),
    Setting("org_max_storage_bytes", _SIZE, "a size such as 10GiB"),
    Setting("org_max_embeddings_per_day", _LIMIT, "a number"),
    Setting("tls_mode", one_of("tls", "proxy"), "tls or proxy"),
    Setting("tls_cert", file_path, "a PEM file with the certificate chain"),
    Setting("tls_key", file_path, "a PEM file with the private key"),
    Setting("tls_client_ca", file_path, "a PEM file; callers must show a certificate of it"),
    # Whose X-Forwarded-Proto is believed; anybody can write that header.
    Setting("trusted_proxies", _words, "addresses and networks, by comma", ("127.0.0.1", "::1")),
    Setting("queue_mode", one_of("postgres", "redis"), "postgres or redis", "postgres"),
    Setting("redis_url", _url("redis", "rediss", "unix"), "redis://host:6379/0", secret=True),
    Setting("redis_queue", _name, "letters, digits, '-' and '_'", "coco"),
    Setting("worker_addr", _addresses, "host:port, several by comma", ()),
    Setting("worker_tls_ca", file_path, "a PEM file: whom the workers' certificates are from"),
    Setting("worker_tls_cert", file_path, "a PEM file: this service's certificate for workers"),
    Setting("worker_tls_key", file_path, "a PEM file: its private key"),
    Setting("blob_url", _url("file", "s3", "gs", "az", "abfss"),
            "file:///dir, s3://bucket, gs://bucket or az://container"),
    # Hours of upload at 100 Mbit/s: what is larger comes in parts.
    Setting("max_import_bytes", _SIZE, "a size such as 20GiB", 20 << 30),
    Setting("retention_versions", integer(0, 1000), "versions to keep for rollback", 2),
    Setting("retention_hours", integer(0, 876_000), "hours to keep a version for rollback", 24),
    Setting("retention_job_hours", integer(0, 876_000),
            "hours to keep finished jobs and imports that nobody needs", 168),
    # Whose user tokens are taken; see "Who may see what" in the documentation.
    Setting("oidc_issuer", text, "the issuer (iss) of user tokens"),
    Setting("oidc_audience", text, "the audience (aud) of user tokens"),
    Setting("oidc_jwks_url", _url("https", "http"), "where the issuer's keys are"),
    Setting("oidc_jwks_file", file_path, "a file with the issuer's keys"),
    Setting("oidc_user_claim", text, "the claim that names the user", "sub"),
    Setting("oidc_groups_claim", text, "the claim that lists the groups", "groups"),
    Setting("oidc_org_claim", text, "the claim that must name the org"),
    # The database keeps thirty days whatever is set.
    Setting("audit_days", integer(30, 36_500), "days to keep the audit log, 30 and more", 400),
    Setting("otel_endpoint", _url("http", "https"), "an OTLP collector over HTTP",
            aliases=("OTEL_EXPORTER_OTLP_ENDPOINT",)),
    Setting("log_level", log_level, "debug, info, warning or error", "info"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendSettings:
    """What the API service and its workers must agree on."""

    meta_db: str
    """With the TLS settings, as every URL of a database."""
    meta_db_replica: tuple[str, ...]
    listen_db: str | None
    """Where notifications come from; None: ``meta_db``."""
    db_prepare: Preparing
    db_sslmode: str | None
    db_sslrootcert: Path | None
    db_sslcert: Path | None
    db_sslkey: Path | None
    vector_backend: Literal["pgvector", "qdrant"]
    vector_db_url: str | None
    vector_db_api_key: str | None
    vector_db_collection_prefix: str | None
    org_max_documents: int | None
    org_max_chunks: int | None
    org_max_storage_bytes: int | None
    org_max_embeddings_per_day: int | None
    queue_mode: Literal["postgres", "redis"]
    redis_url: str | None
    redis_queue: str
    worker_tls_ca: Path | None
    worker_tls_cert: Path | None
    worker_tls_key: Path | None
    blob_url: str
    log_level: str
    embedding: EmbeddingSettings
    """How texts become vectors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(BackendSettings):
    """Everything that can be set for the API service, after all sources were read."""

    host: str
    port: int
    probe_host: str
    probe_port: int | None
    drain_seconds: int
    max_connections: int
    max_connections_per_address: int
    max_head_bytes: int
    head_seconds: int
    body_seconds: int
    send_seconds: int
    keep_alive_seconds: int
    wrong_keys_per_min: int
    exports_at_once: int
    db_connections: int
    query_timeout_seconds: int
    change_timeout_seconds: int
    admin_key: str
    api_key: str | None
    metrics_key: str | None
    rate_limit_per_min: int
    rate_limit_burst: int
    tls_mode: Literal["tls", "proxy"] | None
    tls_cert: Path | None
    tls_key: Path | None
    tls_client_ca: Path | None
    trusted_proxies: tuple[str, ...]
    worker_addr: tuple[str, ...]
    max_import_bytes: int
    retention_versions: int
    retention_hours: int
    retention_job_hours: int
    oidc_issuer: str | None
    oidc_audience: str | None
    oidc_jwks_url: str | None
    oidc_jwks_file: Path | None
    oidc_user_claim: str
    oidc_groups_claim: str
    oidc_org_claim: str | None
    audit_days: int
    otel_endpoint: str | None
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
    found = _read(flags or {}, environ)
    values = with_tls({entry.name: entry.value for entry in found})
    check_required(values)
    own = [name for name in environ if not name.startswith(_WORKER_PREFIX)]
    settings = Settings(
        **values,
        embedding=EmbeddingSettings.from_environment(environ),
        insecure_dev=insecure_dev,
        warnings=tuple(unknown_variables(own, FIELDS, "coco-server", *EMBEDDING_VARIABLES)),
    )
    _check_tls(settings)
    _check_sign_in(settings)
    return settings


def explain_settings(
    flags: Mapping[str, object] | None = None, *, environ: Mapping[str, str]
) -> list[SettingValue]:
    """Return every setting with its origin; a secret shows only that it is set."""
    return hide_secrets(_read(flags or {}, environ), FIELDS)


def _read(flags: Mapping[str, object], environ: Mapping[str, str]) -> list[SettingValue]:
    refuse_unknown_flags(flags, {field.name for field in FIELDS})
    return read_fields(FIELDS, flags, environ)


def read_fields(
    fields: Iterable[Setting], flags: Mapping[str, object], environ: Mapping[str, str]
) -> list[SettingValue]:
    """Return what flags, the environment and the defaults say.

    Raises:
        InvalidConfig: a value cannot be used.
    """
    return [
        decide(field, flags, environ) or SettingValue(field.name, field.default, "default")
        for field in fields
    ]


def check_required(values: Mapping[str, object]) -> None:
    """Refuse settings of the service or of a worker that lack what the others need.

    Raises:
        InvalidConfig: it names the variable.
    """
    missing = {
        "meta_db": "Set COCO_META_DB=postgresql://user:password@host:5432/coco.",
        "admin_key": "Set COCO_ADMIN_KEY to a long random text, such as the output of "
        "`openssl rand -hex 32`.",
        "blob_url": "Set COCO_BLOB_URL=file:///var/lib/coco/blobs (shared with the workers) or "
        "s3://bucket/prefix.",
    }
    for name, hint in missing.items():
        if name in values and not values[name]:
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
            "COCO_TLS_CLIENT_CA is set, and this service does not terminate TLS.",
            hint="Set COCO_TLS_MODE=tls, or let the proxy ask for certificates.",
        )
    if settings.tls_mode is not None:
        return
    if not settings.insecure_dev:
        raise InvalidConfig(
            "TLS is required: keys and contents must not cross a network in the clear.",
            hint="Set COCO_TLS_MODE=tls with COCO_TLS_CERT and COCO_TLS_KEY, or "
            "COCO_TLS_MODE=proxy behind a proxy that terminates TLS. To try things out: "
            "--insecure-dev --host 127.0.0.1.",
        )
    if not settings.loopback:
        raise InvalidConfig(
            f"--insecure-dev is for this machine alone, and the host is {settings.host!r}.",
            hint="Add --host 127.0.0.1, or configure TLS with COCO_TLS_MODE.",
        )


def _check_sign_in(settings: Settings) -> None:
    """Refuse half of what user tokens are verified by."""
    key_sets = [each for each in (settings.oidc_jwks_url, settings.oidc_jwks_file) if each]
    given = [settings.oidc_issuer, settings.oidc_audience, *key_sets]
    if not any(given):
        return
    if settings.oidc_issuer is None or settings.oidc_audience is None or len(key_sets) != 1:
        raise InvalidConfig(
            "User tokens need an issuer, an audience, and one place of the issuer's keys.",
            hint="Set COCO_OIDC_ISSUER, COCO_OIDC_AUDIENCE, and either COCO_OIDC_JWKS_URL or "
            "COCO_OIDC_JWKS_FILE.",
        )
    url = settings.oidc_jwks_url
    if url is not None and not fetched_safely(url):
        raise InvalidConfig(
            f"COCO_OIDC_JWKS_URL is {url!r}: keys must not cross a network in the clear.",
            hint="Use https; http only for an address of this machine.",
        )


def fetched_safely(url: str) -> bool:
    """Whether what a URL names cannot be changed on its way: by https, or on this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (
        parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1", "::1"}
    )
