"""Migration plan: what `coco-server migrate` would do to a database, with its locks."""

from __future__ import annotations

from dataclasses import dataclass

from coco_server.store.migrate import current_revision, pending_scripts, statements_of
from coco_server.store.migration_effects import Effect, contracting, effects
from coco_server.store.preflight import connect

__all__ = ["PendingMigration", "pending"]


@dataclass(frozen=True, slots=True)
class PendingMigration:
    """A migration that a database does not have yet."""

    revision: str
    title: str
    contracts: bool
    """Takes something away: programs of the version before cannot serve on it."""
    effects: list[Effect]


def pending(url: str) -> list[PendingMigration]:
    """Return the migrations that `migrate` would run, in their order.

    Raises:
        Unavailable: the database cannot be reached.
    """
    with connect(url) as connection:
        found = current_revision(connection)
    steps = []
    for script in pending_scripts(found):
        statements = statements_of(script)
        steps.append(
            PendingMigration(
                script.revision,
                (script.doc or "").partition("\n")[0],
                bool(contracting(statements)),
                list(effects(statements)),
            )
        )
    return steps
