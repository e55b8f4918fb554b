"""Addresses of the databases: each with the TLS settings that go with all of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from coco_core.errors import InvalidConfig
from coco_core.settings import Setting, SettingReader, WrongValue, one_of, text

__all__ = ["DATABASE_FIELDS", "Preparing", "file_path", "with_tls"]

Preparing: TypeAlias = Literal["auto", "on", "off"]
"""Whether statements are prepared; ``auto``: unless a pooler stands in between."""


def file_path(given: object, base: Path) -> Path:
    """Read the path of a file that exists."""
    path = (base / Path(str(given)).expanduser()).resolve()
    if not path.is_file():
        raise WrongValue("there is no such file")
    return path


def _urls() -> SettingReader:
    def read(given: object, base: Path) -> tuple[str, ...]:
        found = tuple(part.strip() for part in text(given, base).split(",") if part.strip())
        for url in found:
            if urlsplit(url).scheme not in ("postgresql", "postgres"):
                raise WrongValue("a URL does not begin with postgresql://")
        return found

    return read


_POSTGRES = "postgresql://user:password@host:5432/coco"

# PostgreSQL's names of the parameters, by the names of the settings.
_TLS: Final = {
    "db_sslmode": "sslmode",
    "db_sslrootcert": "sslrootcert",
    "db_sslcert": "sslcert",
    "db_sslkey": "sslkey",
}

DATABASE_FIELDS: Final[tuple[Setting, ...]] = (
    # PostgreSQL only; the store itself explains why when it is another.
    Setting("meta_db", text, _POSTGRES, aliases=("COCO_DB_URL",), secret=True),
    Setting("meta_db_replica", _urls(), f"{_POSTGRES}, several by comma", (), secret=True),
    # A pooler that gives each transaction another connection cannot pass notifications on.
    Setting("listen_db", text, _POSTGRES, secret=True),
    Setting("db_prepare", one_of("auto", "on", "off"), "auto, on or off", "auto"),
    Setting("db_sslmode",
            one_of("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
            "disable, allow, prefer, require, verify-ca or verify-full"),
    Setting("db_sslrootcert", file_path, "a PEM file: whom the database's certificate is from"),
    Setting("db_sslcert", file_path, "a PEM file: this program's certificate for the database"),
    Setting("db_sslkey", file_path, "a PEM file: its private key"),
)  # fmt: skip
"""Settings of the connections to PostgreSQL, of the service and of its workers."""


def with_tls(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with the TLS settings in every address of a database.

    Raises:
        InvalidConfig: an address is not valid, or has one of them, too.
    """
    parameters = {
        parameter: str(values[name]) for name, parameter in _TLS.items() if values.get(name)
    }
    found = dict(values)
    for name in ("meta_db", "listen_db"):
        if values.get(name):
            found[name] = _extended(values[name], parameters, name)
    found["meta_db_replica"] = tuple(
        _extended(url, parameters, "meta_db_replica") for url in values.get("meta_db_replica", ())
    )
    return found


def _extended(url: str, parameters: Mapping[str, str], setting: str) -> str:
    try:
        query = urlsplit(url).query
    except ValueError as error:
        # Not the URL itself: it has a password.
        raise InvalidConfig(
            f"The URL in COCO_{setting.upper()} is not valid: {error}.",
            hint=f"Write it as {_POSTGRES}; an IPv6 address stands in brackets.",
        ) from error
    twice = sorted(parse_qs(query).keys() & parameters.keys())
    if twice:
        raise InvalidConfig(
            f"The URL in COCO_{setting.upper()} sets {twice[0]}, and COCO_DB_{twice[0].upper()} "
            "does, too.",
            hint="Remove one of them.",
        )
    if not parameters:
        return url
    return f"{url}{'&' if query else '?'}{urlencode(parameters, quote_via=quote, safe='')}"
