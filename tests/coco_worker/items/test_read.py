from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coco_core.errors import InvalidInput, Unreadable
from coco_worker.items.item import Item, ItemLimits, Outcome, Rejection, RejectionReason
from coco_worker.items.read import ItemFormat, read_items
from coco_worker.items.scan import JsonScanner

LIMITS = ItemLimits(dimension=3, content_bytes=1000, item_bytes=4000)


class Dripping(io.BytesIO):
    """Gives few bytes a read, so that every boundary falls somewhere."""

    def __init__(self, data: bytes, most: int) -> None:
        super().__init__(data)
        self.most = most

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(self.most, size) if size and size > 0 else self.most)


def read(
    data: bytes, kind: ItemFormat, limits: ItemLimits = LIMITS, most: int = 1 << 20
) -> list[Outcome]:
    return list(read_items(Dripping(data, most), kind, limits))  # type: ignore[arg-type]


def encoded(rows: Iterable[object], kind: ItemFormat) -> bytes:
    if kind == "ndjson":
        return b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    return json.dumps({"project_id": "p", "items": list(rows), "more": [1, {"a": "]"}]}).encode()


def parquet(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def reasons(outcomes: list[Outcome]) -> list[RejectionReason | None]:
    return [each.reason if isinstance(each, Rejection) else None for each in outcomes]


# One broken item between two sound ones: what is wrong, and what the message must name.
BROKEN: list[tuple[dict[str, Any] | list[int] | str | None, RejectionReason, str]] = [
    ({"content": "x"}, RejectionReason.MISSING_FIELD, "doc_id"),
    ({"doc_id": "b"}, RejectionReason.MISSING_FIELD, "content"),
    ({"doc_id": "b", "content": None}, RejectionReason.MISSING_FIELD, "content"),
    ({"doc_id": "b", "content": 5}, RejectionReason.WRONG_TYPE, "a number"),
    ({"doc_id": 7, "content": "x"}, RejectionReason.WRONG_TYPE, "doc_id"),
    ({"doc_id": "b\0", "content": "x"}, RejectionReason.WRONG_TYPE, "NUL"),
    ({"doc_id": "b" * 2000, "content": "x"}, RejectionReason.TOO_LARGE, "2000"),
    ({"doc_id": "b", "content": " \n"}, RejectionReason.EMPTY, "content"),
    ({"doc_id": "b", "content": "ä" * 501}, RejectionReason.TOO_LARGE, "1002"),
    ({"doc_id": "b", "content": "x", "path": "/etc"}, RejectionReason.UNKNOWN_FIELD, "path"),
    ({"doc_id": "b", "content": "x", "symbol": "f"}, RejectionReason.UNKNOWN_FIELD, "ordinal"),
    (
        {"doc_id": "b", "content": "x", "vector": [1, 2]},
        RejectionReason.WRONG_DIMENSION,
        "2 numbers",
    ),
    (
        {"doc_id": "b", "content": "x", "vector": [[1, 2, 3]]},
        RejectionReason.WRONG_DIMENSION,
        "shape",
    ),
    (
        {"doc_id": "b", "content": "x", "vector": [1, 2, float("nan")]},
        RejectionReason.NOT_FINITE,
        "",
    ),
    (
        {"doc_id": "b", "content": "x", "vector": [1, 2, float("inf")]},
        RejectionReason.NOT_FINITE,
        "",
    ),
    ({"doc_id": "b", "content": "x", "vector": [1, 2, 1e300]}, RejectionReason.NOT_FINITE, ""),
    ({"doc_id": "b", "content": "x", "vector": [0, 0, 0]}, RejectionReason.ZERO_VECTOR, ""),
    ({"doc_id": "b", "content": "x", "vector": ["a", 2, 3]}, RejectionReason.WRONG_TYPE, "vector"),
    ({"doc_id": "b", "content": "x", "vector": ["1", 2, 3]}, RejectionReason.WRONG_TYPE, "vector"),
    ({"doc_id": "b", "content": "x", "vector": [True, 2, 3]}, RejectionReason.WRONG_TYPE, "vector"),
    ({"doc_id": "b", "content": "x", "vector": [None, 2, 3]}, RejectionReason.WRONG_TYPE, "vector"),
    ({"doc_id": "b", "content": "x", "ordinal": -1}, RejectionReason.WRONG_TYPE, "ordinal"),
    (
        {"doc_id": "b", "content": "x", "ordinal": 1, "kind": "poem"},
        RejectionReason.WRONG_TYPE,
        "poem",
    ),
    ({"doc_id": "b", "content": "x", "language": "klingon"}, RejectionReason.WRONG_TYPE, "klingon"),
    (
        {"doc_id": "b", "content": "x", "meta": {"quality_score": 2}},
        RejectionReason.WRONG_TYPE,
        "0 to 1",
    ),
    (
        {"doc_id": "b", "content": "x", "meta": {"verified": 1}},
        RejectionReason.WRONG_TYPE,
        "verified",
    ),
    ({"doc_id": "b", "content": "x", "meta": {"tags": "a"}}, RejectionReason.WRONG_TYPE, "tags"),
    (
        {"doc_id": "b", "content": "x", "meta": {"own": [{"x": float("nan")}]}},
        RejectionReason.NOT_FINITE,
        "meta",
    ),
    (
        {"doc_id": "b", "content": "x", "meta": {"own": float("-inf")}},
        RejectionReason.NOT_FINITE,
        "meta",
    ),
    (
        {"doc_id": "b", "content": "x", "source_ref": "/etc/passwd"},
        RejectionReason.WRONG_TYPE,
        "absolute",
    ),
    (
        {"doc_id": "b", "content": "x", "source_ref": "docs/a.md"},
        RejectionReason.WRONG_TYPE,
        "a path",
    ),
    (
        {"doc_id": "b", "content": "x", "source_ref": "kb%3Aa"},
        RejectionReason.WRONG_TYPE,
        "encoded",
    ),
    ({"doc_id": "b", "chunks": []}, RejectionReason.WRONG_TYPE, "chunks"),
    ({"doc_id": "b", "chunks": [{"content": "x"}, {}]}, RejectionReason.MISSING_FIELD, "chunks[1]"),
    (
        {"doc_id": "b", "chunks": [{"content": "x", "ordinal": 1}, {"content": "y"}]},
        RejectionReason.DUPLICATE,
        "ordinal",
    ),
    ({"doc_id": "b", "content": "x", "chunks": []}, RejectionReason.UNKNOWN_FIELD, "beside chunks"),
    ({"doc_id": "a", "content": "again"}, RejectionReason.DUPLICATE, "'a'"),
    ({"doc_id": "a", "content": "again", "ordinal": 0}, RejectionReason.DUPLICATE, "'a'"),
    ([1, 2], RejectionReason.WRONG_TYPE, "a list"),
    ("text", RejectionReason.WRONG_TYPE, "a text"),
    (None, RejectionReason.WRONG_TYPE, "nothing"),
]


@pytest.mark.parametrize("kind", ["json", "ndjson"])
@pytest.mark.parametrize(("broken", "reason", "named"), BROKEN)
def test_a_broken_item_costs_only_itself(
    kind: ItemFormat, broken: object, reason: RejectionReason, named: str
) -> None:
    sound = {"doc_id": "a", "content": "one"}, {"doc_id": "z", "content": "two"}
    outcomes = read(encoded([sound[0], broken, sound[1]], kind), kind)
    assert reasons(outcomes) == [None, reason, None]
    rejection = outcomes[1]
    assert isinstance(rejection, Rejection)
    assert rejection.index == 1
    assert named in rejection.message


def test_a_whole_item_keeps_everything() -> None:
    raw = {
        "doc_id": "guide/a.md",
        "content": "text",
        "title": "A",
        "source_ref": "kb:one",
        "language": "markdown",
        "meta": {"quality_score": 0.5, "verified": True, "tags": ["x"], "own": {"k": 1}},
    }
    (item,) = read(encoded([raw], "ndjson"), "ndjson")
    assert isinstance(item, Item)
    assert (item.doc_id, item.content, item.title) == ("guide/a.md", "text", "A")
    assert (item.source_ref, item.language, item.parts) == ("kb:one", "markdown", ())
    assert (item.meta.quality_score, item.meta.verified, item.meta.tags) == (0.5, True, ("x",))
    assert item.meta.extra == {"own": {"k": 1}}


def test_chunks_arrive_flat_or_nested() -> None:
    rows = [
        {"doc_id": "a", "content": "one", "vector": [3, 0, 4], "ordinal": 2, "symbol": "f"},
        {"doc_id": "a", "content": "two", "ordinal": 5},
        {"doc_id": "b", "chunks": [{"content": "x", "vector": [0, 0, 2]}, {"content": "y"}]},
        {"doc_id": "c", "content": "single", "vector": [1, 0, 0]},
    ]
    items = [each for each in read(encoded(rows, "json"), "json") if isinstance(each, Item)]
    assert [[part.ordinal for part in item.parts] for item in items] == [[2], [5], [0, 1], [0]]
    first = items[0].parts[0]
    assert first.vector is not None and items[1].parts[0].vector is None
    np.testing.assert_allclose(first.vector, [0.6, 0, 0.8], atol=1e-6)
    assert first.chunk.symbol == "f"


def test_text_that_the_database_cannot_hold_is_mended() -> None:
    (item,) = read(b'{"doc_id": "a", "content": "x\\u0000y\\ud800z"}', "ndjson")
    assert isinstance(item, Item)
    assert item.content == "x\ufffdy\ufffdz"


def test_a_line_that_is_no_json_costs_only_itself() -> None:
    data = b'\xef\xbb\xbf{"doc_id":"a","content":"x"}\r\n\n{"doc_id":\n{"doc_id":"b","content":"y"}'
    outcomes = read(data, "ndjson")
    assert reasons(outcomes) == [None, RejectionReason.NOT_JSON, None]
    assert [each.index for each in outcomes] == [0, 1, 2]


def test_an_element_that_is_no_json_costs_only_itself() -> None:
    data = b'[{"doc_id":"a","content":"x"}, {"doc_id": 01}, {"doc_id":"b","content":"y"}]'
    assert reasons(read(data, "json")) == [None, RejectionReason.NOT_JSON, None]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[1 2]",
        b'[{"doc_id":"a","content":"x"}',
        b'[{"doc_id":"a","content":"x}]',
        b'[{"doc_id":"a","content":"x\\',
        b"[] []",
        b'{"item": []}',
        b'{"items": {}}',
        b'{"items": [],}',
        b'{"items" []}',
        b"[,]",
    ],
)
def test_a_broken_array_is_told(data: bytes) -> None:
    with pytest.raises(Unreadable):
        read(data, "json")


