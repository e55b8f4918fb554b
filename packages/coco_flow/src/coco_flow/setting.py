"""Settings: where the state lives and which limits hold, from code or from the environment."""

from __future__ import annotations

import os
import re
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeAlias, overload

from coco_flow.errors import InvalidSetting
from coco_flow.validation import validate_app_namespace_name

__all__ = [
    "DEFAULT_STATE_PATH",
    "ENVIRONMENT_PREFIX",
    "DatabaseConnectionSpec",
    "GlobalExecutionOptions",
    "ServerSettings",
    "Settings",
    "current_settings",
    "environment_variable",
    "get_app_namespace",
    "mask_password_parameter",
    "own_database",
    "reset_settings",
    "set_environment_prefix",
    "set_settings",
    "settings",
    "split_app_namespace",
    "sqlite_path",
]

ENVIRONMENT_PREFIX = "COCO_FLOW"

DEFAULT_STATE_PATH = ".coco_flow/state.db"
"""Where the state lives, from the working directory, when no database is named."""

SettingsFunction: TypeAlias = "Callable[[], Settings]"


# In the query of a URL, or among the words of a connection string.
_PASSWORD_PARAMETER = re.compile(r"(\bpassword=)[^&\s]+", re.IGNORECASE)


def mask_password_parameter(url: str) -> str:
    """Return a URL or connection string, for messages, without the value of `password=`."""
    return _PASSWORD_PARAMETER.sub(r"\1***", url)


@dataclass
class DatabaseConnectionSpec:
    """A database: the flows' own, or one that targets and sources use.

    Attributes:
        url: `postgresql://…`, `sqlite:///path`, or the path of an SQLite file.
        user: Wins over the user in the URL.
        password: Wins over the password in the URL.
        max_connections: Connections that a pool may open.
        min_connections: Connections that a pool keeps open.
    """

    url: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    max_connections: int = 25
    min_connections: int = 5


@dataclass
class GlobalExecutionOptions:
    """Limits over all sources of all flows; None is no limit."""

    source_max_inflight_rows: int | None = 1024
    source_max_inflight_bytes: int | None = None


@dataclass
class Settings:
    """Settings of coco_flow.

    Attributes:
        ignore_target_drop_failures: Go on when a target cannot be dropped.
        database: Where the state lives; None is an SQLite file in the working directory.
        db_schema_name: Schema of the state's tables in PostgreSQL.
        app_namespace: Separates the flows and targets of several deployments on one database.
        global_execution_options: Limits over all sources.
    """

    ignore_target_drop_failures: bool = False
    database: DatabaseConnectionSpec | None = None
    db_schema_name: str | None = None
    app_namespace: str = ""
    global_execution_options: GlobalExecutionOptions | None = None

    @classmethod
    def from_env(cls, prefix: str | None = None) -> Self:
        """Read the settings from environment variables, which begin with `prefix` and `_`.

        Raises:
            InvalidSetting: A variable cannot be read.
        """
        env = _Environment(prefix)
        database = None
        if (url := env.read("DATABASE_URL", str)) is not None:
            database = DatabaseConnectionSpec(
                url,
                **env.given(
                    user=("DATABASE_USER", str),
                    password=("DATABASE_PASSWORD", str),
                    max_connections=("DATABASE_MAX_CONNECTIONS", _positive),
                    min_connections=("DATABASE_MIN_CONNECTIONS", _positive),
                ),
            )
        limits = env.given(
            source_max_inflight_rows=("SOURCE_MAX_INFLIGHT_ROWS", _positive),
            source_max_inflight_bytes=("SOURCE_MAX_INFLIGHT_BYTES", _positive),
        )
        return cls(
            database=database,
            global_execution_options=GlobalExecutionOptions(**limits),
            **env.given(
                ignore_target_drop_failures=("IGNORE_TARGET_DROP_FAILURES", _truth),
                db_schema_name=("DATABASE_SCHEMA_NAME", str),
                app_namespace=("APP_NAMESPACE", str),
            ),
        )


@dataclass
class ServerSettings:
    """Settings of the HTTP server.

    Attributes:
        address: Host and port.
        cors_origins: Origins from which browsers may call it.
    """

    address: str = "127.0.0.1:49344"
    cors_origins: list[str] | None = None

    @classmethod
    def from_env(cls, prefix: str | None = None) -> Self:
        """Read the settings from environment variables, which begin with `prefix` and `_`."""
        return cls(
            **_Environment(prefix).given(
                address=("SERVER_ADDRESS", str),
                cors_origins=("SERVER_CORS_ORIGINS", cls.parse_cors_origins),
            )
        )

    @overload
    @staticmethod
    def parse_cors_origins(s: str) -> list[str]: ...

    @overload
    @staticmethod
    def parse_cors_origins(s: None) -> None: ...

    @staticmethod
    def parse_cors_origins(s: str | None) -> list[str] | None:
        """Split a list separated by commas."""
        if s is None:
            return None
        return [origin.strip() for origin in s.split(",") if origin.strip()]


