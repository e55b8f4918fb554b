"""The changes that set-up or removal would make: shown, confirmed, carried out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from coco_flow.cli.confirm import confirmed
from coco_flow.cli.figures import count
from coco_flow.flow.pending import PendingRows, Reason, pending_rows
from coco_flow.setup.bundle import SetupChangeBundle
from coco_flow.setup.plan import Action, ResourceChange

if TYPE_CHECKING:
    from coco_flow.cli.terminal import Terminal
    from coco_flow.flow.flow import Flow

__all__ = ["SetupPlan", "drop_flows", "pending_line", "prepare_flows", "set_up_flows"]

# What the state knows of rows to process; new and changed ones are found by listing only.
_KNOWN_REASONS = (Reason.FAILED, Reason.UNFINISHED, Reason.TARGET, Reason.LOGIC, Reason.GONE)


class SetupPlan:
    """What is to be done to the targets of some flows.

    Args:
        flows: The flows.
        purpose: What the plan is for.
        list_sources: Compare rows with the sources as they are now, instead of the state alone.
        process_all: Count rows for an update that was asked to process all.
    """

    def __init__(
        self,
        flows: Sequence[Flow],
        purpose: Literal["setup", "drop"],
        *,
        list_sources: bool = False,
        process_all: bool = False,
    ) -> None:
        self.purpose = purpose
        self._bundle = SetupChangeBundle(flows, purpose)
        self.changes = self._bundle.changes()
        self.pending: dict[str, list[PendingRows]] = {}
        if purpose == "setup":
            for flow in flows:
                self.pending[flow.name] = pending_rows(
                    flow, list_sources=list_sources, process_all=process_all
                )

    @property
    def up_to_date(self) -> bool:
        """Whether there is nothing to do."""
        return all(self._is_done(flow, changes) for flow, changes in self.changes)

    @property
    def only_creates(self) -> bool:
        """Whether nothing that exists is touched."""
        harmless = (Action.CREATE, Action.KEEP)
        return all(change.action in harmless for _, changes in self.changes for change in changes)

    def apply(self) -> None:
        """Carry it out."""
        self._bundle.apply()

    def lines(self) -> Iterator[str]:
        """Yield the plan as text."""
        for flow, changes in self.changes:
            done = self._is_done(flow, changes)
            yield f"Flow {flow.full_name}: {self._state(flow, done)}"
            for change in changes:
                yield from _change_lines(change)
            for pending in self.pending.get(flow.name, ()):
                if pending.listed or any(pending.rows.get(reason) for reason in _KNOWN_REASONS):
                    yield f"  {pending_line(pending)}"

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON."""
        return {
            "up_to_date": self.up_to_date,
            "flows": [
                {
                    "name": flow.name,
                    "full_name": flow.full_name,
                    "up_to_date": self._is_done(flow, changes),
                    "changes": [_change_json(change) for change in changes],
                    "rows": [pending.to_json() for pending in self.pending.get(flow.name, ())],
                }
                for flow, changes in self.changes
            ],
        }

    def _is_done(self, flow: Flow, changes: Sequence[ResourceChange]) -> bool:
        pending = any(change.action is not Action.KEEP for change in changes)
        recorded = flow.store.flow_id(flow.full_name) is not None
        return not pending and recorded == (self.purpose == "setup")

    def _state(self, flow: Flow, done: bool) -> str:
        if self.purpose == "drop":
            return "nothing to drop" if done else "to drop"
        if done:
            return "ready"
        return "to create" if flow.store.flow_id(flow.full_name) is None else "to update"


def set_up_flows(
    terminal: Terminal, flows: Sequence[Flow], *, force: bool, must_ask: bool = False
) -> bool:
    """Show what set-up would do, ask, and do it; return False if the answer is no.

    Args:
        terminal: Where to show and ask.
        flows: The flows.
        force: Do not ask.
        must_ask: Refuse, without an answer, also what only creates.
    """
    plan = SetupPlan(flows, "setup")
    if plan.up_to_date:
        return True
    _show(terminal, plan, force=force)
    harmless = plan.only_creates and not must_ask
    if not confirmed(terminal, "Apply these changes?", force=force, harmless=harmless):
        return False
    plan.apply()
    return True