@pytest.mark.parametrize("kind", ["json", "ndjson"])
def test_an_oversize_item_is_skipped_without_being_held(kind: ItemFormat) -> None:
    class Endless(io.RawIOBase):
        """A small item, one of 60 MB that is made up piece by piece, and a small one."""

        def __init__(self) -> None:
            self.pieces = iter(
                [
                    (b"[" if kind == "json" else b"") + b'{"doc_id":"a","content":"x"}',
                    (b"," if kind == "json" else b"\n") + b'{"doc_id":"b","content":"',
                    *[b"y" * 1_000_000] * 60,
                    b'"}' + (b"," if kind == "json" else b"\n"),
                    b'{"doc_id":"c","content":"z"}' + (b"]" if kind == "json" else b""),
                ]
            )

        def read(self, size: int = -1, /) -> bytes:
            return next(self.pieces, b"")

    tracemalloc.start()
    outcomes = list(read_items(Endless(), kind, LIMITS))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reasons(outcomes) == [None, RejectionReason.TOO_LARGE, None]
    # The test's own million bytes, and what one piece needs while it is cut.
    assert peak < 8_000_000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(st.lists(JSON, max_size=5), st.integers(1, 9), st.booleans(), st.sampled_from([None, 2]))
def test_the_scanner_finds_what_a_parser_finds(
    values: list[Any], most: int, ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(values, ensure_ascii=ascii_only, indent=indent)
    file = Dripping(text.encode("utf-8", "surrogatepass"), most)
    scanner = JsonScanner(lambda: file.read(100), what="It")
    scanner.expect(b"[")
    found = []
    while scanner.peek() not in (b"]", b""):
        data = scanner.value(10_000)
        assert data is not None
        found.append(json.loads(data.decode("utf-8", "surrogatepass")))
        if scanner.peek() == b",":
            scanner.expect(b",")
    scanner.expect(b"]")
    assert found == values


VECTORS = {
    "list<float>": pa.list_(pa.float32()),
    "list<double>": pa.list_(pa.float64()),
    "large_list<float>": pa.large_list(pa.float32()),
    "list<int>": pa.list_(pa.int64()),
}


@pytest.mark.parametrize("kind", VECTORS.values(), ids=VECTORS.keys())
def test_parquet_rows_are_judged_one_by_one(kind: pa.DataType) -> None:
    table = pa.table(
        {
            "doc_id": ["a", "b", None, "d", "e", "f"],
            "content": ["one", "two", "three", None, "five", "six"],
            "vector": pa.array([[1, 0, 0], None, [0, 1, 0], [0, 0, 1], [1, 1], [0, 0, 5]], kind),
            "quality_score": [0.1, None, None, None, None, 0.6],
            "tags": pa.array([["x"], None, [], [], [], ["y", "z"]], pa.list_(pa.string())),
        }
    )
    outcomes = read(parquet(table, row_group_size=2), "parquet")
    missing = RejectionReason.MISSING_FIELD
    assert reasons(outcomes) == [
        None,
        None,
        missing,
        missing,
        RejectionReason.WRONG_DIMENSION,
        None,
    ]
    first, second, last = outcomes[0], outcomes[1], outcomes[5]
    assert isinstance(first, Item) and isinstance(second, Item) and isinstance(last, Item)
    assert second.parts == () and second.content == "two"
    assert last.parts[0].vector is not None
    np.testing.assert_array_equal(last.parts[0].vector, np.array([0, 0, 1], np.float32))
    assert (last.meta.quality_score, last.meta.tags) == (0.6, ("y", "z"))


def test_parquet_with_vectors_of_fixed_size() -> None:
    kind = pa.list_(pa.float32(), 3)
    vectors = pa.array([[1, 0, 0], None, [0, float("nan"), 0], [0, None, 1], [0, 0, 9]], kind)
    ids = [f"d{number}" for number in range(5)]
    table = pa.table({"doc_id": ids, "content": ["x"] * 5, "vector": vectors})
    outcomes = read(parquet(table), "parquet")
    refused = RejectionReason.NOT_FINITE
    assert reasons(outcomes) == [None, None, refused, refused, None]
    last = outcomes[4]
    assert isinstance(last, Item) and last.parts[0].vector is not None
    np.testing.assert_array_equal(last.parts[0].vector, np.array([0, 0, 1], np.float32))


def test_parquet_keeps_meta_in_every_shape() -> None:
    for meta in (
        pa.array([{"own": "v", "verified": True}]),
        pa.array(['{"own": "v", "verified": true}']),
    ):
        table = pa.table({"doc_id": ["a"], "content": ["x"], "meta": meta})
        (item,) = read(parquet(table), "parquet")
        assert isinstance(item, Item)
        assert (item.meta.verified, item.meta.extra) == (True, {"own": "v"})


def test_what_parquet_has_and_json_does_not_is_kept_as_json_or_refused() -> None:
    """Both were taken, and the database refused the whole batch."""
    when = datetime(2026, 11, 30, tzinfo=UTC)
    meta = pa.array([{"own": when, "x": 1.0}, {"own": when, "x": float("nan")}])
    table = pa.table({"doc_id": ["a", "b"], "content": ["x", "y"], "meta": meta})
    kept, refused = read(parquet(table), "parquet")
    assert isinstance(kept, Item)
    assert kept.meta.extra == {"own": "2026-11-30T00:00:00+00:00", "x": 1.0}
    assert reasons([refused]) == [RejectionReason.NOT_FINITE]


def test_parquet_with_an_unknown_or_missing_column_is_refused() -> None:
    unknown = pa.table({"doc_id": ["a"], "content": ["x"], "file_path": ["/etc/passwd"]})
    with pytest.raises(InvalidInput, match="file_path"):
        read(parquet(unknown), "parquet")
    with pytest.raises(InvalidInput, match="columns doc_id"):
        read(parquet(pa.table({"doc_id": ["a"]})), "parquet")


def test_what_is_no_parquet_is_told() -> None:
    sound = parquet(pa.table({"doc_id": ["a"] * 1000, "content": ["x" * 50] * 1000}))
    for data in (b"", b"PAR1", sound[: len(sound) // 2], b"[]" * 1000):
        with pytest.raises(Unreadable, match="Parquet"):
            read(data, "parquet")


@pytest.mark.slow
def test_duplicates_are_found_far_apart() -> None:
    rows = [{"doc_id": f"d{number % 40_000}", "content": "x"} for number in range(50_000)]
    outcomes = read(encoded(rows, "ndjson"), "ndjson")
    assert reasons(outcomes) == [None] * 40_000 + [RejectionReason.DUPLICATE] * 10_000
