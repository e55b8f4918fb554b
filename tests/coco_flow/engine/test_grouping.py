"""Group-by and join over collected rows, kept up to date group by group."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import coco_flow
from coco_flow import reducers
from coco_flow.errors import DefinitionError
from tests.flow_parts import MemorySource, MemoryTarget, flow_state, rows_of, table_of


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    with flow_state(tmp_path):
        yield


@dataclass
class Word:
    word: str
    size: int


@coco_flow.op.function(behavior_version=1)
def split_words(text: str) -> list[Word]:
    return [Word(word, len(word)) for word in text.split()]


@dataclass
class Pair:
    key: str
    value: str


@coco_flow.op.function(behavior_version=1)
def split_pairs(text: str) -> list[Pair]:
    return [Pair(*part.split("=")) for part in text.split()]


reduced: list[str] = []


@coco_flow.op.function(behavior_version=1)
def files_of(rows: list[dict[str, Any]]) -> str:
    names = sorted({str(row["filename"]) for row in rows})
    reduced.append(",".join(names))
    return ",".join(names)


def _count_flow(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
    scope["docs"] = builder.add_source(MemorySource(name="docs"))
    words = scope.add_collector()
    with scope["docs"].row() as doc:
        doc["words"] = doc["content"].transform(split_words)
        with doc["words"].row() as word:
            words.collect(word=word["word"], size=word["size"], filename=doc["filename"])
    groups = words.group_by("word")
    scope["by_word"] = groups
    totals = groups.reduce(
        n=reducers.count(), size=reducers.sum_of("size"), files=files_of,
        longest=reducers.max_of("size"), all=reducers.list_of("filename"),
    )  # fmt: skip
    totals.export("totals", MemoryTarget(name="totals"), primary_key_fields=["word"])


def _expected() -> dict[tuple[str], tuple[object, ...]]:
    counted = Counter(word for text in rows_of("docs").texts.values() for word in text.split())
    return {
        (word,): (
            n, n * len(word),
            ",".join(sorted(k for k, t in rows_of("docs").texts.items() if word in t.split())),
            len(word),
        )
        for word, n in counted.items()
    }  # fmt: skip


def _totals() -> dict[tuple[str], tuple[object, ...]]:
    return {key: row[:4] for key, row in table_of("totals").rows.items()}  # type: ignore[misc]


def test_groups_follow_every_edit_and_only_those_touched_are_reduced() -> None:
    rows_of("docs")["a"] = "to be or not to be"
    rows_of("docs")["b"] = "be quick"
    flow = coco_flow.open_flow("Count", _count_flow)
    flow.setup()
    assert flow.update().stats["by_word"] == {"num_insertions": 5}
    assert _totals() == _expected()
    assert sorted(table_of("totals").rows["be",][4]) == ["a", "a", "b"]
    reduced.clear()
    rows_of("docs")["b"] = "be slow"
    info = flow.update()
    assert _totals() == _expected()
    # "be" keeps its row of b; "quick" is gone, "slow" is new.
    assert reduced == ["b"]
    assert info.stats["by_word"] == {"num_insertions": 1, "num_deletions": 1}
    del rows_of("docs")["b"]
    flow.update()
    assert _totals() == _expected()
    reduced.clear()
    flow.update()
    assert reduced == []


def test_many_random_edits_agree_with_counting_anew() -> None:
    chance = random.Random(5)
    rows_of("docs")["0"] = "w"
    flow = coco_flow.open_flow("Count", _count_flow)
    flow.setup()
    for _ in range(60):
        for _ in range(chance.randint(1, 3)):
            name = str(chance.randint(0, 5))
            if chance.random() < 0.3 and len(rows_of("docs").texts) > 1:
                rows_of("docs").texts.pop(name, None)
            else:
                rows_of("docs")[name] = " ".join(chance.choices("uvwxyz", k=chance.randint(0, 4)))
        flow.update(allow_empty=True)
        assert _totals() == _expected()


def test_rows_of_a_group_can_be_processed_like_any_table() -> None:
    rows_of("docs")["a"] = "x y x"

    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["docs"] = builder.add_source(MemorySource(name="docs"))
        words, out = scope.add_collector(), scope.add_collector()
        with scope["docs"].row() as doc:
            doc["words"] = doc["content"].transform(split_words)
            with doc["words"].row() as word:
                words.collect(word=word["word"], filename=doc["filename"])
        scope["groups"] = words.group_by("word")
        with scope["groups"].row() as group, group["rows"].row() as row:
            out.collect(id=coco_flow.GeneratedField.UUID, word=group["word"], f=row["filename"])
        out.export("out", MemoryTarget(name="out"), primary_key_fields=["id"])

    flow = coco_flow.open_flow("Rows", define)
    flow.setup()
    flow.update()
    assert sorted(table_of("out").rows.values()) == [("x", "a"), ("x", "a"), ("y", "a")]


@pytest.mark.parametrize("how", ["inner", "left", "full"])
def test_joins_follow_both_sides(how: coco_flow.flow.grouping.JoinKind) -> None:
    rows_of("orders")["o1"] = "alice=book bob=pen"
    rows_of("orders")["o2"] = "eve=cup"
    rows_of("people")["p1"] = "alice=Rome bob=Oslo zoe=Bern"

    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        sides = {}
        for side, field in (("orders", "item"), ("people", "city")):
            scope[side] = builder.add_source(MemorySource(name=side))
            sides[side] = scope.add_collector()
            with scope[side].row() as doc:
                doc["pairs"] = doc["content"].transform(split_pairs)
                with doc["pairs"].row() as pair:
                    sides[side].collect(person=pair["key"], **{field: pair["value"]})
        joined = sides["orders"].join(sides["people"], on="person", how=how)
        joined.export("j", MemoryTarget(name="j"), primary_key_fields=["person"])

    flow = coco_flow.open_flow("Join", define)
    flow.setup()
    flow.update()
    both = {("alice",): ("book", "Rome"), ("bob",): ("pen", "Oslo")}
    left = {("eve",): ("cup", None)} if how != "inner" else {}
    right = {("zoe",): (None, "Bern")} if how == "full" else {}
    assert table_of("j").rows == {**both, **left, **right}
    rows_of("people")["p1"] = "alice=Paris eve=Bonn"
    flow.update()
    assert table_of("j").rows[("alice",)] == ("book", "Paris")
    assert table_of("j").rows[("eve",)] == ("cup", "Bonn")
    assert (("bob",) in table_of("j").rows) == (how != "inner")
    assert ("zoe",) not in table_of("j").rows


def test_mistakes_are_named_when_the_flow_is_built() -> None:
    rows_of("docs")["a"] = "x"

    def define(mistake: str) -> coco_flow.Flow:
        def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
            scope["docs"] = builder.add_source(MemorySource(name="docs"))
            words = scope.add_collector()
            with scope["docs"].row() as doc:
                words.collect(word=doc["content"], filename=doc["filename"])
            if mistake == "field":
                words.group_by("wrod")
            elif mistake == "reducer":
                words.group_by("word").reduce(x=reducers.sum_of("filename"))
            else:
                words.join(words, on="word")

        return coco_flow.open_flow(f"M_{mistake}", body)

    with pytest.raises(DefinitionError, match="'wrod' is not collected"):
        _ = define("field").graph
    with pytest.raises(DefinitionError, match=r"sum_of.'filename'. needs a number, got Str"):
        _ = define("reducer").graph
    with pytest.raises(DefinitionError, match="Both sides of the join have the field"):
        _ = define("join").graph
