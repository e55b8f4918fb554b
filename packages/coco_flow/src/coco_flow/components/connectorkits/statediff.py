"""Differences of states: the write that leads from what may exist to what is declared.

After an interrupted write, several states may be there: each record in `prev` is possible, and
with `prev_may_be_missing` so is the absence of all.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable
from typing import Generic, Literal, NamedTuple, TypeAlias, TypeVar

import msgspec

from coco_flow.components.connectorkits.target import ManagedBy
from coco_flow.components.sentinel import NON_EXISTENCE, NonExistenceType, is_non_existence

__all__ = [
    "CompositeTrackingRecord",
    "DiffAction",
    "ManagedBy",
    "MutualTrackingRecord",
    "TrackingRecordTransition",
    "diff",
    "diff_composite",
    "resolve_system_transition",
]

RecordT = TypeVar("RecordT")
MainT = TypeVar("MainT")
SubKeyT = TypeVar("SubKeyT", bound=Hashable)
SubT = TypeVar("SubT")

DiffAction: TypeAlias = Literal["insert", "upsert", "replace", "delete"]
"""insert: nothing is there; upsert: nothing or the same; replace: something else may be there."""


class CompositeTrackingRecord(
    msgspec.Struct, Generic[MainT, SubKeyT, SubT], frozen=True, array_like=True
):
    """A record of a main part and keyed parts that can change one by one."""

    main: MainT
    sub: dict[SubKeyT, SubT]


class MutualTrackingRecord(msgspec.Struct, Generic[RecordT], frozen=True, array_like=True):
    """A record and who manages the resource."""

    tracking_record: RecordT
    managed_by: ManagedBy


class TrackingRecordTransition(NamedTuple, Generic[RecordT]):
    """The wanted record, the ones that may be there, and whether there may be none."""

    desired: RecordT | NonExistenceType
    prev: Collection[RecordT]
    prev_may_be_missing: bool


def resolve_system_transition(
    t: TrackingRecordTransition[MutualTrackingRecord[RecordT]], /
) -> TrackingRecordTransition[RecordT] | None:
    """Reduce a transition to what the system manages, or return None if there is nothing to do.

    A resource of the user is left alone, and so is an unwanted one that may be the user's.
    """
    ours = [p.tracking_record for p in t.prev if p.managed_by == ManagedBy.SYSTEM]
    if is_non_existence(t.desired):
        if not t.prev or len(ours) < len(t.prev):
            return None
        return TrackingRecordTransition(NON_EXISTENCE, ours, t.prev_may_be_missing)
    if t.desired.managed_by == ManagedBy.USER:
        return None
    return TrackingRecordTransition(t.desired.tracking_record, ours, t.prev_may_be_missing)


def diff(t: TrackingRecordTransition[RecordT] | None, /) -> DiffAction | None:
    """Return the write that leads to the wanted state, or None if it is there already."""
    if t is None:
        return None
    if is_non_existence(t.desired):
        return "delete" if t.prev else None
    if any(p != t.desired for p in t.prev):
        return "replace"
    if not t.prev_may_be_missing:
        return None
    return "upsert" if t.prev else "insert"


def diff_composite(
    t: TrackingRecordTransition[CompositeTrackingRecord[RecordT, SubKeyT, SubT]] | None, /
) -> tuple[DiffAction | None, dict[SubKeyT, TrackingRecordTransition[SubT]]]:
    """Return the write for the main part, and the transition of each keyed part."""
    if t is None:
        return None, {}
    if is_non_existence(t.desired):
        return ("delete" if t.prev else None), {}
    desired = t.desired
    action = diff(
        TrackingRecordTransition(desired.main, [p.main for p in t.prev], t.prev_may_be_missing)
    )
    # Replacing the main part may take the parts with it.
    unsure = t.prev_may_be_missing or action == "replace"
    transitions: dict[SubKeyT, TrackingRecordTransition[SubT]] = {}
    for key in dict.fromkeys(key for record in (*t.prev, desired) for key in record.sub):
        before = [record.sub[key] for record in t.prev if key in record.sub]
        transitions[key] = TrackingRecordTransition(
            desired.sub.get(key, NON_EXISTENCE), before, unsure or len(before) < len(t.prev)
        )
    return action, transitions
