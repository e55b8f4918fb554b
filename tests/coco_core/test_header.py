from __future__ import annotations

from dataclasses import replace

from coco_core.header import embedding_text, split_identifiers
from coco_core.types import Chunk


def prepared(doc_id: str, text: str, **known: object) -> str:
    return embedding_text(doc_id, replace(Chunk.plain(text), **known))  # type: ignore[arg-type]  # of mixed types


def test_identifiers_are_split_lightly() -> None:
    assert split_identifiers("getHTTPResponse user_name __init__ ABC2x") == (
        "get HTTP Response user name __init__ ABC2x"
    )


def test_header_of_code() -> None:
    text = prepared(
        doc_id="src/web_api/router.py",
        symbol="Router.matchPath",
        signature="def matchPath(self, scope):",
        text="    return scope",
    )
    assert text == (
        "src web api router | Router match Path\ndef match Path(self, scope):\n    return scope"
    )


def test_a_signature_that_the_text_holds_is_not_repeated() -> None:
    text = prepared(
        doc_id="a.py", symbol="run", signature="def run():", text="def run():\n    pass"
    )
    assert text == "a | run\ndef run():\n    pass"


def test_header_of_a_document() -> None:
    text = prepared(doc_id="docs/guide.md", heading_trail=("Guide", "Install"), text="Run it.")
    assert text == "docs guide | Guide > Install\nRun it."


def test_the_header_is_short_and_keeps_what_is_nearest() -> None:
    text = prepared(doc_id="deep/" * 100 + "file.py", symbol="Inner.name", text="x")
    header, _, rest = text.partition("\n")
    assert len(header) <= 200
    assert header.endswith("deep file | Inner name")
    assert rest == "x"
