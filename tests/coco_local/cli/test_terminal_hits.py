"""Results on a terminal: short, cut at its width, in a pager when they are long."""

import io
import re

import pytest
from rich.console import Console

from coco_local.cli.hit_view import HitView, hit_lines, shown_lines
from coco_local.cli.pager import pager_command
from coco_protocol.docs import ChunkBody, EnclosingBody, Hit, HitMeta, PieceBody

PUSH = '''    def push(
        self, *, force: bool = False
    ) -> None:
        """Push this context."""
        self._count += 1
        if self._token is not None:
            return

        self._token = current.set(self)  # the active context
        pushed.send(self.app)
'''


def hit(content: str = PUSH, **fields: object) -> Hit:
    values: dict[str, object] = {
        "chunk_id": "c",
        "doc_id": "src/ctx.py",
        "path": "src/ctx.py",
        "start_line": 96,
        "end_line": 105,
        "language": "python",
        "kind": "method",
        "symbol": "AppContext.push",
        "signature": "def push( self, *, force: bool = False ) -> None:",
        "content": content,
    }
    chunk = ChunkBody.model_validate(values | fields)
    return Hit(meta=HitMeta(score=1.0), chunk=chunk)


def drawn(width: int, *hits: Hit, query: str = "set the active context") -> list[str]:
    """Return the rows of hits on a console of a width, without styles."""
    console = Console(width=width, file=io.StringIO())
    view = HitView(console, query)
    for each in hits:
        lines = shown_lines(each, query)
        view.header(each, "src/ctx.py", lines[0].number)
        view.lines("src/ctx.py", lines)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_a_hit_is_a_header_and_the_lines_that_answer() -> None:
    assert drawn(80, hit()) == [
        "src/ctx.py:102  method AppContext.push  def push(self, *, force: bool = False) …",
        "102              return",
        "103  ",
        "104          self._token = current.set(self)  # the active context",
        "105          pushed.send(self.app)",
    ]


@pytest.mark.parametrize("width", [20, 40, 57, 80, 120])
def test_no_row_is_longer_than_the_terminal_is_wide(width: int) -> None:
    rows = drawn(
        width, hit("context = " + "x" * 300 + "\n\tdef active_context(): 漢字漢字漢字漢字漢字\n")
    )
    assert len(rows) == 3
    assert max(Console(width=500).measure(row).maximum for row in rows) <= max(width, 22)


def test_a_place_is_never_cut() -> None:
    [header, *_] = drawn(10, hit())
    assert header == "src/ctx.py:102"


def test_a_match_far_to_the_right_is_in_view() -> None:
    row = drawn(60, hit(f"value = '{'-' * 200}' # the active context {'+' * 200}"))[1]
    assert "the active context" in row
    assert row.startswith("96  …")


def test_a_definition_that_says_nothing_new_is_left_out() -> None:
    plain = hit("class AppContext:\n    pass\n", kind="class", symbol="AppContext",
                signature="class AppContext:")  # fmt: skip
    assert drawn(80, plain)[0] == "src/ctx.py:96  class AppContext"
    derived = hit("class AppContext(Base):\n    pass\n", kind="class", symbol="AppContext",
                  signature="class AppContext(Base):")  # fmt: skip
    assert drawn(80, derived)[0] == "src/ctx.py:96  class AppContext  class AppContext(Base):"


def test_a_section_is_named_by_its_headings() -> None:
    page = hit("Text\n", kind="section", symbol="install", heading_trail=["Guide", "Install"])
    assert drawn(80, page)[0] == "src/ctx.py:96  section Guide > Install"


def test_pieces_and_their_definition_come_before_the_chunk() -> None:
    pieces = [
        PieceBody(start_line=7, end_line=8, content="alpha\nbeta\n"),
        PieceBody(start_line=20, end_line=20, content="the active context\n"),
    ]
    around = EnclosingBody(
        symbol="Outer.run", kind="method", start_line=5, end_line=30, signature="def run(self, x):"
    )
    found = hit().model_copy(update={"pieces": pieces, "enclosing": around})
    assert [line.number for line in hit_lines(found)] == [7, 8, 20]
    assert drawn(80, found) == [
        "src/ctx.py:20  method Outer.run  def run(self, x):",
        "20  the active context",
    ]


def test_words_are_marked(on_terminal, shop) -> None:
    out = on_terminal("query", "discount for many items", "-k", "1", "--no-pager").out
    assert re.search(r"\x1b\[1;31[0-9;]*m[dD]iscount", out)


@pytest.mark.parametrize(
    ("environ", "command"),
    [
        ({"PAGER": "most -w"}, ["most", "-w"]),
        ({"PAGER": "cat"}, None),
        ({"PAGER": ""}, None),
        ({"PAGER": "less 'unclosed"}, None),
    ],
)
def test_the_pager_is_the_users(environ, command) -> None:
    assert pager_command(environ) == command


def test_long_output_goes_to_the_pager_and_short_output_does_not(
    on_terminal, shop, tmp_path
) -> None:
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\necho in the pager\ncat\n", encoding="utf-8")
    pager.chmod(0o755)
    environ = {"PAGER": str(pager), "LINES": "8", "COLUMNS": "80"}
    long = on_terminal("query", "cart", "--mode", "fts", **environ)
    assert "in the pager" in long.out
    assert "shop/cart.py:" in long.out
    assert "in the pager" not in on_terminal("query", "cart", "-k", "1", **environ).out
    everything = on_terminal("query", "cart", "--mode", "fts", "--no-pager", **environ)
    assert "in the pager" not in everything.out
    missing = on_terminal("query", "cart", "--mode", "fts", **(environ | {"PAGER": "no-such"}))
    assert "shop/cart.py:" in missing.out


def test_scores_come_only_when_asked_for(on_terminal, shop) -> None:
    assert "score" not in on_terminal("query", "cart", "--no-pager").out
    assert re.search(r"score \d", on_terminal("query", "cart", "-v", "--no-pager").out)


def test_full_prints_whole_chunks(on_terminal, shop) -> None:
    short = on_terminal("query", "retry_with_backoff", "-k", "1", "--no-pager").out
    full = on_terminal("query", "retry_with_backoff", "-k", "1", "--no-pager", "--full").out
    assert full.count("\n") > short.count("\n")
