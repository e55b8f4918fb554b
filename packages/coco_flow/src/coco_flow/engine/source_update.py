"""Passes over a source: find what changed, evaluate it, commit it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from coco_flow.engine.changes import is_older, is_unchanged
from coco_flow.engine.commit import Committer
from coco_flow.engine.frames import Batch, RowState
from coco_flow.engine.grouping import GroupConnector
from coco_flow.engine.limits import Limiter, admitted
from coco_flow.engine.listed_keys import ListedKeys
from coco_flow.engine.listing import listings, shown_content
from coco_flow.engine.memo import CallsInFlight, MemoSession
from coco_flow.engine.stats import SourceStats
from coco_flow.engine.workers import BatchWorkers
from coco_flow.errors import FlowError, UpdateAborted
from coco_flow.ports import Key, ListedRow, ReadRow
from coco_flow.runtime import CancelScope, run_maybe_async
from coco_flow.state.store import (
    ATTENTION_DIRTY,
    ATTENTION_FAILED,
    StateStore,
    StoredRow,
)
from coco_flow.types.codec import digest, pack_key, unpack_key

if TYPE_CHECKING:
    from coco_flow.engine.plan import SourcePlan
    from coco_flow.engine.targets import TargetSet

__all__ = ["PassOptions", "SourceUpdater", "is_unchanged"]

_log = logging.getLogger(__name__)

# Rows of one batch: enough to amortize transactions and look-ups, few enough to bound memory.
_MIN_ROWS, _MAX_ROWS = 8, 256
# Rows of one shard: minutes of work at the most, and a thousand shards for 10^5 rows.
_SHARD_ROWS = 128
# A batch should take about this long (seconds), so that slow functions lose little in a crash.
_BATCH_SECONDS = 2.0
# Content of one batch is read into memory; larger rows make smaller batches.
_BATCH_BYTES = 8 * 1024 * 1024


@dataclass(slots=True)
class PassOptions:
    """Options of one pass; by default it processes only what changed."""

    reexport: bool = False
    full_reprocess: bool = False
    allow_empty: bool = False
    aborted: threading.Event = field(default_factory=threading.Event)
    calls: CancelScope = field(default_factory=CancelScope)

    def abort(self) -> None:
        """Let passes stop at their next batch, and cancel the coroutines that they wait for."""
        self.aborted.set()
        self.calls.cancel()


class SourceUpdater:
    """Brings the targets in step with one source; one pass at a time."""

    def __init__(
        self,
        plan: SourcePlan,
        store: StateStore,
        source_id: int,
        *,
        targets: TargetSet,
        exports: Sequence[Any],
        limiters: Sequence[Limiter],
        stats: SourceStats,
        options: PassOptions,
        in_flight: CallsInFlight,
    ) -> None:
        self._plan = plan
        self._in_flight = in_flight
        self._store = store
        self._source_id = source_id
        self._limiters = limiters
        self._options = options
        self.stats = stats
        self._committer = Committer(
            store,
            source_id,
            plan.source.name,
            logic=plan.logic,
            exports=exports,
            targets=targets,
            reexport=options.reexport,
        )
        self._rows_per_batch = 64
        self._was_forced = False
        self._listed = ListedKeys(plan.source.name, 0)
        self.is_grouping = isinstance(plan.source.connector, GroupConnector)
        self._workers = 3 if plan.waits else 1

    def scan(self) -> None:
        """Compare a complete listing with what is known and process the differences.

        Raises:
            FlowError: The source lists nothing although rows are known of it.
        """
        # What the scan itself adds has a higher id and cannot be among what has gone.
        last_known = self._store.last_row_id(self._source_id)
        began = time.time()
        self._listed = ListedKeys(self._plan.source.name, last_known)
        listed_any = False
        with BatchWorkers(self._workers) as workers:
            pending: list[RowState] = []
            for listed in self._listings():
                self._check_aborted()
                listed_any = listed_any or bool(listed)
                pending += self._changed(listed)
                pending = self._submit_full(workers, pending)
            # A grouping is empty when nothing is collected, which is no fault of a listing.
            if not (listed_any or self._options.allow_empty or self.is_grouping):
                self._refuse_empty()
            self._submit_all(workers, pending)
        self._remove_unseen(last_known)
        self._store.remove_errors_without_row(self._source_id, began)
        self.report_duplicates()

    def share_out(self) -> None:
        """Do what `scan` does, but put new and changed rows into shards for all processes.

        Rows that are gone are processed here.
        """
        last_known = self._store.last_row_id(self._source_id)
        self._listed = ListedKeys(self._plan.source.name, last_known)
        listed_any = False
        pending: list[bytes] = []
        for listed in self._listings():
            self._check_aborted()
            listed_any = listed_any or bool(listed)
            pending += [row.key_bytes for row in self._changed(listed)]
            while len(pending) >= _SHARD_ROWS:
                self._store.add_shard(self._source_id, pending[:_SHARD_ROWS])
                pending = pending[_SHARD_ROWS:]
        if pending:
            self._store.add_shard(self._source_id, pending)
        if not (listed_any or self._options.allow_empty or self.is_grouping):
            self._refuse_empty()
        self._remove_unseen(last_known)

    def report_duplicates(self) -> None:
        """Record rows whose keys the listing has shown more than once as failed."""
        duplicates = self._listed.duplicates()
        if not duplicates:
            return
        stored = self._store.rows(self._source_id, [encoded for encoded, _, _ in duplicates])
        rows = []
        for encoded, key, error in duplicates:
            rows.append(self._row(key, encoded, ListedRow(key), stored.get(encoded)))
            rows[-1].fail("list", error)
        self.stats.end(o.kind for o in self._committer.commit(rows, MemoSession(None)))

    def process_shard(self, keys: Sequence[bytes], fence: Callable[[], None]) -> None:
        """Process the rows of a shard; `fence` raises LeaseLost once another process has them."""
        self._committer.fence = fence
        try:
            self.process_keys([unpack_key(key) for key in keys])
        finally:
            self._committer.fence = None

    def process_keys(self, keys: Sequence[Key]) -> None:
        """Process rows that are reported as changed, even if their tokens are equal."""
        with BatchWorkers(self._workers) as workers:
            for start in range(0, len(keys), _MAX_ROWS):
                self._check_aborted()
                part = keys[start : start + _MAX_ROWS]
                encoded = [pack_key(key) for key in part]
                stored = self._store.rows(self._source_id, encoded)
                rows = [
                    self._row(key, code, ListedRow(key), stored.get(code))
                    for key, code in zip(part, encoded, strict=True)
                ]
                self._submit_all(workers, rows)

    def due_for_retry(self) -> list[bytes]:
        """Return the encoded keys of failed rows whose time to be tried again has come."""
        return self._store.due_errors(self._source_id, time.time())

    def process_failed(self) -> int:
        """Process all rows that failed, whether their time has come or not; return how many."""
        keys = self._store.failed_keys(self._source_id)
        self.process_keys([unpack_key(key) for key in keys])
        return len(keys)

    def process_groups(self) -> int:
        """Process the groups whose rows changed, if this source is a grouping; return how many."""
        if not self.is_grouping:
            return 0
        if self._store.has_unfinished(self._source_id, self._plan.logic) or self._is_forced():
            self.scan()
        number = 0
        while marks := self._store.marked_groups(self._source_id, _MAX_ROWS):
            self.process_keys([unpack_key(key) for key in marks])
            self._store.unmark_groups(self._source_id, marks)
            number += len(marks)
        return number

    def _is_forced(self) -> bool:
        """Say once whether the options ask for every row; groups are processed repeatedly."""
        forced = not self._was_forced and (self._options.reexport or self._options.full_reprocess)
        self._was_forced = self._was_forced or forced
        return forced

    def process_dirty(self) -> int:
        """Process rows that now win a shared key; return how many there were."""
        keys = self._store.dirty_keys(self._source_id)
        self.process_keys([unpack_key(key) for key in keys])
        return len(keys)

    def _listings(self) -> Iterator[Sequence[ListedRow]]:
        return listings(self._plan.source.connector)

    def _changed(self, listed: Sequence[ListedRow]) -> list[RowState]:
        encoded = [pack_key(row.key) for row in listed]
        waiting = self._listed.waiting(encoded)
        stored = self._store.rows(self._source_id, encoded)
        logic, force = self._plan.logic, self._options.reexport or self._options.full_reprocess
        changed: list[RowState] = []
        same = 0
        for row, code in zip(listed, encoded, strict=True):
            known = stored.get(code)
            if self._listed.is_repeated(row.key, code, known, waiting):
                continue
            if known is not None and not force and is_unchanged(row, known, logic):
                same += 1
                continue
            changed.append(self._row(row.key, code, row, known))
        self.stats.add("num_no_change", same)
        return changed

    def _row(
        self, key: Key, encoded: bytes, listed: ListedRow | None, stored: StoredRow | None
    ) -> RowState:
        name = self._plan.source.name
        return RowState(
            key, encoded, listed, stored, collectors=self._plan.collectors, source_name=name
        )

    def _submit_full(self, workers: BatchWorkers, pending: list[RowState]) -> list[RowState]:
        while len(pending) >= self._rows_per_batch:
            size = self._cut(pending)
            workers.submit(self._process, pending[:size])
            pending = pending[size:]
        return pending

    def _submit_all(self, workers: BatchWorkers, pending: list[RowState]) -> None:
        while pending:
            self._check_aborted()
            size = self._cut(pending)
            workers.submit(self._process, pending[:size])
            pending = pending[size:]

    def _cut(self, pending: Sequence[RowState]) -> int:
        """Return how many rows the next batch takes, by number and by expected bytes."""
        rows = [limiter.rows for limiter in self._limiters if limiter.rows is not None]
        size = min([self._rows_per_batch, *rows])
        budgets = [limiter.byte_count for limiter in self._limiters if limiter.byte_count]
        budget = min([_BATCH_BYTES, *budgets])
        used = 0
        for number, row in enumerate(pending[:size]):
            used += row.listed.size if row.listed is not None else 0
            if used > budget and number:
                return number
        return max(min(size, len(pending)), 1)

    def _process(self, rows: list[RowState]) -> None:
        size = sum(row.listed.size for row in rows if row.listed is not None)
        with admitted(self._limiters, len(rows), size), self.stats.working(len(rows)):
            self._check_aborted()
            began = time.perf_counter()
            memo = MemoSession(
                self._store, in_flight=self._in_flight, read=not self._options.full_reprocess
            )
            # Writing to targets is not cancelled.
            with self._options.calls.entered():
                frames, touched = self._read(rows)
                try:
                    self._plan.run(frames, Batch(memo))
                except BaseException:
                    # Computed results are kept even if the batch fails.
                    memo.flush()
                    raise
            self._committer.touch(touched)
            gone = [row for row in rows if row.listed is None and row.stored is None]
            skipped = {id(row) for row in (*touched, *gone)}
            outcomes = self._committer.commit([r for r in rows if id(r) not in skipped], memo)
            self._store.remove_errors(self._source_id, [row.key_bytes for row in gone])
            self.stats.end(outcome.kind for outcome in outcomes)
            self.stats.end("num_no_change" for _ in skipped)
            self._listed.processed(row.key_bytes for row in rows)
            seconds = time.perf_counter() - began
            _log.debug("Source %s: %d rows in %.3f s.", self._plan.source.name, len(rows), seconds)
            self._adapt(len(rows), seconds)

    def _read(self, rows: Sequence[RowState]) -> tuple[list[list[Any]], list[RowState]]:
        """Return the frames to evaluate, and the rows whose content turns out to be the same."""
        present = [row for row in rows if row.listed is not None]
        to_read = [row for row in present if row.listed is not None and row.listed.value is None]
        contents: dict[int, ReadRow | Exception] = {}
        if to_read:
            read = self._plan.source.connector.read
            answers = run_maybe_async(read, [row.key for row in to_read])
            contents = {id(row): answer for row, answer in zip(to_read, answers, strict=True)}
        frames: list[list[Any]] = []
        touched: list[RowState] = []
        for row in present:
            content = contents.get(id(row)) or shown_content(row.listed)
            if isinstance(content, Exception):
                row.fail("read", content)
            elif content.value is None:
                row.listed = None
            elif self._settle(row, content):
                touched.append(row)
            else:
                frames.append(self._frame(row, content.value))
        return frames, touched

    def _settle(self, row: RowState, content: ReadRow) -> bool:
        """Record the content's token and digest; return True if nothing need be done."""
        listed, stored = row.listed, row.stored
        assert listed is not None
        assert content.value is not None
        row.listed = listed._replace(
            token=listed.token if content.token is None else content.token,
            ordinal=listed.ordinal if content.ordinal is None else content.ordinal,
            settled=listed.settled and content.settled,
            value=None,
        )
        known_digest = content.digest or listed.digest
        row.digest = known_digest or digest(self._plan.pack_value(content.value))
        if stored is None:
            return False
        finished = (
            stored.logic == self._plan.logic
            and not stored.staged
            and not stored.attention & (ATTENTION_FAILED | ATTENTION_DIRTY)
            and not self._options.reexport
            and not self._options.full_reprocess
        )
        if finished and is_older(row.listed, stored):
            # The targets have a newer version already; nothing of this one is recorded.
            row.listed = row.listed._replace(token=stored.token, ordinal=stored.ordinal)
            row.digest = stored.digest
            return True
        row.changed = row.digest != stored.digest
        return finished and not row.changed

    def _frame(self, row: RowState, value: Sequence[Any]) -> list[Any]:
        frame: list[Any] = [row, *row.key, *value]
        frame += [None] * (self._plan.slots - len(frame))
        return frame

    def _adapt(self, rows: int, seconds: float) -> None:
        """Let the next batches take about `_BATCH_SECONDS`."""
        if rows < self._rows_per_batch:
            return
        wanted = int(rows * _BATCH_SECONDS / max(seconds, 1e-6))
        self._rows_per_batch = max(_MIN_ROWS, min(_MAX_ROWS, wanted, rows * 2))

    def _remove_unseen(self, last_known: int) -> None:
        """Process rows that the complete listing did not show: they are gone."""
        for ids in self._store.row_id_pages(self._source_id, last_known):
            gone = self._listed.gone(ids)
            for start in range(0, len(gone), _MAX_ROWS):
                self._check_aborted()
                self._process(self._gone_rows(gone[start : start + _MAX_ROWS]))

    def _gone_rows(self, ids: Sequence[int]) -> list[RowState]:
        encoded = self._store.keys_by_id(ids)
        stored = self._store.rows(self._source_id, encoded)
        return [self._row(unpack_key(code), code, None, stored[code]) for code in encoded]

    def _refuse_empty(self) -> None:
        known = self._store.count_rows(self._source_id)
        if known:
            raise FlowError(
                f"Source {self._plan.source.name!r} lists nothing, but {known} rows of it are "
                "known; nothing was deleted.",
                hint="If it is empty on purpose, run `coco-flow update --allow-empty`; otherwise "
                "check its path, filter or credentials.",
            )

    def _check_aborted(self) -> None:
        if self._options.aborted.is_set():
            raise UpdateAborted()
