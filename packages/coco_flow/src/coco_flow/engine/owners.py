"""Ownership of target keys that several rows declare: whose row is written, when a key is deleted.

Each row that declares a key is its owner. The target holds the version of the owner that comes last
by (source name, source key), whatever the order of processing, so that an incremental update and a
fresh build agree. A key is deleted with its last owner.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from coco_flow.state import sql
from coco_flow.state.store import ATTENTION_DIRTY, StateStore

if TYPE_CHECKING:
    from coco_flow.engine.commit import _Change
    from coco_flow.engine.exports import ExportPlan

__all__ = ["OwnerCheck"]

# (source name, source key): the order in which owners win, and their row id.
_Owner = tuple[str, bytes, int]


class OwnerCheck:
    """Resolves shared keys for batches of one source."""

    def __init__(self, store: StateStore, source_name: str) -> None:
        self._store = store
        self._source_name = source_name
        self._left: list[tuple[int, bytes, int]] = []
        self._dirty: list[int] = []

    def resolve(self, changes: Sequence[_Change], exports: dict[int, ExportPlan]) -> None:
        """Claim new keys, and remove from each change what another owner decides."""
        self._left, self._dirty = [], []
        for number, plan in exports.items():
            if not plan.unique_keys:
                self._resolve_target(number, changes)

    def finish(self, changes: Sequence[_Change], failed: dict[int, dict[int, Exception]]) -> None:
        """Release the keys that rows no longer declare; mark the rows that now win as dirty."""
        connection = self._store.connection
        gone = {change.row_id for change in changes if change.row.listed is None}
        connection.execute_many(
            sql.DELETE_OWNER,
            [entry for entry in self._left if entry[0] not in failed.get(entry[2], {})],
        )
        connection.execute_many(
            sql.MARK_ROW,
            [(ATTENTION_DIRTY, row_id) for row_id in self._dirty if row_id not in gone],
        )

    def _resolve_target(self, number: int, changes: Sequence[_Change]) -> None:
        connection = self._store.connection
        connection.execute_many(
            sql.INSERT_OWNER,
            [
                (number, key, change.row_id)
                for change in changes
                for key in change.new.get(number, ())
                if key not in change.old.get(number, ())
            ],
        )
        touched = {
            key
            for change in changes
            for side in (change.upserts, change.deletes)
            for key in side.get(number, ())
        }
        owners: dict[bytes, list[_Owner]] = {}
        for key, row_id, source, row_key in connection.execute_list(
            sql.SELECT_OWNERS, (number,), list(touched)
        ):
            owners.setdefault(bytes(key), []).append((source, bytes(row_key), row_id))
        leaving = {
            (key, change.row_id) for change in changes for key in change.deletes.get(number, ())
        }
        for change in changes:
            self._resolve_row(number, change, owners, leaving)

    def _resolve_row(
        self,
        number: int,
        change: _Change,
        owners: dict[bytes, list[_Owner]],
        leaving: set[tuple[bytes, int]],
    ) -> None:
        me: _Owner = (self._source_name, change.row.key_bytes, change.row_id)
        kept = []
        for key in change.upserts.get(number, ()):
            staying = [o for o in owners.get(key, ()) if (key, o[2]) not in leaving]
            if max(staying, default=me) <= me:
                kept.append(key)
        if number in change.upserts:
            change.upserts[number] = kept
        gone = []
        for key in change.deletes.get(number, ()):
            self._left.append((number, key, change.row_id))
            staying = [o for o in owners.get(key, ()) if (key, o[2]) not in leaving]
            if not staying:
                gone.append(key)
            elif (winner := max(staying)) < me:
                self._dirty.append(winner[2])
        if number in change.deletes:
            change.deletes[number] = gone
