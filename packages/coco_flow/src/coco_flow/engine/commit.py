"""Commits of evaluated rows to the targets: stage, write, finish.

A crash between any two steps loses nothing: *stage* records every key that is about to be written
or deleted together with the results of functions; *write* is idempotent; *finish* records the new
targets of each row and clears the staging. A row that is still staged at the next update is
processed again, and what is uncertain is written again.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgpack

from coco_core.errors import LeaseLost, Unavailable
from coco_flow.engine.frames import RowState
from coco_flow.engine.owners import OwnerCheck
from coco_flow.ports import ListedRow, TargetBatch
from coco_flow.state import sql
from coco_flow.state.store import (
    ATTENTION_DIRTY,
    ATTENTION_FAILED,
    ATTENTION_UNSETTLED,
    StateStore,
)

if TYPE_CHECKING:
    from coco_flow.engine.exports import ExportPlan, TargetRow
    from coco_flow.engine.memo import MemoSession
    from coco_flow.engine.targets import TargetSet

__all__ = ["Committer", "Outcome"]

# First and longest wait before a failed row is tried again in live mode, in seconds.
_FIRST_RETRY, _LAST_RETRY = 5.0, 600.0

# After so many refused writes in a row the target, and not single rows, is the cause.
_MOST_REFUSALS = 12


@dataclass(slots=True)
class Outcome:
    """How one row ended."""

    row: RowState
    kind: str


@dataclass(slots=True)
class _Change:
    """What one row changes in the targets; keys are encoded, maps go by resource id."""

    row: RowState
    row_id: int
    old: dict[int, dict[bytes, bytes]]
    new: dict[int, dict[bytes, bytes]]
    uncertain: dict[int, set[bytes]]
    rows: dict[int, dict[bytes, TargetRow]]
    upserts: dict[int, list[bytes]] = field(default_factory=dict)
    deletes: dict[int, list[bytes]] = field(default_factory=dict)


class Committer:
    """Commits batches of one source's rows."""

    def __init__(
        self,
        store: StateStore,
        source_id: int,
        source_name: str,
        *,
        logic: bytes,
        exports: Sequence[ExportPlan],
        targets: TargetSet,
        reexport: bool = False,
        fence: Callable[[], None] | None = None,
    ) -> None:
        self._store = store
        self._source_id = source_id
        self._source_name = source_name
        self._logic = logic
        self._exports = {plan.resource_id: plan for plan in exports}
        self._targets = targets
        self._reexport = reexport
        # Raises LeaseLost if another process has taken these rows over.
        self.fence = fence
        self._owners = OwnerCheck(store, source_name)

    def commit(self, rows: Sequence[RowState], memo: MemoSession) -> list[Outcome]:
        """Commit rows that are evaluated, gone or failed; return how each ended."""
        self._compute_target_rows(rows)
        good = [row for row in rows if row.error is None]
        with self._targets.exclusive():
            changes = self._stage(good, memo)
            failed = self._write(changes)
            try:
                self._finish(changes, failed, [row for row in rows if row.error is not None])
            except LeaseLost:
                # What was just written may be older than what the other process wrote.
                self._mark_uncertain(changes)
                raise
        return [Outcome(row, self._kind(row)) for row in rows]

    def _mark_uncertain(self, changes: Sequence[_Change]) -> None:
        """Let the next update rewrite all that this batch touched."""
        connection = self._store.connection
        with connection.transaction():
            connection.execute_many(
                sql.STAGE_ROW, [(_staging(change), change.row_id) for change in changes]
            )
            connection.execute_many(
                sql.MARK_ROW, [(ATTENTION_FAILED, change.row_id) for change in changes]
            )

    def touch(self, rows: Sequence[RowState]) -> None:
        """Record new change tokens of rows whose content is what it was."""
        self._store.connection.execute_many(
            sql.TOUCH_ROW,
            [
                (row.listed.token, row.listed.ordinal, row.digest, _attention(row.listed),
                 row.stored.id)
                for row in rows
                if row.listed is not None and row.stored is not None
            ],
        )  # fmt: skip

    def _compute_target_rows(self, rows: Sequence[RowState]) -> None:
        for row in rows:
            if row.error is not None or row.listed is None:
                continue
            try:
                row.target_rows = {
                    resource_id: made
                    for resource_id, plan in self._exports.items()
                    if (made := plan.rows_of(row))
                }
            except Exception as error:  # noqa: BLE001 - a row's failure is that row's
                row.fail("export", error)

    def _stage(self, rows: Sequence[RowState], memo: MemoSession) -> list[_Change]:
        store = self._store
        with store.connection.transaction():
            if self.fence is not None:
                self.fence()
            new_keys = [row.key_bytes for row in rows if row.stored is None and row.listed]
            ids = store.row_ids_of(self._source_id, new_keys) if new_keys else {}
            known = [row.stored.id for row in rows if row.stored is not None]
            old = store.targets(known) if known else {}
            changes = [
                self._change(row, ids, old)
                for row in rows
                if row.stored is not None or row.key_bytes in ids
            ]
            self._owners.resolve(changes, self._exports)
            store.connection.execute_many(
                sql.STAGE_ROW, [(_staging(change), change.row_id) for change in changes]
            )
            memo.flush()
        return changes

    def _change(
        self,
        row: RowState,
        ids: dict[bytes, int],
        stored: dict[int, tuple[bytes | None, bytes | None]],
    ) -> _Change:
        row_id = ids[row.key_bytes] if row.stored is None else row.stored.id
        targets, staging = stored.get(row_id, (None, None))
        old = _unpacked(targets)
        uncertain = {number: set(keys) for number, keys in _unpacked(staging).items()}
        made = row.target_rows
        new = {
            number: {key: made_row.digest for key, made_row in rows.items()}
            for number, rows in made.items()
        }
        change = _Change(row, row_id, old, new, uncertain, made)
        dirty = row.stored is not None and bool(row.stored.attention & ATTENTION_DIRTY)
        for number, plan in self._exports.items():
            before, after = old.get(number, {}), new.get(number, {})
            unsure = uncertain.get(number, set())
            if self._reexport or (dirty and not plan.unique_keys):
                upserts = list(after)
            elif unsure:
                upserts = [
                    key for key, value in after.items()
                    if key in unsure or before.get(key) != value
                ]  # fmt: skip
            elif before:
                upserts = [key for key, value in after.items() if before.get(key) != value]
            else:
                upserts = list(after)
            deletes = [key for key in before if key not in after]
            deletes += [key for key in unsure if key not in after and key not in before]
            if upserts:
                change.upserts[number] = upserts
            if deletes:
                change.deletes[number] = deletes
        return change

    def _write(self, changes: Sequence[_Change]) -> dict[int, dict[int, Exception]]:
        """Write the changes; return, by row and target, what a target would not take.

        One row that it refuses must not block the others, so a refused batch is halved until only
        such rows remain.
        """
        refusals: dict[int, dict[int, Exception]] = {}
        failed = self._targets.write(self._batches(changes, self._exports))
        waiting = [(list(changes), failed)] if failed else []
        in_a_row = 0
        while waiting:
            part, failed = waiting.pop()
            hopeless = in_a_row > _MOST_REFUSALS or any(map(_is_away, failed.values()))
            if hopeless or len(part) == 1:
                for change in part:
                    refusals[change.row_id] = failed
                continue
            for half in (part[: len(part) // 2], part[len(part) // 2 :]):
                again = self._targets.write(self._batches(half, failed))
                in_a_row = in_a_row + 1 if again else 0
                if again:
                    waiting.append((half, again))
        return refusals

    def _batches(
        self, changes: Sequence[_Change], numbers: Iterable[int]
    ) -> dict[int, TargetBatch]:
        """Return what the changes write to the targets of these numbers."""
        from coco_flow.types.codec import unpack_key

        batches: dict[int, TargetBatch] = {}
        for number in numbers:
            plan = self._exports[number]
            upserts = {
                key: (change.rows[number][key].key, change.rows[number][key].value)
                for change in changes
                for key in change.upserts.get(number, ())
            }
            deletes = {
                key: unpack_key(key)
                for change in changes
                for key in change.deletes.get(number, ())
                if key not in upserts
            }
            if upserts or deletes:
                batches[number] = TargetBatch(plan, list(upserts.values()), list(deletes.values()))
        return batches

    def _finish(
        self,
        changes: Sequence[_Change],
        failed: dict[int, dict[int, Exception]],
        failed_rows: Sequence[RowState],
    ) -> None:
        finished, held, removed = [], [], []
        for change in changes:
            row = change.row
            errors = failed.get(change.row_id, {})
            broken = [
                number for number in errors
                if number in change.upserts or number in change.deletes
            ]  # fmt: skip
            if broken:
                name = self._exports[broken[0]].name
                row.fail(f"export {name!r}", errors[broken[0]])
                failed_rows = [*failed_rows, row]
                held.append(_held(change, broken))
            elif row.listed is None:
                removed.append((change.row_id,))
            else:
                finished.append(
                    (row.listed.token, row.listed.ordinal, row.digest, self._logic,
                     _attention(row.listed), b"".join(row.uses) or None,
                     _packed(change.new), change.row_id)
                )  # fmt: skip
        connection = self._store.connection
        with connection.transaction():
            if self.fence is not None:
                self.fence()
            connection.execute_many(sql.FINISH_ROW, finished)
            connection.execute_many(sql.HOLD_ROW, held)
            connection.execute_many(sql.DELETE_ROW, removed)
            self._owners.finish(changes, failed)
            self._record_errors(changes, failed_rows)

    def _record_errors(self, changes: Sequence[_Change], failed_rows: Sequence[RowState]) -> None:
        connection = self._store.connection
        connection.execute_many(
            sql.DELETE_ERROR,
            [
                (self._source_id, change.row.key_bytes)
                for change in changes
                if change.row.error is None
                and (change.row.stored is None or change.row.stored.attention & ATTENTION_FAILED)
            ],
        )
        if not failed_rows:
            return
        now = time.time()
        counts = dict(
            connection.execute_list(
                sql.SELECT_ERROR_COUNTS, (self._source_id,), [row.key_bytes for row in failed_rows]
            )
        )
        for row in failed_rows:
            message, traceback = row.error_text()
            wait = min(_FIRST_RETRY * 2 ** min(counts.get(row.key_bytes, 0), 10), _LAST_RETRY)
            connection.execute(
                sql.UPSERT_ERROR,
                (self._source_id, row.key_bytes, row.failed_step, message, traceback, now, now,
                 now + wait),
            )  # fmt: skip
            if row.stored is not None:
                connection.execute(sql.MARK_ROW, (ATTENTION_FAILED, row.stored.id))

    def _kind(self, row: RowState) -> str:
        if row.error is not None:
            return "num_errors"
        if row.listed is None:
            return "num_deletions"
        if row.stored is None or row.stored.logic is None:
            return "num_insertions"
        if row.changed:
            return "num_updates"
        return "num_reprocesses"


def _is_away(error: Exception) -> bool:
    """Say whether a target did not answer, so that no smaller batch would succeed."""
    return isinstance(error, Unavailable) or isinstance(error.__cause__, Unavailable)


def _attention(listed: ListedRow) -> int:
    return 0 if listed.settled else ATTENTION_UNSETTLED


def _staging(change: _Change) -> bytes:
    keys: dict[int, list[bytes]] = defaultdict(list)
    for side in (change.upserts, change.deletes):
        for number, touched in side.items():
            keys[number].extend(touched)
    packed: bytes = msgpack.packb(keys)
    return packed


def _held(change: _Change, broken: Sequence[int]) -> tuple[Any, ...]:
    """Record what the healthy targets took; leave the others staged, with their old rows."""
    kept = {number: rows for number, rows in change.new.items() if number not in broken}
    kept.update({number: change.old[number] for number in broken if number in change.old})
    staged = {
        number: [*change.upserts.get(number, ()), *change.deletes.get(number, ())]
        for number in broken
    }
    return (ATTENTION_FAILED, _packed(kept), msgpack.packb(staged), change.row_id)


def _packed(targets: dict[int, dict[bytes, bytes]]) -> bytes | None:
    kept = {number: rows for number, rows in targets.items() if rows}
    packed: bytes = msgpack.packb(kept)
    return packed if kept else None


def _unpacked(data: bytes | None) -> dict[int, Any]:
    if not data:
        return {}
    unpacked: dict[int, Any] = msgpack.unpackb(data, strict_map_key=False)
    return unpacked
