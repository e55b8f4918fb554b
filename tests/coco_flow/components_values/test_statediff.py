from __future__ import annotations

from typing import Any

import pytest

from coco_flow.components.connectorkits.statediff import (
    CompositeTrackingRecord,
    ManagedBy,
    MutualTrackingRecord,
    TrackingRecordTransition,
    diff,
    diff_composite,
    resolve_system_transition,
)
from coco_flow.components.sentinel import NON_EXISTENCE


@pytest.mark.parametrize(
    ("desired", "previous", "may_be_missing", "action"),
    [
        (NON_EXISTENCE, [], True, None),
        (NON_EXISTENCE, ["a"], False, "delete"),
        ("a", [], True, "insert"),
        ("a", ["a"], False, None),
        ("a", ["a"], True, "upsert"),
        ("a", ["a", "b"], False, "replace"),
        ("a", ["b"], True, "replace"),
    ],
)
def test_the_write_follows_from_what_may_be_there(
    desired: Any, previous: list[str], may_be_missing: bool, action: str | None
) -> None:
    assert diff(TrackingRecordTransition(desired, previous, may_be_missing)) == action


def mutual(record: str, managed_by: ManagedBy) -> MutualTrackingRecord[str]:
    return MutualTrackingRecord(record, managed_by)


def test_what_the_user_manages_is_left_alone() -> None:
    ours, theirs = mutual("a", ManagedBy.SYSTEM), mutual("a", ManagedBy.USER)
    assert resolve_system_transition(TrackingRecordTransition(theirs, [ours], False)) is None
    gone = TrackingRecordTransition(NON_EXISTENCE, [ours, theirs], False)
    assert resolve_system_transition(gone) is None
    taken_over = resolve_system_transition(TrackingRecordTransition(ours, [theirs], False))
    assert taken_over == TrackingRecordTransition("a", [], False)


def composite(main: str, **sub: int) -> CompositeTrackingRecord[str, str, int]:
    return CompositeTrackingRecord(main, sub)


def test_parts_change_one_by_one_unless_the_whole_is_replaced() -> None:
    before = composite("m", kept=1, changed=1, dropped=1)
    after = composite("m", kept=1, changed=2, added=1)
    action, parts = diff_composite(TrackingRecordTransition(after, [before], False))
    assert action is None
    assert {name: diff(part) for name, part in parts.items()} == {
        "kept": None,
        "changed": "replace",
        "dropped": "delete",
        "added": "insert",
    }
    other = composite("n", kept=1)
    action, parts = diff_composite(TrackingRecordTransition(other, [before], False))
    assert action == "replace"
    assert diff(parts["kept"]) == "upsert"


def test_a_part_that_one_of_two_possible_records_lacks_may_be_missing() -> None:
    possible = [composite("m", a=1), composite("m")]
    action, parts = diff_composite(TrackingRecordTransition(composite("m", a=1), possible, False))
    assert action is None
    assert diff(parts["a"]) == "upsert"
