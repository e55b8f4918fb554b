"""Which indexes a project has, and its defaults, in SQLite."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.sqlite import insert

from coco_local.store.database import Database
from coco_local.store.schema import adopted, embedded_by, indexes, projects

__all__ = ["IndexStore", "StoredDefaults"]


@dataclass(frozen=True, slots=True)
class StoredDefaults:
    """The defaults of a project, as they were adopted."""

    query_config_id: str | None = None
    retrieval: str | None = None
    """JSON of the retrieval config; only what was set."""
    pending_config_id: str | None = None
    """The index that becomes the active index when it is complete."""


class IndexStore:
    """The indexes of all projects by config, and which of them answers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, project_id: str) -> dict[str, int]:
        """Return the length of the vectors of each index, by config."""
        statement = (
            select(indexes.c.config_id, indexes.c.dimension)
            .where(indexes.c.project_id == project_id)
            .order_by(indexes.c.created_at)
        )
        with self._database.read() as connection:
            return {row.config_id: row.dimension for row in connection.execute(statement)}

    def add(self, project_id: str, config_id: str, dimension: int) -> None:
        """Remember an index."""
        row = insert(indexes).values(
            project_id=project_id,
            config_id=config_id,
            dimension=dimension,
            created_at=time.time(),
        )
        with self._database.write() as connection:
            connection.execute(row.on_conflict_do_nothing())

    def remove(self, project_id: str, config_id: str) -> None:
        """Forget an index; what it stored is removed elsewhere."""
        with self._database.write() as connection:
            connection.execute(
                delete(indexes).where(
                    indexes.c.project_id == project_id, indexes.c.config_id == config_id
                )
            )

    def activate(self, project_id: str, config_id: str) -> None:
        """Let an index answer, and wait for none any more."""
        with self._database.write() as connection:
            connection.execute(
                update(projects)
                .where(projects.c.project_id == project_id)
                .values(config_id=config_id)
            )
            connection.execute(
                update(adopted)
                .where(adopted.c.project_id == project_id)
                .values(pending_config_id=None)
            )

    def embedded_by(self, index_id: str, embedder: str) -> bool:
        """Note whose vectors an index gets; False when it may hold those of another embedder."""
        with self._database.write() as connection:
            known = connection.execute(
                select(embedded_by.c.embedder).where(embedded_by.c.index_id == index_id)
            ).scalar()
            if known != embedder:
                row = insert(embedded_by).values(index_id=index_id, embedder=embedder)
                connection.execute(
                    row.on_conflict_do_update(
                        index_elements=["index_id"], set_={"embedder": embedder}
                    )
                )
        return known in {None, embedder}

    def defaults(self, project_id: str) -> StoredDefaults:
        """Return the defaults of a project."""
        with self._database.read() as connection:
            row = connection.execute(
                select(adopted).where(adopted.c.project_id == project_id)
            ).one_or_none()
        if row is None:
            return StoredDefaults()
        return StoredDefaults(row.query_config_id, row.retrieval, row.pending_config_id)

    def set_defaults(self, project_id: str, new: StoredDefaults) -> None:
        """Store the defaults of a project."""
        values = {
            "query_config_id": new.query_config_id,
            "retrieval": new.retrieval,
            "pending_config_id": new.pending_config_id,
        }
        row = insert(adopted).values(project_id=project_id, **values)
        with self._database.write() as connection:
            connection.execute(
                row.on_conflict_do_update(index_elements=["project_id"], set_=values)
            )
