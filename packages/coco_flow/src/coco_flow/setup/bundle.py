"""The changes that set-up or removal makes for several flows, shown first and then applied."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from coco_flow.setup.plan import (
    Action,
    ResourceChange,
    apply_change,
    clear_for,
    plan_drop,
    plan_setup,
)

if TYPE_CHECKING:
    from coco_flow.flow.flow import Flow

__all__ = ["SetupChangeBundle"]

_log = logging.getLogger(__name__)


class SetupChangeBundle:
    """A plan: `describe` shows it, `apply` carries it out."""

    def __init__(self, flows: Iterable[Flow], purpose: Literal["setup", "drop"]) -> None:
        self._flows = list(flows)
        self._purpose = purpose

    def changes(self) -> list[tuple[Flow, list[ResourceChange]]]:
        """Return what would be done now, by flow."""
        return [(flow, self._planned(flow)) for flow in self._flows]

    def describe(self) -> tuple[str, bool]:
        """Return the plan as text, and whether there is nothing to do."""
        lines: list[str] = []
        up_to_date = True
        for flow, changes in self.changes():
            pending = [change for change in changes if change.action is not Action.KEEP]
            recorded = flow.store.flow_id(flow.full_name) is not None
            done = not pending and recorded == (self._purpose == "setup")
            up_to_date = up_to_date and done
            lines.append(f"Flow {flow.full_name}: {'up to date' if done else self._purpose}")
            lines += [f"  {change}" for change in changes]
        return "\n".join(lines), up_to_date

    def apply(self, report_to_stdout: bool = False) -> None:
        """Carry the plan out; what is done already is skipped."""
        for flow in self._flows:
            # Several processes may start together; those that wait here find the work done.
            with flow.store.connection.flow_lock(f"{flow.full_name}:setup", wait=True):
                changes = self._planned(flow)
                if self._purpose == "setup":
                    self._set_up(flow, changes, report_to_stdout)
                else:
                    self._drop(flow, changes, report_to_stdout)

    def describe_and_apply(self, report_to_stdout: bool = False) -> None:
        """Print the plan (if asked) and carry it out."""
        text, up_to_date = self.describe()
        if report_to_stdout:
            _print(text)
        if up_to_date:
            if report_to_stdout:
                _print("No setup changes to apply.")
            return
        self.apply(report_to_stdout)

    async def describe_async(self) -> tuple[str, bool]:
        """Do what `describe` does, without blocking the loop."""
        return await asyncio.to_thread(self.describe)

    async def apply_async(self, report_to_stdout: bool = False) -> None:
        """Do what `apply` does, without blocking the loop."""
        await asyncio.to_thread(self.apply, report_to_stdout)

    async def describe_and_apply_async(self, *, report_to_stdout: bool = False) -> None:
        """Do what `describe_and_apply` does, without blocking the loop."""
        await asyncio.to_thread(self.describe_and_apply, report_to_stdout)

    def _planned(self, flow: Flow) -> list[ResourceChange]:
        flow_id = flow.store.flow_id(flow.full_name)
        if self._purpose == "drop":
            return plan_drop(flow.store, flow_id)
        return plan_setup(flow.store, flow_id, flow.graph, flow.name, flow.namespace)

    def _set_up(self, flow: Flow, changes: list[ResourceChange], report: bool) -> None:
        flow_id = flow.store.add_flow(flow.full_name, flow.describe())
        clear_for(flow.store, flow_id, changes)
        for change in changes:
            if report and change.action is not Action.KEEP:
                _print(f"{flow.full_name}: {change}")
            apply_change(flow.store, flow_id, change)

    def _drop(self, flow: Flow, changes: list[ResourceChange], report: bool) -> None:
        flow_id = flow.store.flow_id(flow.full_name)
        if flow_id is None:
            return
        for change in changes:
            if report:
                _print(f"{flow.full_name}: {change}")
            try:
                apply_change(flow.store, flow_id, change)
            except Exception as error:
                if not flow.settings.ignore_target_drop_failures:
                    raise
                _log.warning("Dropping %s failed and is ignored: %s", change.description, error)
        flow.store.remove_flow(flow_id)


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
