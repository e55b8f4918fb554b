"""What each setting of server mode is called, accepts and defaults to."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

__all__ = ["FIELDS", "Field", "WrongValue"]


class WrongValue(ValueError):
    """A value that the setting does not accept; the text says why."""


Reader = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Field:
    """One setting."""

    name: str
    read: Reader
    accepted: str
    default: object
    aliases: tuple[str, ...] = ()
    secret: bool = False
    """Whether the value must never be printed."""

    @property
    def variables(self) -> tuple[str, ...]:
        """Environment variables; the first that is set wins."""
        return (f"COCO_{self.name.upper()}", *self.aliases)

    @property
    def flag(self) -> str:
        """How the command line calls it."""
        return "--" + self.name.replace("_", "-")


_UNITS: Final = {"": 1, "b": 1, "k": 1000, "kb": 1000, "kib": 1024, "m": 10**6, "mb": 10**6,
                 "mib": 1 << 20, "g": 10**9, "gb": 10**9, "gib": 1 << 30, "t": 10**12,
                 "tb": 10**12, "tib": 1 << 40}  # fmt: skip
_SIZE: Final = re.compile(r"([0-9][0-9_]*)\s*([a-zA-Z]*)")

# The largest integer that every reader of JSON keeps exact; more is no limit.
_MOST = 2**53 - 1


def _integer(low: int, high: int) -> Reader:
    def read(given: str) -> int:
        try:
            number = int(given)
        except ValueError:
            raise WrongValue("it is not a whole number") from None
        if not low <= number <= high:
            raise WrongValue(f"it is outside {low} to {high}")
        return number

    return read


def _size(given: str) -> int:
    match = _SIZE.fullmatch(given)
    unit = _UNITS.get(match[2].lower()) if match else None
    if match is None or unit is None:
        raise WrongValue("it is not a size")
    number = int(match[1].replace("_", "")) * unit
    if number > _MOST:
        raise WrongValue("it is too large to count")
    return number


def _text(given: str) -> str:
    if "\n" in given:
        raise WrongValue("it is not a text of one line")
    return given


def _key(given: str) -> str:
    # 16 characters of a random text are 80 bits and more; shorter ones can be guessed.
    if len(given) < 16 or not given.isascii() or not given.isprintable() or " " in given:
        raise WrongValue("it is not a text of 16 printable ASCII characters and more")
    return given


def _one_of(*words: str) -> Reader:
    def read(given: str) -> str:
        if given.lower() not in words:
            raise WrongValue("there is no such choice")
        return given.lower()

    return read


def _url(*schemes: str) -> Reader:
    def read(given: str) -> str:
        if urlsplit(given).scheme not in schemes:
            raise WrongValue(f"it does not begin with {' or '.join(f'{s}://' for s in schemes)}")
        return given

    return read


def _file(given: str) -> Path:
    path = Path(given).expanduser().resolve()
    if not path.is_file():
        raise WrongValue("there is no such file")
    return path


def _name(given: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", given):
        raise WrongValue("it holds more than letters, digits, '-' and '_'")
    return given


def _addresses(given: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in given.split(",") if part.strip())
    for address in found:
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit():
            raise WrongValue(f"{address!r} is not host:port")
    return found


def _words(given: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in given.split(",") if part.strip())


_LIMIT = _integer(1, _MOST)

FIELDS: Final[tuple[Field, ...]] = (
    Field("host", _text, "an address of this machine", "0.0.0.0"),  # noqa: S104 - TLS is required
    Field("port", _integer(0, 65_535), "a port, 0 to 65535 (0: any free one)", 3456),
    # PostgreSQL only; the store itself explains why when it is another.
    Field("meta_db", _text, "postgresql://user:password@host:5432/coco", None,
          aliases=("COCO_DB_URL",), secret=True),
    # Each serves one statement at a time; with more than the database has cores they only queue.
    Field("db_connections", _integer(2, 1000), "connections, 2 to 1000", 16),
    Field("vector_backend", _one_of("pgvector", "qdrant"), "pgvector or qdrant", "pgvector"),
    Field("vector_db_url", _text, "http://host:6333", None),
    Field("vector_db_api_key", _text, "a text of one line", None, secret=True),
    Field("vector_db_collection_prefix", _name, "letters, digits, '-' and '_'", None),
    Field("admin_key", _key, "16 printable ASCII characters and more", None, secret=True),
    Field("api_key", _key, "16 printable ASCII characters and more", None, secret=True),
    # For the collector of /metrics, which needs not be told the admin key.
    Field("metrics_key", _key, "16 printable ASCII characters and more", None, secret=True),
    Field("rate_limit_per_min", _integer(1, 10_000_000), "requests a minute", 600),
    Field("rate_limit_burst", _integer(1, 10_000_000), "requests at once", 100),
    Field("org_max_documents", _LIMIT, "a number", None),
    Field("org_max_chunks", _LIMIT, "a number", None),
    Field("org_max_storage_bytes", _size, "a size such as 10GiB", None),
    Field("org_max_embeddings_per_day", _LIMIT, "a number", None),
    Field("tls_mode", _one_of("tls", "proxy"), "tls or proxy", None),
    Field("tls_cert", _file, "a PEM file with the certificate chain", None),
    Field("tls_key", _file, "a PEM file with the private key", None),
    Field("tls_client_ca", _file, "a PEM file; callers must show a certificate of it", None),
    # Whose X-Forwarded-Proto is believed; anybody can write that header.
    Field("trusted_proxies", _words, "addresses and networks, by comma",
          ("127.0.0.1", "::1")),
    Field("queue_mode", _one_of("postgres", "redis"), "postgres or redis", "postgres"),
    Field("redis_url", _url("redis", "rediss", "unix"), "redis://host:6379/0", None, secret=True),
    Field("redis_queue", _name, "letters, digits, '-' and '_'", "coco"),
    Field("worker_addr", _addresses, "host:port, several by comma", ()),
    Field("worker_tls_ca", _file, "a PEM file: whom the workers' certificates are from", None),
    Field("worker_tls_cert", _file, "a PEM file: this service's certificate for workers", None),
    Field("worker_tls_key", _file, "a PEM file: its private key", None),
    Field("blob_url", _url("file", "s3", "gs", "az", "abfss"),
          "file:///dir, s3://bucket, gs://bucket or az://container", None),
    # Hours of upload at 100 Mbit/s: what is larger comes in parts.
    Field("max_import_bytes", _size, "a size such as 20GiB", 20 << 30),
    Field("retention_versions", _integer(0, 1000), "versions to keep for rollback", 2),
    Field("retention_hours", _integer(0, 876_000), "hours to keep a version for rollback", 24),
    Field("retention_job_hours", _integer(0, 876_000),
          "hours to keep finished jobs and imports that nobody needs", 168),
    Field("otel_endpoint", _url("http", "https"), "an OTLP collector over HTTP", None,
          aliases=("OTEL_EXPORTER_OTLP_ENDPOINT",)),
    Field("log_level", _one_of("debug", "info", "warning", "error"),
          "debug, info, warning or error", "info"),
)  # fmt: skip
