"""Settings of an environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from coco_flow.setting import environment_variable

__all__ = ["LmdbSettings", "Settings", "default_db_path", "max_inflight_components"]

DB_VARIABLE = "DB"
MAX_INFLIGHT_VARIABLE = "MAX_INFLIGHT_COMPONENTS"
# Enough to keep slow functions busy; each component in flight holds what it declared in memory.
DEFAULT_MAX_INFLIGHT = 1024


def default_db_path() -> Path | None:
    """Return the folder that the environment variable COCO_FLOW_DB names, or None."""
    path = os.environ.get(environment_variable(DB_VARIABLE))
    return Path(path) if path else None


def max_inflight_components() -> int:
    """Return how many components of an app run at a time if the app does not say."""
    return _number(MAX_INFLIGHT_VARIABLE, DEFAULT_MAX_INFLIGHT)


def _number(variable: str, default: int) -> int:
    name = environment_variable(variable)
    value = os.environ.get(name)
    if value is None:
        return default
    try:
        return int(value)
    except ValueError as error:
        raise ValueError(
            f"The environment variable {name} must be a whole number, not {value!r}."
        ) from error


@dataclass
class LmdbSettings:
    """Limits of the store that CocoIndex uses; taken and kept, but SQLite needs none of them."""

    max_dbs: int = 1024
    map_size: int = 0x1_0000_0000


@dataclass(init=False)
class Settings:
    """Where an environment keeps its state.

    Attributes:
        db_path: A folder, which is created when needed. The state is one SQLite file in it.
        db_settings: See LmdbSettings.
        global_execution_options: Taken for programs that pass it; always None.
    """

    db_path: os.PathLike[str] | None
    db_settings: LmdbSettings
    global_execution_options: None

    def __init__(
        self,
        db_path: os.PathLike[str] | None = None,
        db_settings: LmdbSettings | None = None,
        *,
        lmdb_max_dbs: int | None = None,
        lmdb_map_size: int | None = None,
        global_execution_options: None = None,
    ) -> None:
        if db_settings is not None and (lmdb_max_dbs is not None or lmdb_map_size is not None):
            raise ValueError(
                "Give either db_settings or lmdb_max_dbs and lmdb_map_size to Settings, not both."
            )
        self.db_path = db_path
        self.db_settings = db_settings or LmdbSettings()
        self.global_execution_options = global_execution_options
        if lmdb_max_dbs is not None:
            self.db_settings.max_dbs = lmdb_max_dbs
        if lmdb_map_size is not None:
            self.db_settings.map_size = lmdb_map_size

    @property
    def lmdb_max_dbs(self) -> int:
        """The older name of `db_settings.max_dbs`."""
        return self.db_settings.max_dbs

    @lmdb_max_dbs.setter
    def lmdb_max_dbs(self, value: int) -> None:
        self.db_settings.max_dbs = value

    @property
    def lmdb_map_size(self) -> int:
        """The older name of `db_settings.map_size`."""
        return self.db_settings.map_size

    @lmdb_map_size.setter
    def lmdb_map_size(self, value: int) -> None:
        self.db_settings.map_size = value

    @classmethod
    def from_env(cls, db_path: os.PathLike[str] | None = None) -> Self:
        """Make settings of the environment variables."""
        defaults = LmdbSettings()
        return cls(
            db_path,
            LmdbSettings(
                _number("LMDB_MAX_DBS", defaults.max_dbs),
                _number("LMDB_MAP_SIZE", defaults.map_size),
            ),
        )