def drop_flows(terminal: Terminal, flows: Sequence[Flow], *, force: bool) -> bool | None:
    """Show what would be removed, ask, and remove it.

    Returns:
        False if the answer is no, None if there is nothing to remove.
    """
    plan = SetupPlan(flows, "drop")
    if plan.up_to_date:
        return None
    _show(terminal, plan, force=force)
    if not confirmed(terminal, "Remove all this, with its rows?", force=force):
        return False
    plan.apply()
    return True


def prepare_flows(
    terminal: Terminal, flows: Sequence[Flow], *, reset: bool, setup: bool, force: bool
) -> bool:
    """Drop and set up flows before they run, as far as a command was asked to.

    Returns:
        False if an answer is no, which is reported.
    """
    agreed = not reset or drop_flows(terminal, flows, force=force) is not False
    # Who agreed to a reset has agreed to what follows from it.
    if agreed and setup:
        agreed = set_up_flows(terminal, flows, force=force or reset)
    if not agreed:
        terminal.note("Aborted: nothing was changed.")
    return agreed


def pending_line(pending: PendingRows) -> str:
    """Return one line about the rows that the next update would process."""
    reasons = ", ".join(f"{number:,} {reason}" for reason, number in pending.rows.items())
    what = f"{pending.source}: {count(pending.total, 'row')} to process"
    if reasons:
        what += f" ({reasons})"
    if pending.follows:
        return f"{what}; its groups follow from the rows that they are made of"
    if pending.listed:
        return f"{what}, {pending.unchanged:,} unchanged"
    return f"{what} of {pending.known:,} known"


def _show(terminal: Terminal, plan: SetupPlan, *, force: bool) -> None:
    if terminal.quiet and force:
        return
    for line in plan.lines():
        terminal.error_line(line)


def _change_lines(change: ResourceChange) -> Iterator[str]:
    yield f"  {change}"
    if change.action is Action.CREATE:
        for name, part in _parts(change.current).items():
            yield f"      {name}: {part}"
    elif change.action in (Action.ALTER, Action.RECREATE):
        before = _flat(next((state for state in change.previous if state is not None), None))
        after = _flat(change.current)
        for path in [*before, *(path for path in after if path not in before)]:
            if before.get(path) != after.get(path):
                if path in before:
                    yield f"      - {path}: {before[path]}"
                if path in after:
                    yield f"      + {path}: {after[path]}"


def _change_json(change: ResourceChange) -> dict[str, Any]:
    return {
        "action": change.action.value,
        "kind": change.kind,
        "name": change.name,
        "description": change.description,
        "rows_lost": change.rows_lost,
        "user_managed": change.user_managed,
        "previous": list(change.previous),
        "current": change.current,
    }


def _parts(state: Any) -> dict[str, str]:
    """Return a target's state in a few lines, by the names of its parts."""
    if not isinstance(state, dict):
        return {}
    shown = {}
    for name, part in state.items():
        flat = _flat(part)
        if flat:
            shown[name] = ", ".join(f"{path} {value}".strip() for path, value in flat.items())
        elif part not in (None, {}, [], False):
            shown[name] = _scalar(part)
    return shown


def _flat(state: Any, prefix: str = "") -> dict[str, str]:
    """Return the values of a JSON state by path; lists of named pairs go by the names."""
    entries: Iterator[tuple[str, Any]]
    if isinstance(state, dict):
        entries = iter(state.items())
    elif isinstance(state, list) and state and all(map(_is_named, state)):
        entries = ((entry[0], entry[1]) for entry in state)
    else:
        return {prefix: _scalar(state)} if prefix and state not in (None, {}, []) else {}
    flat: dict[str, str] = {}
    for name, value in entries:
        flat |= _flat(value, f"{prefix}.{name}" if prefix else str(name))
    return flat


def _is_named(entry: Any) -> bool:
    return isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str)


def _scalar(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
