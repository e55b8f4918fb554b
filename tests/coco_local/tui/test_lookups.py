"""Text search, places like one, and symbols of a file in the dashboard; code that is wide."""

from __future__ import annotations

import pytest

from coco_local.tui.preview import CodePreview
from coco_local.tui.results import ResultList
from coco_protocol.code import DefinitionBody, OccurrenceBody, SymbolData, SymbolRequest
from coco_protocol.docs import QueryData, QueryEnvelope, QueryMeta, RelatedRequest
from coco_protocol.grep import GrepRequest
from coco_protocol.local import LocalService
from tests.coco_local.tui.conftest import Session
from tests.coco_local.tui.sample_service import hits
from tests.coco_local.tui.test_search import ask

pytestmark = pytest.mark.anyio


async def test_text_is_looked_for_in_the_files_and_back(session: Session) -> None:
    await ask(session, "random.uniform", "Nothing matches")
    await session.press("ctrl+t")
    await session.until_shown("text in atlas", "Lines with this text", "1 line")
    await session.until_shown("▌22          return plain * (1 + random.uniform")
    assert session.app.dashboard.query_one(ResultList).chosen.place == (  # type: ignore[union-attr]
        "courier/delivery/backoff.py:22"
    )
    await session.press("ctrl+t")
    await session.until_shown("Nothing matches", " in atlas")


async def test_text_between_slashes_is_a_regular_expression(session: Session) -> None:
    await ask(session, "")
    await session.press("ctrl+t")
    await session.until_shown("/between slashes/")
    await session.paste("/Errr?Full/ path:courier/**")
    await session.until_shown("3 lines")
    request = session.service.received(GrepRequest)[-1]
    assert (request.pattern, request.regex) == ("Errr?Full", True)
    assert request.include == ["courier/**"]
    await session.paste(" no such line")
    await session.until_shown("No line has /Errr?Full/ no such line")


async def test_places_like_the_chosen_one_are_listed(session: Session) -> None:
    def related(_: RelatedRequest) -> QueryEnvelope:
        data = QueryData(results=hits()[4:6])
        return QueryEnvelope(meta=QueryMeta(tier="static"), data=data)

    session.service.answer(LocalService.related, related)
    await ask(session, "backoff", "7 hits")
    await session.press("down", "ctrl+r")
    await session.until_shown("Like courier/delivery/backoff.py:13", "2 hits", "static search")
    [request] = session.service.received(RelatedRequest)
    assert (request.doc_id, request.line) == ("courier/delivery/backoff.py", 13)
    assert request.project_id == "p-atlas"
    await session.press("escape")
    await session.until_shown("Results", "7 hits")
    await session.press("escape")
    await session.until_shown("Last indexed files")


async def test_symbols_of_the_file_are_listed_and_opened(session: Session) -> None:
    await ask(session, "backoff", "7 hits")
    await session.press("ctrl+o")
    await session.until_shown("Symbols of courier/delivery/backoff.py", "1 symbol", "▌13  class")
    [symbol] = session.app.dashboard.query_one(ResultList).found
    assert (symbol.title, symbol.kind, symbol.first_line) == ("Backoff", "class", 13)
    await session.press("ctrl+y")
    assert session.app.clipboard.endswith("courier/delivery/backoff.py:13")
    await session.paste("x")
    await session.until_shown("Results")


async def test_a_refused_lookup_says_why(session: Session) -> None:
    await ask(session, "backoff", "7 hits")
    await session.press("down", "down", "down", "down")
    await session.until_shown("courier/upload/policy.py:41")
    await session.press("ctrl+o")
    await session.until_shown("There is no file 'courier/upload/policy.py'")


async def test_nothing_chosen_nothing_asked(session: Session) -> None:
    await ask(session, "no such words", "Nothing matches")
    await session.press("ctrl+r", "ctrl+o")
    await session.until_shown("Nothing matches")
    assert not session.service.received(RelatedRequest)


async def test_wide_code_scrolls_sideways_and_numbers_stay(session: Session) -> None:
    wide = "table = [" + ", ".join(str(number) for number in range(200)) + "]"
    session.service.known["p-atlas"].files["courier/wide.py"] = f"first = 1\n{wide}\n"
    await ask(session, "")
    await session.press("ctrl+t")
    await session.paste("187, 188")
    await session.until_shown("▌2  ", "187, 188")
    code = session.app.dashboard.query_one(CodePreview)
    assert code.scroll_x > 0
    await session.press(*["alt+left"] * 40)
    await session.until(lambda: code.scroll_x == 0)
    await session.until_shown("▌2  table = [0, 1, 2")
    await session.press("tab", "tab", "right")
    await session.until(lambda: code.scroll_x > 0)
    await session.until_shown("▌2  ")
    await session.until_gone("▌2  table = [0")


async def test_definition_and_uses_of_the_symbol_are_listed(session: Session) -> None:
    def symbol(request: SymbolRequest) -> SymbolData:
        assert (request.name, request.want) == ("courier/delivery/backoff.py:Backoff", "references")
        definition = DefinitionBody(
            path="courier/delivery/backoff.py",
            symbol="Backoff",
            kind="class",
            line=13,
            column=7,
            end_line=27,
        )
        use = {"path": "courier/delivery/spool.go", "line": 14, "column": 10, "end_column": 17}
        uses = [
            OccurrenceBody(**use, role="call", sure=True, why="", text="\t\treturn Backoff"),
            OccurrenceBody(**use, role="use", sure=False, why="x", text="\t\tit.Backoff"),
        ]
        return SymbolData(
            name="Backoff", want="references", definitions=[definition], occurrences=uses
        )

    session.service.answer(LocalService.symbol, symbol)
    await ask(session, "backoff", "7 hits")
    await session.press("down", "ctrl+g")
    await session.until_shown("Uses of Backoff", "2 uses", "guess", "▌13  class Backoff")
    await session.press("down", "ctrl+y")
    assert session.app.clipboard.endswith("courier/delivery/spool.go:14")
    await session.press("escape")
    await session.until_shown("Results", "7 hits")
