"""A hit as a model reads it: header, definition, and the lines that answer."""

from __future__ import annotations

from coco_local.client.shown_hit import shown_hit
from coco_local.mcp.format import hit_text
from coco_protocol.docs import ChunkBody, EnclosingBody, Hit, HitMeta, PieceBody


def hit(
    *pieces: tuple[int, str], enclosing: EnclosingBody | None = None, symbol: str = "Cart.add"
) -> Hit:
    chunk = ChunkBody(
        chunk_id="c",
        doc_id="src/cart.py",
        path="src/cart.py",
        language="python",
        kind="method",
        symbol=symbol,
        content="the whole chunk\n",
        start_line=10,
        end_line=60,
    )
    shown = [
        PieceBody(start_line=first, end_line=first + text.count("\n"), content=text)
        for first, text in pieces
    ]
    return Hit(meta=HitMeta(score=1.0), chunk=chunk, pieces=shown, enclosing=enclosing)


def add(start: int) -> EnclosingBody:
    return EnclosingBody(
        symbol="Cart.add",
        kind="method",
        start_line=start,
        end_line=40,
        signature="def add(self, item)",
    )


def test_a_piece_in_the_middle_says_in_which_definition_and_what_is_left_out() -> None:
    text = hit_text(
        shown_hit(hit((20, "    a = 1\n    b = 2"), (30, "    c = 3"), enclosing=add(12)))
    )
    assert text == (
        "--- src/cart.py:20-30 Cart.add\n"
        "in 12-40: def add(self, item)\n"
        "    a = 1\n    b = 2\n…30\n    c = 3\n"
    )


def test_a_piece_that_begins_with_its_definition_does_not_repeat_it() -> None:
    text = hit_text(shown_hit(hit((12, "    def add(self, item):"), enclosing=add(12))))
    assert text == "--- src/cart.py:12-12 Cart.add\n    def add(self, item):\n"


def test_the_name_is_that_of_what_the_lines_lie_in() -> None:
    found = shown_hit(hit((20, "x"), enclosing=add(12), symbol="Cart"))
    assert (found.symbol, found.within) == ("Cart.add", "12-40: def add(self, item)")


def test_a_decorator_above_a_method_needs_no_word_about_its_class() -> None:
    cart = EnclosingBody(
        symbol="Cart", kind="class", start_line=5, end_line=90, signature="class Cart"
    )
    found = shown_hit(hit((18, "    @property\n    def size(self):"), enclosing=cart))
    assert (found.symbol, found.within) == ("Cart.add", "")


def test_a_section_is_named_with_what_it_is_part_of() -> None:
    section = EnclosingBody(
        symbol="Pay", kind="section", start_line=3, end_line=9, signature="Shop > Pay"
    )
    found = shown_hit(hit((5, "By card."), enclosing=section, symbol=""))
    assert (found.symbol, found.within) == ("Shop > Pay", "")


def test_a_hit_without_pieces_shows_its_chunk() -> None:
    assert hit_text(shown_hit(hit())) == "--- src/cart.py:10-60 Cart.add\nthe whole chunk\n"
