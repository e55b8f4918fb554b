"""Runs a whole flow: all sources, rows of interrupted runs, targets opened and closed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from coco_flow.engine.commit import Committer
from coco_flow.engine.frames import RowState
from coco_flow.engine.grouping import GroupConnector
from coco_flow.engine.limits import Limiter
from coco_flow.engine.memo import CallsInFlight, MemoSession
from coco_flow.engine.plan import FlowPlan, SourcePlan, compile_flow
from coco_flow.engine.source_update import PassOptions, SourceUpdater
from coco_flow.engine.stats import SourceStats, UpdateInfo
from coco_flow.engine.targets import TargetSet
from coco_flow.errors import UpdateAborted
from coco_flow.state.store import StateStore
from coco_flow.types.codec import unpack_key

if TYPE_CHECKING:
    from coco_flow.graph.model import FlowGraph

__all__ = ["FlowRunner"]

_log = logging.getLogger(__name__)

# How often an update that waits for another process's checks whether that has ended.
_LOCK_POLL_SECONDS = 0.1

# How long results of functions that no row uses any more are kept, in seconds: long enough to go
# back to a branch of the last days without computing anything.
_MEMO_GRACE = 7 * 24 * 3600.0


class FlowRunner:
    """A flow with its plan compiled and its targets ready; serves one update or a live updater."""

    def __init__(
        self,
        graph: FlowGraph,
        full_name: str,
        *,
        store: StateStore,
        flow_id: int,
        options: PassOptions,
        global_limiter: Limiter,
    ) -> None:
        self._full_name = full_name
        self._store = store
        self._flow_id = flow_id
        self.options = options
        resources = {resource.name: resource for resource in store.resources(flow_id)}
        self.plan: FlowPlan = compile_flow(graph, resources)
        self._in_flight = CallsInFlight()
        self._targets = TargetSet(self.plan.exports, self.plan.resource_keys)
        self.stats = {plan.source.name: SourceStats() for plan in self.plan.sources}
        self.updaters = {
            plan.source.name: self._updater(plan, global_limiter) for plan in self.plan.sources
        }
        self._pass_lock = threading.Lock()

    def _updater(self, plan: SourcePlan, global_limiter: Limiter) -> SourceUpdater:
        source = plan.source
        if isinstance(source.connector, GroupConnector):
            group_id = self._store.source_id(self._flow_id, source.name)
            source.connector.bind(self._store, group_id)
        own_limiter = Limiter(source.max_inflight_rows, source.max_inflight_bytes)
        return SourceUpdater(
            plan,
            self._store,
            self._store.source_id(self._flow_id, source.name),
            targets=self._targets,
            exports=self.plan.exports,
            limiters=[global_limiter, own_limiter],
            stats=self.stats[source.name],
            options=self.options,
            in_flight=self._in_flight,
        )

    @property
    def info(self) -> UpdateInfo:
        """The statistics so far."""
        return UpdateInfo(self.stats)

    def update_all(self) -> UpdateInfo:
        """Bring the targets in step with all sources.

        Raises:
            UpdateAborted: It was aborted.
            CocoError: A source could not be listed; the others were processed.
        """
        return self._recorded(self._scan_all)

    def retry_failed(self) -> UpdateInfo:
        """Process the rows that failed, now, and what follows from them; see `update_all`."""
        return self._recorded(self._process_failed)

    def _recorded(self, process: Callable[[], None]) -> UpdateInfo:
        run_id = self._store.start_run(self._flow_id)
        status = "failed"
        try:
            with self.exclusive():
                self.remove_old_sources()
                process()
                self.settle()
                self.finish_targets()
            if not self.options.full_reprocess:
                self._store.sweep_memo(time.time() - _MEMO_GRACE)
            status = "errors" if self.info.has_errors else "done"
        except UpdateAborted:
            status = "aborted"
            raise
        finally:
            self._store.finish_run(run_id, status, self.info.to_json())
        return self.info

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the lock under which one process at a time updates this flow; wait for it.

        Raises:
            UpdateAborted: It was aborted while it waited.
        """
        with self._pass_lock, ExitStack() as held:
            connection = self._store.connection
            if not held.enter_context(connection.flow_lock(self._full_name, wait=False)):
                _log.warning("Flow %s is being updated elsewhere; waiting for it.", self._full_name)
                while not held.enter_context(connection.flow_lock(self._full_name, wait=False)):
                    held.pop_all().close()
                    if self.options.aborted.wait(_LOCK_POLL_SECONDS):
                        raise UpdateAborted()
            yield

    def settle(self) -> None:
        """Process dirty rows and marked groups until there are none."""
        again = True
        while again:
            # In the order of definition: a grouping may feed a later one.
            for updater in self.updaters.values():
                updater.process_groups()
            again = sum(updater.process_dirty() for updater in self.updaters.values()) > 0
            if self.options.aborted.is_set():
                raise UpdateAborted()

    def update_shared(self, lease_seconds: float | None = None) -> UpdateInfo:
        """Take part in an update that several processes share; return when it has ended.

        The statistics are of what this process did.
        """
        from coco_flow.engine.shared_update import SharedUpdate

        self._targets.shared_lock = lambda: self._store.connection.flow_lock(
            f"{self._full_name}:commit", wait=True
        )
        shared = SharedUpdate(self, self._store, self._flow_id, self._full_name, lease_seconds)
        return shared.run()

    def abort(self) -> None:
        """Let running passes stop at their next batch; coroutines of functions are cancelled."""
        self.options.abort()

    def close(self) -> None:
        """Close the targets."""
        self._targets.close()

    def _scan_all(self) -> None:
        """Scan all sources, each in its own thread; groupings follow from their rows."""
        updaters = [updater for updater in self.updaters.values() if not updater.is_grouping]
        if len(updaters) == 1:
            updaters[0].scan()
            return
        with ThreadPoolExecutor(max(len(updaters), 1), "coco-flow-source") as pool:
            futures = [pool.submit(updater.scan) for updater in updaters]
        failures = [error for future in futures if (error := future.exception()) is not None]
        if failures:
            raise failures[0]

    def _process_failed(self) -> None:
        for updater in self.updaters.values():
            updater.process_failed()

    def finish_targets(self) -> None:
        """Call the targets' `finish` after a pass."""
        failed = self._targets.finish()
        for error in failed.values():
            raise error

    def remove_old_sources(self) -> None:
        """Delete what came from sources that the flow no longer has."""
        for name, source_id in self._store.sources(self._flow_id).items():
            if name in self.updaters:
                continue
            committer = Committer(
                self._store,
                source_id,
                name,
                logic=b"",
                exports=self.plan.exports,
                targets=self._targets,
            )
            while keys := self._store.keys(source_id, 256):
                stored = self._store.rows(source_id, keys)
                rows = [RowState(unpack_key(k), k, None, stored[k], collectors=0) for k in keys]
                outcomes = committer.commit(rows, MemoSession(None))
                failed = [o.row.error for o in outcomes if o.row.error is not None]
                if failed:
                    raise failed[0]
            self._store.remove_source(source_id)
