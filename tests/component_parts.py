"""Targets in memory for tests of components: contents to look at, and faults on demand."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal, NamedTuple

from coco_flow import components as coco

__all__ = ["Action", "MemoryTables", "MemoryTarget"]

_names = itertools.count()


class Action(NamedTuple):
    """A write to a target; the value is NON_EXISTENCE for a removal."""

    key: Any
    value: Any


class _Handler:
    """Reconciles states that are plain values, with the value as the tracking record."""

    def __init__(self, apply: Callable[[Any, Sequence[Action]], None]) -> None:
        self._sink = coco.TargetActionSink.from_fn(apply)
        self.seen: list[tuple[Any, list[Any], bool]] = []

    def reconcile(
        self,
        key: Any,
        desired: Any,
        records: Collection[Any],
        may_be_missing: bool,
        /,
    ) -> coco.TargetReconcileOutput[Action, Any, None] | None:
        self.seen.append((key, list(records), may_be_missing))
        if coco.is_non_existence(desired):
            if not records:
                return None
        elif not may_be_missing and all(record == desired for record in records):
            return None
        return coco.TargetReconcileOutput(Action(key, desired), self._sink, desired)


class MemoryTarget:
    """A target with states by key.

    Attributes:
        contents: The states as they are.
        batches: The actions as the sink got them.
        broken: Keys whose actions fail, after those before them were applied.
        before: Called with each batch before it is applied.
    """

    def __init__(self) -> None:
        self.contents: dict[Any, Any] = {}
        self.batches: list[list[Action]] = []
        self.broken: set[Any] = set()
        self.before: Callable[[list[Action]], None] = lambda _: None
        self._lock = threading.Lock()
        self.handler = _Handler(self._apply)
        self._provider = coco.register_root_target_states_provider(
            f"coco_flow_tests/memory{next(_names)}", self.handler
        )

    def declare(self, key: Any, value: Any) -> None:
        """Declare a state."""
        coco.declare_target_state(self._provider.target_state(key, value))

    def actions(self) -> list[Action]:
        """Return the actions so far, and forget them."""
        with self._lock:
            found = [action for batch in self.batches for action in batch]
            self.batches.clear()
        return found

    def _apply(self, _: Any, actions: Sequence[Action]) -> None:
        self.before(list(actions))
        with self._lock:
            self.batches.append(list(actions))
            for key, value in actions:
                if key in self.broken:
                    raise OSError(f"the target refuses {key!r}")
                if coco.is_non_existence(value):
                    self.contents.pop(key, None)
                else:
                    self.contents[key] = value


class _TableAction(NamedTuple):
    name: str
    layout: Any


class MemoryTables:
    """A target of tables with rows inside: a table is made anew when its layout changes.

    Attributes:
        tables: Rows by table and key.
        invalidation: What a change of the layout does to the rows.
    """

    def __init__(self) -> None:
        self.tables: dict[str, dict[Any, Any]] = {}
        self.invalidation: Literal["destructive", "lossy"] | None = "destructive"
        self._sink: coco.TargetActionSink[_TableAction, Any] = coco.TargetActionSink.from_fn(
            self._apply, child_handler=self._rows_of
        )
        self._provider = coco.register_root_target_states_provider(
            f"coco_flow_tests/tables{next(_names)}", self
        )

    def table(self, name: str, layout: Any = None) -> coco.TargetState[Any]:
        """Return the state of a table, for `mount_target`."""
        return self._provider.target_state(name, layout)

    def reconcile(
        self, key: Any, desired: Any, records: Collection[Any], may_be_missing: bool, /
    ) -> coco.TargetReconcileOutput[_TableAction, Any, _Handler] | None:
        if coco.is_non_existence(desired):
            if not records:
                return None
            return coco.TargetReconcileOutput(_TableAction(key, desired), self._sink, desired)
        changed = bool(records) and any(record != desired for record in records)
        return coco.TargetReconcileOutput(
            _TableAction(key, desired),
            self._sink,
            desired,
            self.invalidation if changed else None,
        )

    def _apply(self, _: Any, actions: Sequence[_TableAction]) -> None:
        for name, layout in actions:
            if coco.is_non_existence(layout):
                self.tables.pop(name, None)
            else:
                self.tables.setdefault(name, {})

    def _rows_of(self, _: Any, action: _TableAction) -> _Handler:
        def apply(_: Any, actions: Sequence[Action]) -> None:
            rows = self.tables[action.name]
            for key, value in actions:
                if coco.is_non_existence(value):
                    rows.pop(key, None)
                else:
                    rows[key] = value

        return _Handler(apply)
