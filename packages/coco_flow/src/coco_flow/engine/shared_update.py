"""One update shared by several processes: one lists the sources, all work on shards of rows.

Every process runs the same command. The one that gets the flow's lock lists the sources and creates
shards; all claim shards under leases until none is left. A process that dies frees the lock, and
its shards when their leases expire; another one continues. A late writer is fenced: before it
records anything it finds that its shard has another holder.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid
from typing import TYPE_CHECKING

from coco_core.errors import LeaseLost
from coco_flow.errors import UpdateAborted
from coco_flow.state import sql
from coco_flow.state.store import ATTENTION_FAILED

if TYPE_CHECKING:
    from coco_flow.engine.runner import FlowRunner
    from coco_flow.engine.stats import UpdateInfo
    from coco_flow.state.store import Shard, StateStore

__all__ = ["SharedUpdate"]

_log = logging.getLogger(__name__)

# Seconds of a lease: a busy holder renews it in this time, and a dead one is soon replaced.
_LEASE_SECONDS = 20.0
# How often a process without work checks for shards.
_POLL_SECONDS = 0.2
# After so many ended processes a row of the shard is the cause.
_MAX_ATTEMPTS = 4


class SharedUpdate:
    """This process's part in an update."""

    def __init__(
        self,
        runner: FlowRunner,
        store: StateStore,
        flow_id: int,
        full_name: str,
        lease_seconds: float | None = None,
    ) -> None:
        self._runner = runner
        self._store = store
        self._flow_id = flow_id
        self._name = full_name
        self._lease = lease_seconds or _LEASE_SECONDS
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._updaters = {
            store.source_id(flow_id, name): updater for name, updater in runner.updaters.items()
        }

    def run(self) -> UpdateInfo:
        """Take part until the update has ended, as its coordinator if there is none."""
        connection = self._store.connection
        pause = threading.Event()
        before = self._last_run_before()
        while not self._ended_since(before):
            with connection.flow_lock(self._name, wait=False) as held:
                if held:
                    self._coordinate()
                    break
            self._work()
            if self._runner.options.aborted.is_set():
                raise UpdateAborted()
            pause.wait(_POLL_SECONDS)
        return self._runner.info

    def _coordinate(self) -> None:
        run_id = self._store.start_run(self._flow_id)
        status = "failed"
        try:
            self._runner.remove_old_sources()
            self._store.remove_free_shards(self._flow_id)
            for updater in self._runner.updaters.values():
                if not updater.is_grouping:
                    updater.share_out()
            pause = threading.Event()
            while self._store.count_shards(self._flow_id):
                if not self._work():
                    # The others' shards are not finished yet, or their leases not run out.
                    pause.wait(_POLL_SECONDS)
                if self._runner.options.aborted.is_set():
                    raise UpdateAborted()
            for updater in self._runner.updaters.values():
                updater.report_duplicates()
            self._runner.settle()
            self._runner.finish_targets()
            status = "errors" if self._runner.info.has_errors else "done"
        finally:
            self._store.finish_run(run_id, status, self._runner.info.to_json())

    def _last_run_before(self) -> int:
        """Return the last update that this process is no part of: one that runs still is joined."""
        runs = self._store.runs(self._flow_id, 1)
        if not runs:
            return 0
        return int(runs[0]["id"]) - int(runs[0]["status"] == "running")

    def _ended_since(self, before: int) -> bool:
        runs = self._store.runs(self._flow_id, 1)
        return bool(runs) and int(runs[0]["id"]) > before and runs[0]["status"] != "running"

    def _work(self) -> int:
        """Process shards until none is free; return how many."""
        number = 0
        while not self._runner.options.aborted.is_set():
            shard = self._store.claim_shard(self._flow_id, self._holder, self._lease)
            if shard is None:
                break
            self._process(shard)
            number += 1
        return number

    def _process(self, shard: Shard) -> None:
        if shard.attempts > _MAX_ATTEMPTS:
            self._give_up(shard)
            return
        stop = threading.Event()
        heartbeat = threading.Thread(target=self._keep_lease, args=(shard, stop), daemon=True)
        heartbeat.start()
        try:
            self._updaters[shard.source_id].process_shard(shard.keys, lambda: self._fence(shard))
            self._store.finish_shard(shard.id, self._holder)
        except LeaseLost:
            _log.warning("Shard %d was taken over by another process.", shard.id)
        finally:
            stop.set()
            heartbeat.join()

    def _fence(self, shard: Shard) -> None:
        if not self._store.extend_shard(shard.id, self._holder, self._lease):
            raise LeaseLost(f"Shard {shard.id} was given to another process.")

    def _keep_lease(self, shard: Shard, stop: threading.Event) -> None:
        while not stop.wait(self._lease / 4):
            if not self._store.extend_shard(shard.id, self._holder, self._lease):
                return

    def _give_up(self, shard: Shard) -> None:
        """Record the rows of a shard that keeps ending its process as failed."""
        import time

        now = time.time()
        message = f"The process ended {shard.attempts - 1} times while it worked on these rows."
        known = self._store.rows(shard.source_id, shard.keys)
        with self._store.connection.transaction():
            self._store.connection.execute_many(
                sql.MARK_ROW, [(ATTENTION_FAILED, row.id) for row in known.values()]
            )
            self._store.connection.execute_many(
                sql.UPSERT_ERROR,
                [
                    (shard.source_id, key, "process", message, "", now, now, None)
                    for key in shard.keys
                ],
            )
            self._store.finish_shard(shard.id, self._holder)
