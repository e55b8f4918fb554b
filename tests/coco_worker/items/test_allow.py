"""Allow lists of items: what is taken from each format, and what is refused."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from coco_core.errors import InvalidInput
from coco_worker.items.heads import DocumentHeads
from coco_worker.items.item import Item, ItemLimits, Rejection, RejectionReason
from tests.coco_worker.items.test_read import encoded, parquet, read

LARGE = ItemLimits(dimension=3)
ANN_OPS = ("group:ops", "user:ann")


def allowed(outcome: object) -> tuple[str, ...] | None:
    assert isinstance(outcome, Item)
    return outcome.allow


@pytest.mark.parametrize(
    ("allow", "expected"),
    [
        (None, None),
        ({}, ()),
        ({"users": []}, ()),
        ({"users": ["ann"], "groups": ["ops"]}, ANN_OPS),
        ({"groups": ["ops", "ops"]}, ("group:ops",)),
        ({"users": ["Ann", "ann"], "groups": None}, ("user:Ann", "user:ann")),
        # A user is not a group of the same name.
        ({"users": ["ops"]}, ("user:ops",)),
        ({"users": ["group:ops"]}, ("user:group:ops",)),
    ],
)
def test_a_list_names_users_and_groups(allow: Any, expected: tuple[str, ...] | None) -> None:
    whole = {"doc_id": "a", "content": "x", "allow": allow}
    in_chunks = {"doc_id": "b", "chunks": [{"content": "x"}], "allow": allow}
    found = read(encoded([whole, in_chunks], "ndjson"), "ndjson")
    assert [allowed(each) for each in found] == [expected, expected]


@pytest.mark.parametrize(
    ("allow", "named"),
    [
        ([], "object"),
        ("ann", "object"),
        (True, "object"),
        ({"user": ["ann"]}, "'user'"),
        ({"users": "ann"}, "allow.users"),
        ({"users": [1]}, "allow.users"),
        ({"groups": [""]}, "allow.groups"),
        ({"groups": [" ops"]}, "space"),
        ({"groups": ["o\nps"]}, "control"),
        ({"groups": ["o\0ps"]}, "control"),
        ({"groups": ["x" * 201]}, "200"),
        ({"users": [f"u{number}" for number in range(1001)]}, "1000"),
    ],
)
def test_a_wrong_list_costs_its_item(allow: object, named: str) -> None:
    items = [
        {"doc_id": "a", "content": "x"},
        {"doc_id": "b", "content": "x", "allow": allow},
        {"doc_id": "c", "content": "x"},
    ]
    first, wrong, last = read(encoded(items, "ndjson"), "ndjson", LARGE)
    assert isinstance(first, Item)
    assert isinstance(last, Item)
    assert isinstance(wrong, Rejection)
    assert wrong.reason == RejectionReason.WRONG_ALLOW
    assert named in wrong.message


@pytest.mark.parametrize("chunk", [{"content": "x", "allow": {"users": ["ann"]}}])
def test_a_chunk_has_no_list_of_its_own(chunk: dict[str, object]) -> None:
    (found,) = read(encoded([{"doc_id": "a", "chunks": [chunk]}], "json"), "json")
    assert isinstance(found, Rejection)
    assert found.reason == RejectionReason.UNKNOWN_FIELD


def test_parquet_has_the_list_nested_or_in_two_columns() -> None:
    nested = pa.struct([("users", pa.list_(pa.string())), ("groups", pa.list_(pa.string()))])
    lists = [{"users": ["ann"], "groups": ["ops"]}, None, {"users": None, "groups": None}]
    ids = pa.array(["a", "b", "c"])
    content = pa.array(["x", "y", "z"])
    table = pa.table({"doc_id": ids, "content": content, "allow": pa.array(lists, nested)})
    assert [allowed(each) for each in read(parquet(table), "parquet")] == [ANN_OPS, None, ()]
    columns = {
        "allow_users": pa.array([["ann"], None, []], pa.list_(pa.string())),
        "allow_groups": pa.array([["ops"], None, None], pa.list_(pa.string())),
    }
    flat = pa.table({"doc_id": ids, "content": content, **columns})
    assert [allowed(each) for each in read(parquet(flat), "parquet")] == [ANN_OPS, None, ()]
    text = pa.array(['{"users": ["ann"], "groups": ["ops"]}', None, "{}"])
    table = pa.table({"doc_id": ids, "content": content, "allow": text})
    assert [allowed(each) for each in read(parquet(table), "parquet")] == [ANN_OPS, None, ()]
    both = pa.table({"doc_id": ids, "content": content, "allow": text, **columns})
    with pytest.raises(InvalidInput, match="one of its parts"):
        read(parquet(both), "parquet")


def test_a_document_in_several_items_has_one_list() -> None:
    items = [
        {"doc_id": "a", "ordinal": 0, "content": "x", "allow": {"users": ["ann"]}},
        {"doc_id": "a", "ordinal": 1, "content": "x", "allow": {"users": ["ann"]}},
        {"doc_id": "a", "ordinal": 2, "content": "x"},
        {"doc_id": "a", "ordinal": 3, "content": "x", "allow": {}},
        {"doc_id": "b", "ordinal": 0, "content": "x"},
        {"doc_id": "b", "ordinal": 1, "content": "x", "allow": {}},
    ]
    found = read(encoded(items, "ndjson"), "ndjson")
    reasons = [each.reason if isinstance(each, Rejection) else None for each in found]
    wrong = RejectionReason.WRONG_ALLOW
    assert reasons == [None, None, wrong, wrong, None, wrong]


def test_the_next_item_brings_the_row_that_a_rejected_one_would_have() -> None:
    """Or the document's chunks would have no list, and be shown to everybody."""
    items = [
        {"doc_id": "a", "ordinal": number, "content": "x", "allow": {"users": ["ann"]}}
        for number in range(3)
    ]
    first, second, third = read(encoded(items, "ndjson"), "ndjson")
    assert isinstance(first, Item)
    assert isinstance(second, Item)
    assert isinstance(third, Item)
    heads = DocumentHeads()
    heads.after_rule(first, Rejection(0, RejectionReason.RULE_FAILED, "failed", "a"))
    assert heads.brought_by(second)
    brought = heads.after_rule(second, second)
    assert isinstance(brought, Item)
    assert brought.first
    after = heads.after_rule(third, third)
    assert isinstance(after, Item)
    assert not after.first
