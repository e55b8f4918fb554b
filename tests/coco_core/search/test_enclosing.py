"""The definition that a line lies in, and whether it still stands there."""

from __future__ import annotations

import pytest

from coco_core.chunking import chunk_document
from coco_core.configs import DEFAULT_CONFIG
from coco_core.search.enclosing import (
    head_lines,
    innermost,
    missing_heads,
    outer_paths,
    stands_at,
)
from coco_core.search.pieces import Lines
from coco_core.types import ChunkKind, Definition

SOURCE = '''"""Module."""

LIMIT = 3

class Cart:
    """A cart."""

    size = 0

    def add(
        self,
        item,
    ):
        def inner():
            return item

        return inner()

    @property
    def total(self):
        return 1
'''
LINES = SOURCE.split("\n")
DOCUMENT = chunk_document("cart.py", SOURCE.encode(), DEFAULT_CONFIG.chunking)
DEFINITIONS = [each for chunk in DOCUMENT.chunks for each in chunk.definitions]


@pytest.mark.parametrize(
    ("line", "path"),
    [(1, None), (3, None), (5, "Cart"), (8, "Cart"), (10, "Cart.add"), (12, "Cart.add"),
     (15, "Cart.add.inner"), (17, "Cart.add"), (19, "Cart"), (20, "Cart.total")],
)  # fmt: skip
def test_the_innermost_definition_around_a_line(line: int, path: str | None) -> None:
    found = innermost(line, DEFINITIONS)
    assert (found.path if found else None) == path
    if found is not None:
        assert found.line <= line <= found.end_line


def test_a_definition_without_a_known_end_encloses_nothing() -> None:
    assert innermost(4, [Definition("run", ChunkKind.FUNCTION, 3)]) is None


def around(definition: Definition, lines: list[str]) -> bool:
    first, last = head_lines(definition)
    return stands_at(definition, lines[first - 1 : last], first)


def test_every_head_stands_where_the_parser_says() -> None:
    assert all(around(each, LINES) for each in DEFINITIONS)


def test_a_head_that_moved_or_changed_does_not_stand() -> None:
    add = next(each for each in DEFINITIONS if each.path == "Cart.add")
    assert not around(add, [line.replace("item,", "thing,") for line in LINES])
    assert not around(add, LINES[:4])
    short = Definition("x", ChunkKind.FUNCTION, 2, 3)
    assert not around(short, ["y = 1", "y = 2"])


def test_a_heading_stands_whatever_marks_its_words() -> None:
    heading = Definition(
        "pay-by-card", ChunkKind.SECTION, 1, 9, "Pay by card", "Shop > Pay by card"
    )
    assert around(heading, ["## Pay by **card**", "text"])
    assert not around(heading, ["## Pay in cash", "text"])


def test_later_pieces_get_the_heads_of_what_they_begin_in() -> None:
    pieces = [Lines(5, 6), Lines(12, 12), Lines(15, 15), Lines(20, 21)]
    found = missing_heads(pieces, lambda line: innermost(line, DEFINITIONS))
    assert found == [10, 14]


def test_paths_around_a_path() -> None:
    assert outer_paths("a.b.c") == {"a", "a.b", "a.b.c"}
    assert outer_paths("") == set()
