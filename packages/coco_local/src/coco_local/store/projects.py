"""The registry of projects and indexing configs in SQLite."""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from coco_core.configs import DEFAULT_CONFIG, IndexingConfig
from coco_core.errors import ConfigConflict, ConfigNotFound
from coco_local.store.database import Database
from coco_local.store.schema import adopted, configs, indexes, projects, standalone_projects

__all__ = ["ConfigStore", "Project", "ProjectStore", "StoredConfig"]


@dataclass(frozen=True, slots=True)
class Project:
    """A registered directory."""

    project_id: str
    name: str
    root: Path
    config_id: str
    created_at: float
    indexed_at: float | None
    standalone: bool = False
    """No path leads to it, and a project around it keeps its files."""


class ProjectStore:
    """Projects by id and by root."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Project]:
        """Return every project, by name."""
        with self._database.read() as connection:
            standalone = set(connection.execute(select(standalone_projects.c.project_id)).scalars())
            rows = connection.execute(select(projects).order_by(projects.c.name, projects.c.root))
            return [_project(row, standalone=row.project_id in standalone) for row in rows]

    def add(self, root: Path, name: str, config_id: str, *, standalone: bool = False) -> Project:
        """Register a root; its id is derived from the path, so that it survives a lost database."""
        raw = os.fsencode(root)
        project = Project(
            project_id=hashlib.blake2b(raw, digest_size=6).hexdigest(),
            name=name,
            root=root,
            config_id=config_id,
            created_at=time.time(),
            indexed_at=None,
            standalone=standalone,
        )
        with self._database.write() as connection:
            connection.execute(
                insert(projects).values(
                    project_id=project.project_id,
                    name=name,
                    root=raw,
                    config_id=config_id,
                    created_at=project.created_at,
                )
            )
            if standalone:
                connection.execute(
                    insert(standalone_projects).values(project_id=project.project_id)
                )
        return project

    def join(self, project_id: str) -> None:
        """Let paths lead to a project that was standalone."""
        with self._database.write() as connection:
            connection.execute(
                delete(standalone_projects).where(standalone_projects.c.project_id == project_id)
            )

    def remove(self, project_id: str) -> None:
        """Forget a project with all that was said of it; its indexes are removed elsewhere."""
        with self._database.write() as connection:
            for table in (projects, standalone_projects, indexes, adopted):
                connection.execute(delete(table).where(table.c.project_id == project_id))

    def record_indexed(self, project_id: str, at: float) -> None:
        """Note when a project was last brought up to date, in Unix seconds."""
        with self._database.write() as connection:
            connection.execute(
                update(projects).where(projects.c.project_id == project_id).values(indexed_at=at)
            )


def _project(row: Row[*tuple[Any, ...]], *, standalone: bool) -> Project:
    return Project(
        project_id=row.project_id,
        name=row.name,
        root=Path(os.fsdecode(row.root)),
        config_id=row.config_id,
        created_at=row.created_at,
        indexed_at=row.indexed_at,
        standalone=standalone,
    )


@dataclass(frozen=True, slots=True)
class StoredConfig:
    """An indexing config with the moment of its registration."""

    config: IndexingConfig
    created_at: float


class ConfigStore:
    """Indexing configs by id; the default one always exists."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.read() as connection:
            known = connection.execute(
                select(configs.c.fingerprint).where(configs.c.config_id == DEFAULT_CONFIG.config_id)
            ).scalar()
        if known != DEFAULT_CONFIG.fingerprint:
            # A newer CoCo may ship another default; its id always means the shipped one.
            with database.write() as connection:
                connection.execute(
                    delete(configs).where(configs.c.config_id == DEFAULT_CONFIG.config_id)
                )
            self.add(DEFAULT_CONFIG)

    def all(self) -> list[StoredConfig]:
        """Return every config, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(select(configs).order_by(configs.c.created_at))
            return [_config(row) for row in rows]

    def get(self, config_id: str) -> StoredConfig:
        """Return one config.

        Raises:
            ConfigNotFound: no config has this id.
        """
        with self._database.read() as connection:
            row = connection.execute(
                select(configs).where(configs.c.config_id == config_id)
            ).one_or_none()
        if row is None:
            known = ", ".join(repr(stored.config.config_id) for stored in self.all())
            raise ConfigNotFound(
                f"There is no indexing config {config_id!r}.", hint=f"Known: {known}."
            )
        return _config(row)

    def add(self, config: IndexingConfig) -> StoredConfig:
        """Register a config; the same content again is no change.

        Raises:
            ConfigConflict: the id exists with other content.
        """
        for stored in self.all():
            if stored.config.config_id != config.config_id:
                continue
            if stored.config == config:
                return stored
            raise ConfigConflict(
                f"An indexing config {config.config_id!r} exists with other content.",
                hint="A config never changes; register the new content under another id.",
            )
        stored = StoredConfig(config, time.time())
        with self._database.write() as connection:
            connection.execute(
                insert(configs).values(
                    config_id=config.config_id,
                    fingerprint=config.fingerprint,
                    body=json.dumps(config.to_dict()),
                    created_at=stored.created_at,
                )
            )
        return stored


def _config(row: Row[*tuple[Any, ...]]) -> StoredConfig:
    return StoredConfig(IndexingConfig.from_dict(json.loads(row.body)), row.created_at)
