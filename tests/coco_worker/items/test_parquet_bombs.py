"""Parquet files that are small and decode to much, or whose footers lie."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coco_core.errors import CocoError, InvalidInput, Unreadable
from coco_core.parquet_footer import footer_bytes, read_counts
from coco_server.domain.item_count import count_items
from coco_worker.items import parquet_decoder
from coco_worker.items.item import Item, ItemLimits, Outcome, Rejection, RejectionReason
from coco_worker.items.read import read_items
from tests.hostile_parquet import bomb_of_a_vector, bomb_of_equal_texts, bomb_of_nulls, parquet

LIMITS = ItemLimits(dimension=3, decoder_bytes=100 << 20)


def read(data: bytes, limits: ItemLimits = LIMITS) -> list[Outcome]:
    return list(read_items(io.BytesIO(data), "parquet", limits))  # type: ignore[arg-type]


@pytest.mark.parametrize("bomb", [bomb_of_equal_texts, bomb_of_a_vector, bomb_of_nulls])
def test_a_small_file_that_decodes_to_much_is_refused(bomb: Callable[[], bytes]) -> None:
    data = bomb()
    assert len(data) < 100_000
    process = psutil.Process()
    before = process.memory_info().rss
    with pytest.raises(Unreadable, match=r"needs more than 100 MiB|stopped its decoder"):
        read(data)
    assert process.memory_info().rss - before < 50 << 20
    decoders = [each for each in process.children() if parquet_decoder.__name__ in each.cmdline()]
    assert not decoders


def test_what_a_small_file_decodes_to_is_bounded_in_all() -> None:
    data = bomb_of_equal_texts(60)
    limits = ItemLimits(dimension=3, decoded_bytes=50_000_000)
    with pytest.raises(Unreadable, match="decodes to more than"):
        read(data, limits)
    assert len(read(data, ItemLimits(dimension=3))) == 60


def test_a_row_that_is_too_large_costs_only_itself() -> None:
    content = ["x", "y" * 40_000_000, "z"]
    data = parquet({"doc_id": ["a", "b", "c"], "content": content})
    found = read(data, ItemLimits(dimension=3))
    assert [type(each) for each in found] == [Item, Rejection, Item]
    assert isinstance(found[1], Rejection) and found[1].reason is RejectionReason.TOO_LARGE


def test_a_row_that_cannot_be_read_costs_only_itself() -> None:
    ids = pa.array([b"a", b"\xff\xfe", b"c"]).view(pa.string())
    found = read(parquet({"doc_id": ids, "content": ["x", "y", "z"]}))
    assert [type(each) for each in found] == [Item, Rejection, Item]
    assert isinstance(found[1], Rejection) and found[1].reason is RejectionReason.WRONG_TYPE


@pytest.mark.parametrize("meta", [[1], [{"a": 1}], ["x"]])
def test_meta_that_is_a_list_costs_only_its_item(meta: list[object]) -> None:
    data = parquet({"doc_id": ["a"], "content": ["x"], "meta": [meta], "verified": [True]})
    (found,) = read(data)
    assert isinstance(found, Rejection) and "meta" in found.message


def thrift(rows: int, groups: list[int]) -> bytes:
    """A footer with nothing but numbers of rows."""

    def number(value: int) -> bytes:
        zigzag = ((value << 1) ^ (value >> 63)) & (2**64 - 1)
        out = bytearray()
        while zigzag > 127:
            out.append(zigzag & 127 | 128)
            zigzag >>= 7
        return bytes([*out, zigzag])

    assert len(groups) < 15
    each = b"".join(b"\x36" + number(group) + b"\x00" for group in groups)
    return b"\x36" + number(rows) + bytes([0x19, len(groups) << 4 | 12]) + each + b"\x00"


@pytest.mark.parametrize(
    ("rows", "groups", "said"),
    [
        (-100_000, [-100_000], "negative"),
        (-1, [], "negative"),
        (5, [10, -5], "negative"),
        (5, [4], "5 rows by its footer, and 4"),
        (2**40, [2**40], "at most"),
        (5_000, [5_000], "rows in 1000 bytes"),
    ],
)
def test_counts_that_cannot_be_are_refused(rows: int, groups: list[int], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read_counts(thrift(rows, groups), 1000)


def test_counts_are_those_of_the_library() -> None:
    data = parquet(
        {"doc_id": [str(n) for n in range(100)], "content": ["x"] * 100}, row_group_size=7
    )
    length = footer_bytes(data[-8:], len(data))
    meta = pq.read_metadata(io.BytesIO(data))
    counts = read_counts(data[-8 - length : -8], len(data))
    assert (counts.rows, counts.groups) == (meta.num_rows, meta.num_row_groups) == (100, 15)
    assert count_items(io.BytesIO(data), "parquet") == 100  # type: ignore[arg-type]


@given(data=st.binary(max_size=300), tail=st.booleans())
def test_no_footer_breaks_the_count(data: bytes, tail: bool) -> None:
    file = data + len(data).to_bytes(4, "little") + b"PAR1" if tail else data
    with contextlib.suppress(InvalidInput):
        assert count_items(io.BytesIO(file), "parquet") >= 0  # type: ignore[arg-type]


SOUND = parquet(
    {
        "doc_id": [f"d{number}" for number in range(50)],
        "content": [f"text {number % 3}" for number in range(50)],
        "vector": [[1.0, 2.0, float(number)] for number in range(50)],
        "tags": [["a", "b"]] * 50,
        "meta": [{"x": number} for number in range(50)],
    },
    row_group_size=20,
    store_schema=True,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    changes=st.lists(
        st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), min_size=1, max_size=6
    ),
    cut=st.integers(0, 20),
)
def test_a_damaged_file_is_read_or_refused(changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(SOUND[cut:])
    for place, byte in changes:
        data[place % len(data)] = byte
    try:
        read(bytes(data))
    except CocoError as error:
        assert isinstance(error, Unreadable | InvalidInput) and error.hint
