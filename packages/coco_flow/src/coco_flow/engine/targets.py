"""The opened targets of a flow, and how batches are written to them."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from coco_flow.errors import FlowError
from coco_flow.ports import TargetBatch, TargetConnector
from coco_flow.runtime import run_maybe_async

if TYPE_CHECKING:
    from coco_flow.engine.exports import ExportPlan

__all__ = ["TargetSet"]


class TargetSet:
    """Opens targets at their first write and keeps them until the update ends."""

    def __init__(self, exports: Sequence[ExportPlan], keys: dict[int, Any]) -> None:
        self._exports = {plan.resource_id: plan for plan in exports}
        self._keys = keys
        self._lock = threading.RLock()
        self._open_lock = threading.Lock()
        # Keys with several owners are decided and written under one lock: two batches that claim
        # one key must not write in the other order than they decided.
        self._serial = any(not plan.unique_keys for plan in exports)
        # The same order among processes, when several share an update.
        self.shared_lock: Callable[[], AbstractContextManager[object]] | None = None

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the order of commits where rows can share keys; elsewhere batches overlap."""
        if not self._serial:
            yield
            return
        with self._lock, self.shared_lock() if self.shared_lock else nullcontext():
            yield

    def write(self, batches: dict[int, TargetBatch]) -> dict[int, Exception]:
        """Write all batches; return the failures by resource id. A failure stops no other group."""
        groups: dict[Any, list[tuple[int, TargetBatch]]] = defaultdict(list)
        failed: dict[int, Exception] = {}
        for number, batch in batches.items():
            plan = self._exports[number]
            try:
                self._open(plan)
                group = plan.export.connector.group(plan.target)
            except Exception as error:  # noqa: BLE001 - reported as the failure of these rows
                failed[number] = _failure(plan, error)
                continue
            opened = TargetBatch(plan.target, batch.upserts, batch.deletes)
            groups[id(plan.export.connector), group].append((number, opened))
        for members in groups.values():
            connector = self._exports[members[0][0]].export.connector
            try:
                run_maybe_async(connector.write, [batch for _, batch in members])
            except Exception as error:  # noqa: BLE001 - reported as the failure of these rows
                for number, _ in members:
                    failed[number] = _failure(self._exports[number], error)
        return failed

    def finish(self) -> dict[int, Exception]:
        """Call `finish` of the targets that were written to: the update's last row is in.

        So for a connector whose `is_unfinished` says that it did not finish an earlier update.
        """
        failed: dict[int, Exception] = {}
        for number, plan in self._exports.items():
            finish = getattr(plan.export.connector, "finish", None)
            if finish is None:
                continue
            try:
                if not plan.opened:
                    if not self._is_unfinished(plan):
                        continue
                    self._open(plan)
                run_maybe_async(finish, plan.target)
            except Exception as error:  # noqa: BLE001 - reported with the update's result
                failed[number] = _failure(plan, error)
        return failed

    def close(self) -> None:
        """Close every target that was opened."""
        for plan in self._exports.values():
            if plan.opened:
                plan.opened = False
                run_maybe_async(plan.export.connector.close, plan.target)
                plan.target = None

    def _is_unfinished(self, plan: ExportPlan) -> bool:
        look = getattr(plan.export.connector, "is_unfinished", None)
        if look is None:
            return False
        key = self._keys[plan.resource_id]
        return bool(run_maybe_async(look, plan.export.target_spec, key))

    def _open(self, plan: ExportPlan) -> None:
        with self._open_lock:
            if not plan.opened:
                connector: TargetConnector = plan.export.connector
                key = self._keys[plan.resource_id]
                plan.target = run_maybe_async(
                    connector.open, plan.export.target_spec, key, plan.schema
                )
                plan.opened = True


def _failure(plan: ExportPlan, error: Exception) -> Exception:
    if isinstance(error, FlowError):
        return error
    failure = FlowError(f"Writing to {plan.name!r} failed: {error or repr(error)}")
    failure.__cause__ = error
    return failure
