from __future__ import annotations

from dataclasses import replace

import pytest

from coco_core.errors import InvalidIntent
from coco_core.filters import Filters, matches
from coco_core.types import ChunkKind, ChunkMetadata

CHUNK = ChunkMetadata(
    key=1,
    doc_id="src/app.py",
    kind=ChunkKind.METHOD,
    language="python",
    symbol="App.run",
    definitions=("App.run", "App.run.inner"),
    start_line=10,
    end_line=20,
    token_count=50,
)


def test_no_conditions_admit_everything() -> None:
    assert Filters().empty
    assert matches(Filters(), CHUNK)
    assert not Filters(verified=False).empty
    assert not Filters(min_quality=0.0).empty


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(languages=("go", "py")), True),
        (Filters(languages=("Python",)), True),
        (Filters(languages=("go",)), False),
        (Filters(include=("*.go", "src/**")), True),
        (Filters(include=("tests/",)), False),
        (Filters(exclude=("src/",)), False),
        (Filters(include=("*.py",), exclude=("app.py",)), False),
        (Filters(kinds=(ChunkKind.METHOD, ChunkKind.CLASS)), True),
        (Filters(kinds=(ChunkKind.CLASS,)), False),
        (Filters(symbol="App"), True),
        (Filters(symbol="App.run"), True),
        (Filters(symbol="run"), True),
        (Filters(symbol="inner"), True),
        (Filters(symbol="Ap"), False),
        (Filters(symbol="app"), False),
        (Filters(doc_ids=("src/app.py",)), True),
        (Filters(doc_ids=("app.py",)), False),
        (Filters(languages=("python",), kinds=(ChunkKind.TEXT,)), False),
    ],
)
def test_conditions_on_the_chunk(filters: Filters, expected: bool) -> None:
    assert matches(filters, CHUNK) is expected


def test_conditions_on_the_document() -> None:
    assert matches(Filters(tags=("a", "b")), CHUNK, tags=("b", "c"))
    assert not matches(Filters(tags=("a",)), CHUNK)
    assert matches(Filters(min_quality=0.5), CHUNK, quality=0.5)
    assert not matches(Filters(min_quality=0.5), CHUNK, quality=0.4)
    assert not matches(Filters(min_quality=0.0), CHUNK)
    assert matches(Filters(verified=True), CHUNK, verified=True)
    assert not matches(Filters(verified=True), CHUNK)
    assert matches(Filters(verified=False), CHUNK)
    assert not matches(Filters(verified=False), CHUNK, verified=True)
    assert matches(Filters(changed_since=5.0), CHUNK, changed_at=5.0)
    assert not matches(Filters(changed_since=5.0), CHUNK, changed_at=4.9)
    assert not matches(Filters(changed_since=5.0), CHUNK)


def test_a_chunk_without_symbol_has_none() -> None:
    plain = replace(CHUNK, symbol="", definitions=())
    assert not matches(Filters(symbol="run"), plain)


@pytest.mark.parametrize(
    "wrong",
    [
        {"include": ("[",)},
        {"exclude": ("",)},
        {"kinds": ("klass",)},
        {"symbol": "."},
        {"min_quality": float("nan")},
        {"changed_since": float("inf")},
    ],
)
def test_bad_filters_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidIntent):
        Filters(**wrong)  # type: ignore[arg-type]  # wrong on purpose
