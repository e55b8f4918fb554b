"""Counts the rows that the next update would process, and why, without processing any."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from coco_flow.engine.changes import is_unchanged
from coco_flow.engine.exports import ExportPlan, compile_export
from coco_flow.engine.grouping import GroupConnector
from coco_flow.engine.listing import listings
from coco_flow.engine.plan import logic_digest
from coco_flow.setup.plan import Action, plan_setup
from coco_flow.state.store import (
    ATTENTION_DIRTY,
    ATTENTION_FAILED,
    ATTENTION_UNSETTLED,
    StoredRow,
)
from coco_flow.types.codec import pack_key

if TYPE_CHECKING:
    from coco_flow.flow.flow import Flow
    from coco_flow.graph.model import Source
    from coco_flow.ports import ListedRow

__all__ = ["PendingRows", "Reason", "pending_rows"]

# Combinations of earlier targets that are tried to distinguish a changed target from changed logic.
_MOST_COMBINATIONS = 256


class Reason(StrEnum):
    """Why a row would be processed; where several hold, the first of this order."""

    NEW = "new"
    GONE = "gone"
    FAILED = "failed before"
    UNFINISHED = "unfinished"
    TARGET = "target changed"
    LOGIC = "logic changed"
    SHARED_KEY = "shared key free"
    TOKEN = "changed token"  # noqa: S105 - no password
    YOUNG_TOKEN = "young token"  # noqa: S105 - no password
    ASKED = "asked for"


@dataclass(frozen=True, slots=True)
class PendingRows:
    """What the next update would do with one source's rows.

    Attributes:
        known: Rows that earlier updates processed.
        unchanged: Rows that would not be processed, as far as the listing shows.
        rows: Numbers of rows to process by reason. Behind a changed token the content may turn out
            to be what it was, which only reading it shows.
        listed: Whether the source was listed; otherwise new, gone and changed rows are not counted.
        follows: Whether the rows are groups of collected rows, which change with those.
    """

    source: str
    known: int
    unchanged: int
    rows: dict[Reason, int] = field(default_factory=dict)
    listed: bool = True
    follows: bool = False

    @property
    def total(self) -> int:
        """The number of rows to process."""
        return sum(self.rows.values())

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "source": self.source,
            "known": self.known,
            "unchanged": self.unchanged,
            "rows": {reason.value: number for reason, number in self.rows.items()},
            "total": self.total,
            "listed": self.listed,
            "follows": self.follows,
        }


def pending_rows(flow: Flow, *, list_sources: bool, process_all: bool = False) -> list[PendingRows]:
    """Return what the next update would do, after pending set-up changes are applied.

    Args:
        flow: The flow.
        list_sources: Compare with the sources as they are now; otherwise only what the state
            shows is counted, which is fast.
        process_all: Count for an update with an option to process every row.
    """
    flow_id = flow.store.flow_id(flow.full_name)
    exports = _exports_after_setup(flow, flow_id)
    known = flow.store.sources(flow_id) if flow_id is not None else {}
    counted = [
        _Counting(flow, source, known.get(source.name), exports, process_all).counted(list_sources)
        for source in flow.graph.sources
    ]
    names = {source.name for source in flow.graph.sources}
    removed = [(name, flow.store.count_rows(known[name])) for name in known if name not in names]
    return [*counted, *(PendingRows(name, n, 0, {Reason.GONE: n}) for name, n in removed if n)]


def _exports_after_setup(flow: Flow, flow_id: int | None) -> list[ExportPlan]:
    """Compile the exports as they will be; a target that is yet to be made has the id 0."""
    resources = {r.id: r for r in flow.store.resources(flow_id)} if flow_id is not None else {}
    changes = plan_setup(flow.store, flow_id, flow.graph, flow.name, flow.namespace)
    numbers: dict[str, tuple[int, int]] = {}
    for change in changes:
        if change.action in (Action.KEEP, Action.ALTER) and change.resource_id is not None:
            epoch = resources[change.resource_id].epoch + change.rows_lost
            numbers[change.name] = (change.resource_id, epoch)
    return [
        compile_export(flow.graph, export, *numbers.get(export.name, (0, 0)))
        for export in flow.graph.exports
    ]


class _Counting:
    """Counts one source's rows."""

    def __init__(
        self,
        flow: Flow,
        source: Source,
        source_id: int | None,
        exports: Sequence[ExportPlan],
        process_all: bool,
    ) -> None:
        self._graph = flow.graph
        self._store = flow.store
        self._source = source
        self._source_id = source_id
        self._exports = exports
        self._process_all = process_all
        self._logic = logic_digest(flow.graph, source, exports)
        self._reasons: dict[bytes, Reason] = {}
        self._follows = isinstance(source.connector, GroupConnector)

    def counted(self, list_source: bool) -> PendingRows:
        known = 0 if self._source_id is None else self._store.count_rows(self._source_id)
        listed = list_source and not self._follows
        counts = self._by_listing(known) if listed else self._by_state()
        unchanged = counts.pop(None, 0)
        rows = {reason: counts[reason] for reason in Reason if counts[reason]}
        return PendingRows(
            self._source.name, known, unchanged, rows, listed=listed, follows=self._follows
        )

    def _by_state(self) -> Counter[Reason | None]:
        counts: Counter[Reason | None] = Counter()
        if self._source_id is None:
            return counts
        for state in self._store.count_rows_by_state(self._source_id):
            row = StoredRow(0, None, None, None, state.logic, state.attention, state.staged)
            reason = self._reason_in_state(row)
            if reason is None and self._process_all:
                reason = Reason.ASKED
            counts[reason] += state.number
        return counts

    def _by_listing(self, known: int) -> Counter[Reason | None]:
        counts: Counter[Reason | None] = Counter()
        found = 0
        for batch in listings(self._source.connector):
            encoded = [pack_key(row.key) for row in batch]
            stored = {} if self._source_id is None else self._store.rows(self._source_id, encoded)
            found += len(stored)
            counts.update(
                self._reason(row, stored.get(key)) for row, key in zip(batch, encoded, strict=True)
            )
        counts[Reason.GONE] = known - found
        return counts

    def _reason(self, listed: ListedRow, stored: StoredRow | None) -> Reason | None:
        if stored is None:
            return Reason.NEW
        reason = self._reason_in_state(stored)
        if reason is not None:
            return reason
        if is_unchanged(listed, stored, self._logic):
            return Reason.ASKED if self._process_all else None
        is_same = listed.token is not None and listed.token == stored.token
        young = is_same and bool(stored.attention & ATTENTION_UNSETTLED)
        return Reason.YOUNG_TOKEN if young else Reason.TOKEN

    def _reason_in_state(self, stored: StoredRow) -> Reason | None:
        """Return the reason that the state alone gives for a row."""
        if stored.attention & ATTENTION_FAILED:
            return Reason.FAILED
        if stored.staged or stored.logic is None:
            return Reason.UNFINISHED
        if stored.logic != self._logic:
            if stored.logic not in self._reasons:
                self._reasons[stored.logic] = self._reason_of_logic(stored.logic)
            return self._reasons[stored.logic]
        return Reason.SHARED_KEY if stored.attention & ATTENTION_DIRTY else None

    def _reason_of_logic(self, logic: bytes) -> Reason:
        """Distinguish changed targets from changed logic, for rows processed by other logic."""
        assert self._source_id is not None
        current = {plan.resource_id for plan in self._exports}
        written = self._store.targets_of_logic(self._source_id, logic)
        replaced = [number for number in written if number not in current]
        choices = [_earlier_forms(plan, replaced) for plan in self._exports]
        for forms in itertools.islice(itertools.product(*choices), _MOST_COMBINATIONS):
            exports = [form for form in forms if form is not None]
            if logic_digest(self._graph, self._source, exports) == logic:
                return Reason.TARGET
        return Reason.LOGIC


def _earlier_forms(plan: ExportPlan, replaced: Sequence[int]) -> list[ExportPlan | None]:
    """Return what an export may have been before: the same, with fewer losses, replaced, absent."""
    return list(_forms(plan, replaced))


def _forms(plan: ExportPlan, replaced: Sequence[int]) -> Iterator[ExportPlan | None]:
    yield plan
    if plan.epoch:
        yield replace(plan, epoch=plan.epoch - 1)
    for number in replaced:
        yield replace(plan, resource_id=number, epoch=0)
        yield replace(plan, resource_id=number, epoch=1)
    yield None
