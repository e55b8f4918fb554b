"""Sources that users write: listings, values, keys, ordinals, events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

import coco_flow
from coco_flow import op
from coco_flow.errors import DefinitionError
from tests.coco_flow.flow.doc_flow import doc_flow
from tests.coco_flow.flow.event_source import EventSource, feed_of, forget_feeds
from tests.flow_parts import MemoryTarget, flow_state, table_of
from tests.waiting import until


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    forget_feeds()
    with flow_state(tmp_path):
        yield


@dataclass
class Page:
    content: str


class Pages(op.SourceSpec):
    """Pages, with or without their content in the listing."""

    inline: bool = False
    kind: str = "sync"


class PageStore:
    """What the source has, and what was asked of it."""

    texts: ClassVar[dict[str, str]] = {}
    versions: ClassVar[dict[str, int]] = {}
    digests: ClassVar[dict[str, bytes]] = {}
    asked: ClassVar[list[str]] = []

    @classmethod
    def put(cls, key: str, text: str, version: int) -> None:
        cls.texts[key], cls.versions[key] = text, version


@pytest.fixture(autouse=True)
def store() -> None:
    for kept in (PageStore.texts, PageStore.versions, PageStore.digests, PageStore.asked):
        kept.clear()


@op.source_connector(spec_cls=Pages, key_type=str, value_type=Page)
class PagesConnector:
    def __init__(self, spec: Pages) -> None:
        self._spec = spec

    @staticmethod
    async def create(spec: Pages) -> PagesConnector:
        return PagesConnector(spec)

    def provides_ordinal(self) -> bool:
        return not self._spec.inline

    def list(self, options: op.SourceReadOptions) -> Any:
        assert options.include_ordinal or self._spec.inline
        return self._rows_later() if self._spec.kind == "async" else self._rows()

    def _rows(self) -> Iterator[op.PartialSourceRow[str, Page]]:
        for key, text in PageStore.texts.items():
            data: op.PartialSourceRowData[Page] = (
                op.PartialSourceRowData(Page(text))
                if self._spec.inline
                else op.PartialSourceRowData(
                    ordinal=PageStore.versions[key], content_version_fp=PageStore.digests.get(key)
                )
            )
            yield op.PartialSourceRow(key, data)

    async def _rows_later(self) -> AsyncIterator[op.PartialSourceRow[str, Page]]:
        for row in self._rows():
            yield row

    async def get_value(
        self, key: str, options: op.SourceReadOptions
    ) -> op.PartialSourceRowData[Page]:
        assert options.include_value
        PageStore.asked.append(key)
        if key not in PageStore.texts:
            return op.PartialSourceRowData(value=op.NON_EXISTENCE)
        return op.PartialSourceRowData(
            Page(PageStore.texts[key]), PageStore.versions[key], PageStore.digests.get(key)
        )


def _pages_flow(function: Any = None, **spec: Any) -> coco_flow.Flow:
    return doc_flow(function, source=Pages(**spec), key="_key")


@pytest.mark.row("RG-5 custom source")
@pytest.mark.row("OP-7 custom source")
def test_values_in_the_listing_are_used_and_others_fetched_once() -> None:
    PageStore.put("a", "one", 1)
    PageStore.put("b", "two", 1)
    flow = _pages_flow(inline=True)
    flow.setup()
    assert flow.update().stats == {"docs": {"num_insertions": 2}}
    PageStore.put("a", "uno", 2)
    assert flow.update().stats == {"docs": {"num_updates": 1, "num_no_change": 1}}
    assert PageStore.asked == []
    assert table_of("t").rows == {("a",): ("uno",), ("b",): ("two",)}
    flow.drop()
    flow.close()
    flow = _pages_flow()
    flow.setup()
    flow.update()
    assert sorted(PageStore.asked) == ["a", "b"]
    PageStore.asked.clear()
    PageStore.put("b", "due", 2)
    flow.update()
    flow.update()
    assert PageStore.asked == ["b"]
    assert table_of("t").rows == {("a",): ("uno",), ("b",): ("due",)}


@pytest.mark.row("RG-5 NON_EXISTENCE")
@pytest.mark.row("OP-7 custom source")
def test_a_row_that_is_said_not_to_exist_is_deleted() -> None:
    feed = feed_of("docs")
    feed.put("a", "one", 1)
    feed.put("b", "two", 1)
    flow = doc_flow(source=EventSource(name="docs"), key="_key")
    flow.setup()
    flow.update()
    # The listing still has the row, as that of a service that lags behind.
    del feed.texts["a"]
    feed.ordinals["a"] = 2
    assert flow.update().stats == {"docs": {"num_deletions": 1, "num_no_change": 1}}
    assert table_of("t").rows == {("b",): ("two",)}


@dataclass(frozen=True)
class Place:
    country: str
    number: int


class Places(op.SourceSpec):
    """Rows with a key of two parts."""


@op.source_connector(spec_cls=Places, key_type=Place, value_type=Page)
class PlacesConnector:
    asked: ClassVar[list[Place]] = []

    @staticmethod
    def create(spec: Places) -> PlacesConnector:
        return PlacesConnector()

    def list(self) -> list[op.PartialSourceRow[Place, Page]]:
        return [
            op.PartialSourceRow(Place("at", 1), op.PartialSourceRowData(ordinal=1)),
            op.PartialSourceRow(Place("at", 2), op.PartialSourceRowData(ordinal=1)),
        ]

    def get_value(self, key: Place) -> op.PartialSourceRowData[Page]:
        self.asked.append(key)
        return op.PartialSourceRowData(Page(f"{key.country} {key.number}"), ordinal=1)


@pytest.mark.row("RG-5 composite key")
def test_a_key_of_two_parts_gives_two_fields() -> None:
    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["places"] = builder.add_source(Places())
        out = scope.add_collector()
        with scope["places"].row() as place:
            out.collect(country=place["country"], number=place["number"], content=place["content"])
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["country", "number"])

    flow = coco_flow.open_flow("Places", define)
    fields = flow.describe()["sources"][0]["fields"]
    assert [(f["name"], f["key"], f["type"]["type"]["kind"]) for f in fields] == [
        ("country", True, "Str"), ("number", True, "Int64"), ("content", False, "Str"),
    ]  # fmt: skip
    flow.setup()
    flow.update()
    assert sorted(PlacesConnector.asked, key=lambda key: key.number) == [
        Place("at", 1),
        Place("at", 2),
    ]
    assert table_of("t").rows == {("at", 1): ("at 1",), ("at", 2): ("at 2",)}


@pytest.mark.row("RG-5 async list")
def test_an_asynchronous_listing_is_like_any_other() -> None:
    for number in range(600):
        PageStore.put(f"{number}", f"text {number}", 1)
    flow = _pages_flow(kind="async")
    flow.setup()
    assert flow.update().stats == {"docs": {"num_insertions": 600}}
    assert table_of("t").rows["599",] == ("text 599",)
    del PageStore.texts["0"]
    PageStore.put("600", "new", 1)
    assert flow.update().stats == {
        "docs": {"num_insertions": 1, "num_deletions": 1, "num_no_change": 599}
    }


@pytest.mark.row("SR-5 content_version_fp")
def test_a_newer_version_with_the_digest_of_old_is_not_even_read() -> None:
    calls: list[str] = []

    @op.function(behavior_version=1)
    def upper(text: str) -> str:
        calls.append(text)
        return text.upper()

    PageStore.put("a", "one", 1)
    PageStore.digests["a"] = b"digest of one"
    flow = _pages_flow(upper)
    flow.setup()
    flow.update()
    PageStore.put("a", "one", 2)
    assert flow.update().stats == {"docs": {"num_no_change": 1}}
    assert (PageStore.asked, calls) == (["a"], ["one"])
    PageStore.put("a", "two", 3)
    PageStore.digests["a"] = b"digest of two"
    assert flow.update().stats == {"docs": {"num_updates": 1}}
    assert calls == ["one", "two"]


@pytest.mark.row("INC-10c newer update wins")
@pytest.mark.row("SR-5 ordinal guard")
@pytest.mark.row("INC-3 ordinal check")
def test_an_older_version_that_arrives_late_changes_nothing() -> None:
    feed = feed_of("docs")
    feed.put("a", "version 6", 6)
    flow = doc_flow(source=EventSource(name="docs"), key="_key")
    flow.setup()
    flow.update()
    feed.put("a", "version 5", 5)
    assert flow.update().stats == {"docs": {"num_no_change": 1}}
    assert feed.reads == ["a"], "the listing alone shows that it is older"
    with coco_flow.FlowLiveUpdater(flow) as updater:
        updater.next_status_updates()
        # With events there is no listing that could show it.
        feed.send(["a"])
        until(lambda: len(feed.reads) == 2)
        updater.next_status_updates()
        assert table_of("t").rows == {("a",): ("version 6",)}
        feed.put("a", "version 7", 7)
        feed.send(["a"])
        until(lambda: table_of("t").rows == {("a",): ("version 7",)})
    feed.put("a", "version 6", 6)
    flow.update()
    assert table_of("t").rows == {("a",): ("version 7",)}, "the guard still knows 7"


class Twice(op.SourceSpec):
    """Rows in the order of `TwiceConnector.rows`, some keys more than once."""


@op.source_connector(spec_cls=Twice, key_type=str, value_type=Page)
class TwiceConnector:
    rows: ClassVar[list[tuple[str, str]]] = []

    @staticmethod
    def create(spec: Twice) -> TwiceConnector:
        return TwiceConnector()

    def list(self) -> Iterator[op.PartialSourceRow[str, Page]]:
        for key, text in self.rows:
            yield op.PartialSourceRow(key, op.PartialSourceRowData(Page(text)))

    def get_value(self, key: str) -> op.PartialSourceRowData[Page]:
        raise AssertionError("values are in the listing")


@pytest.mark.slow
@pytest.mark.row("SR-1 duplicate keys")
@pytest.mark.parametrize("between", [0, 700])
@pytest.mark.parametrize("in_threads", [False, True])
def test_a_key_that_is_listed_twice_is_reported_each_time(between: int, in_threads: bool) -> None:
    @op.function(behavior_version=1)
    async def same(text: str) -> str:
        return text

    others = [(f"{number}", "x") for number in range(between)]
    TwiceConnector.rows = [("a", "first"), *others, ("a", "second"), ("b", "only")]
    flow = doc_flow(same if in_threads else None, source=Twice(), key="_key")
    flow.setup()
    assert flow.update().stats["docs"] == {"num_insertions": between + 2, "num_errors": 1}
    assert table_of("t").rows["a",] == ("first",)
    flow_id = flow.store.flow_id("F") or 0
    (error,) = flow.store.errors(flow_id)
    assert "'docs' lists the key ('a',) more than once" in error.message
    assert flow.update().stats["docs"]["num_errors"] == 1, "known rows are watched as well"
    assert table_of("t").rows["a",] == ("first",)
    TwiceConnector.rows.remove(("a", "second"))
    assert not flow.update().has_errors
    assert flow.store.errors(flow_id) == []
    assert flow.update().stats["docs"] == {"num_no_change": between + 2}


def test_a_connector_without_its_methods_is_refused() -> None:
    class Lost(op.SourceSpec):
        pass

    with pytest.raises(DefinitionError, match=r"get_value\(\) is required for 'LostConnector'"):

        @op.source_connector(spec_cls=Lost, key_type=str, value_type=Page)
        class LostConnector:
            @staticmethod
            def create(spec: Lost) -> LostConnector:
                return LostConnector()

            def list(self) -> list[Any]:
                return []