class _Environment:
    """The environment variables of one prefix."""

    def __init__(self, prefix: str | None) -> None:
        self._prefix = prefix or _chosen.prefix

    def read(self, name: str, parse: Callable[[str], Any]) -> Any:
        """Return the variable's value, or None if it is not set."""
        variable = f"{self._prefix}_{name}"
        text = os.environ.get(variable)
        if text is None:
            return None
        try:
            return parse(text)
        except ValueError as error:
            raise InvalidSetting(
                f"The environment variable {variable} cannot be read: {text!r} is {error}.",
                hint="Correct it, or unset it to get the default.",
            ) from error

    def given(self, **variables: tuple[str, Callable[[str], Any]]) -> dict[str, Any]:
        """Return the values of those variables that are set."""
        values = {name: self.read(*variable) for name, variable in variables.items()}
        return {name: value for name, value in values.items() if value is not None}


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError as error:
        raise ValueError("not an integer") from error
    if number < 1:
        raise ValueError("less than 1")
    return number


def _truth(text: str) -> bool:
    word = text.strip().lower()
    if word in ("true", "1", "yes", "on"):
        return True
    if word in ("false", "0", "no", "off", ""):
        return False
    raise ValueError("neither true nor false")


@dataclass
class _Chosen:
    """Where the settings of this process come from; the first that is there wins."""

    given: Settings | None = None
    function: SettingsFunction | None = None
    prefix: str = ENVIRONMENT_PREFIX
    resolved: Settings | None = None


_chosen = _Chosen()
_lock = threading.RLock()


def environment_variable(name: str) -> str:
    """Return the full name of an environment variable, such as COCO_FLOW_DB for DB."""
    return f"{_chosen.prefix}_{name}"


def set_environment_prefix(prefix: str) -> None:
    """Read variables that begin with `prefix` instead of COCO_FLOW when settings are first used."""
    with _lock:
        _chosen.prefix = prefix
        _chosen.resolved = None


@overload
def settings(fn: SettingsFunction) -> SettingsFunction: ...
@overload
def settings(fn: None = None) -> Callable[[SettingsFunction], SettingsFunction]: ...
def settings(fn: SettingsFunction | None = None) -> Any:
    """Register the function that returns the settings; it is called when they are first used.

    It wins over the environment, and settings given to `init` win over it. There is one: another
    replaces it, with a warning.
    """
    if fn is None:
        return settings
    with _lock:
        if _chosen.function is not None:
            warnings.warn(
                f"The settings function {fn!r} replaces {_chosen.function!r}.",
                stacklevel=2,
            )
        _chosen.function = fn
        _chosen.resolved = None
    return fn


def set_settings(given: Settings | None) -> None:
    """Use these settings from now on; None goes back to the function or the environment."""
    if given is not None and given.app_namespace:
        validate_app_namespace_name(given.app_namespace)
    with _lock:
        _chosen.given = given
        _chosen.resolved = None


def reset_settings() -> None:
    """Reset settings given or read; the next use reads them again."""
    set_settings(None)


def current_settings() -> Settings:
    """Return the settings: those given, else those of the function, else of the environment.

    Raises:
        InvalidSetting: An environment variable cannot be read.
        NamingError: The app namespace is not a valid name.
    """
    with _lock:
        if _chosen.resolved is None:
            resolved = _chosen.given
            if resolved is None and _chosen.function is not None:
                resolved = _chosen.function()
            if resolved is None:
                resolved = Settings.from_env()
            if resolved.app_namespace:
                validate_app_namespace_name(resolved.app_namespace)
            _chosen.resolved = resolved
        return _chosen.resolved


def own_database() -> DatabaseConnectionSpec | None:
    """Return the database in which the state lives; None is the SQLite file."""
    return current_settings().database


def sqlite_path(database: DatabaseConnectionSpec | None) -> Path | None:
    """Return the SQLite file that the state is kept in, or None if it is kept on a server."""
    url = DEFAULT_STATE_PATH if database is None else database.url
    if url.startswith(("postgresql://", "postgres://")):
        return None
    return Path(url.removeprefix("sqlite:///"))


def get_app_namespace(*, trailing_delimiter: str | None = None) -> str:
    """Return the app namespace, followed by the delimiter unless it is empty."""
    namespace = current_settings().app_namespace
    return f"{namespace}{trailing_delimiter}" if namespace and trailing_delimiter else namespace


def split_app_namespace(full_name: str, delimiter: str) -> tuple[str, str]:
    """Split a full name into the app namespace and the rest."""
    namespace, found, rest = full_name.partition(delimiter)
    return (namespace, rest) if found else ("", full_name)
