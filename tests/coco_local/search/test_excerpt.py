"""What is shown of a file: the lines that answer, as they are on disk, and their definition."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest

from coco_core.chunking import chunk_document
from coco_core.configs import DEFAULT_CONFIG
from coco_local.search.excerpt import Excerpt
from tests.indexed_file import IndexedFile

STEPS = "".join(f"        self.step_{n} = compute({n})\n" for n in range(25))
SOURCE = f'''"""Carts."""


class Cart:
    """A cart; the checkout of a cart charges the card of the customer.

    Changed in 2.0: the checkout charges the card at once.
    """

    def checkout(self, customer):
        """Charge the card of a customer."""
{STEPS}
        self.gateway.charge(customer.card)
{STEPS}

    def refund(self, customer):
        """Give the money back."""
        return self.bank.undo(customer)
'''
QUESTION = "where does the checkout charge the card of a customer"


@pytest.fixture
def file(tmp_path: Path) -> IndexedFile:
    return IndexedFile(tmp_path, SOURCE)


def excerpt(file: IndexedFile, tokens: int | None = None, question: str = QUESTION) -> Excerpt:
    """Return the only hit's excerpt, after the rules that always hold."""
    (hit,) = file.page(question, tokens)
    found = hit.excerpt
    assert found.pieces
    for piece in found.pieces:
        assert piece.text == "\n".join(file.lines[piece.start_line - 1 : piece.end_line])
    for above, below in pairwise(found.pieces):
        assert above.end_line + 1 < below.start_line
    if tokens is not None:
        assert sum(len(piece.text) for piece in found.pieces) / 3.2 <= tokens
    if found.enclosing is not None:
        around = found.enclosing
        assert around.line <= found.pieces[0].start_line <= around.end_line
        assert (around.title or around.name) in file.lines[around.line - 1]
    return found


def test_the_line_that_answers_is_shown_and_not_the_class_alone(file: IndexedFile) -> None:
    found = excerpt(file, 200)
    assert any("gateway.charge" in piece.text for piece in found.pieces)
    assert sum(piece.text.count("\n") + 1 for piece in found.pieces) < 40


def test_a_piece_in_the_middle_says_in_which_definition(file: IndexedFile) -> None:
    found = excerpt(file, 60, "gateway.charge customer.card")
    assert found.pieces[0].start_line > 20
    assert found.enclosing is not None
    assert (found.enclosing.path, found.enclosing.signature) == (
        "Cart.checkout",
        "def checkout(self, customer)",
    )
    assert "def refund" in file.lines[found.enclosing.end_line + 2]


def test_lines_and_range_are_those_of_the_file_as_it_is_now(file: IndexedFile) -> None:
    file.path.write_text("# new\n" * 30 + SOURCE, encoding="utf-8")
    found = excerpt(file, 60, "gateway.charge customer.card")
    parsed = chunk_document("module.py", file.path.read_bytes(), DEFAULT_CONFIG.chunking)
    assert found.enclosing in [each for chunk in parsed.chunks for each in chunk.definitions]


def test_a_head_that_is_not_what_was_indexed_is_not_named(file: IndexedFile) -> None:
    status = file.path.stat()
    file.path.write_text(SOURCE.replace("def checkout(self", "def chequeut(self"), encoding="utf-8")
    os.utime(file.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    found = excerpt(file, 60, "gateway.charge customer.card")
    assert found.enclosing is None or "chequeut" in found.enclosing.signature


def test_a_changed_body_is_shown_as_it_is(file: IndexedFile) -> None:
    file.path.write_text(SOURCE.replace("customer.card)", "customer.cards[0])"), encoding="utf-8")
    text = "".join(piece.text for piece in excerpt(file).pieces)
    assert "customer.cards[0])" in text
    assert "customer.card)" not in text


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "\n"])
def test_the_last_line_of_a_file_is_a_line(tmp_path: Path, ending: str, last: str) -> None:
    file = IndexedFile(tmp_path, f"def one():{ending}    return 1{ending}x = one(){last}")
    found = excerpt(file, question="one")
    assert found.pieces[-1].end_line == 3


def test_text_in_another_encoding_has_its_lines(tmp_path: Path) -> None:
    file = IndexedFile(tmp_path, "x = 1\n")
    file.path.write_bytes("# Größe\r\ndef größe():\r\n    return 1\r\n".encode("latin-1"))
    source = file.reader.open("module.py", "latin-1")
    assert source is not None
    assert source.text_of_lines(2, 9) == ["def größe():", "    return 1"]


def test_a_section_is_named_by_its_heading(tmp_path: Path) -> None:
    text = "# Shop\n\nWords.\n\n## Pay\n\n" + "Filler words here.\n\n" * 80 + "The zebra pays.\n"
    file = IndexedFile(tmp_path, text, "guide.md")
    found = excerpt(file, 60, "zebra pays")
    assert found.enclosing is not None
    assert (found.enclosing.title, found.enclosing.signature) == ("Pay", "Shop > Pay")
