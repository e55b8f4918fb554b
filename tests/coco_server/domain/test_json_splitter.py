"""The items of a body, however it is cut into pieces, against a parser that reads it whole."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coco_core.errors import BodyTooLarge, InvalidInput
from coco_server.domain.item_count import count_items
from coco_server.domain.json_splitter import ItemsSplitter

LEAVES = st.text(alphabet='ab"\\{}[]\n,:é', max_size=12) | st.integers() | st.booleans()
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
ITEMS = st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=3), max_size=5)


@pytest.mark.slow
@given(
    before=st.dictionaries(st.text(max_size=6).filter(lambda name: name != "items"), VALUES),
    items=ITEMS,
    after=st.dictionaries(st.text(max_size=6).map(lambda name: f"{name}z"), VALUES),
    ascii_only=st.booleans(),
    indent=st.none() | st.just(1),
    cuts=st.lists(st.integers(1, 40), min_size=1, max_size=20),
)
def test_any_body_in_any_pieces(
    before: dict[str, Any],
    items: list[Any],
    after: dict[str, Any],
    ascii_only: bool,
    indent: int | None,
    cuts: list[int],
) -> None:
    # A name on both sides keeps its first place in a mapping, which would move nothing here.
    body = {**{k: v for k, v in before.items() if k not in after}, "items": items, **after}
    data = json.dumps(body, ensure_ascii=ascii_only, indent=indent).encode()
    splitter, out, place, turn = ItemsSplitter(), b"", 0, 0
    while place < len(data):
        size = cuts[turn % len(cuts)]
        out += splitter.feed(data[place : place + size])
        place, turn = place + size, turn + 1
    assert json.loads(out) == items
    assert splitter.items == len(items)
    rest = {name: value for name, value in body.items() if name != "items"}
    assert splitter.head() == rest
    assert count_items(io.BytesIO(out), "json") == len(items)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"items": [{"a": 1}', "is truncated within its items"),
        (b'{"items": []', "not valid JSON"),
        (b"[]", "no JSON object"),
        (b'{"idempotency_key": "\\ud800", "items": []}', "surrogates not allowed"),
        (b"", "not valid JSON"),
        (b'{"items": [], "items": [{}]}', "twice"),
    ],
)
def test_a_broken_body_is_told(body: bytes, message: str) -> None:
    splitter = ItemsSplitter()
    with pytest.raises(InvalidInput, match=message):
        splitter.feed(body)
        splitter.head()


def test_content_beside_the_items_is_refused_before_it_is_kept() -> None:
    splitter = ItemsSplitter()
    with pytest.raises(BodyTooLarge, match="around its items"):
        splitter.feed(b'{"content": "' + b"x" * 2_000_000)


def test_lines_that_are_not_empty_are_counted() -> None:
    for data, count in ((b"", 0), (b"\n\n", 0), (b"{}", 1), (b"{}\n", 1), (b"{}\r\n\r\n{}", 2)):
        assert count_items(io.BytesIO(data), "ndjson") == count  # type: ignore[arg-type]
