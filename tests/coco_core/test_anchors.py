from __future__ import annotations

import pytest

from coco_core.anchors import Anchor, anchor, matches, parse_anchor, slugify
from coco_core.types import Chunk, ChunkKind, Definition, Span


def chunk(symbol: str = "", trail: tuple[str, ...] = (), defines: tuple[str, ...] = ()) -> Chunk:
    return Chunk(
        kind=ChunkKind.METHOD,
        text="x",
        span=Span(10, 20, 0, 1),
        language="python",
        symbol=symbol,
        fragment=slugify(trail[-1]) if trail else symbol,
        heading_trail=trail,
        definitions=tuple(Definition(path, ChunkKind.FUNCTION, 10) for path in defines),
    )


@pytest.mark.parametrize(
    ("heading", "slug"),
    [
        ("Getting Started", "getting-started"),
        ("What's new in v2.0?", "whats-new-in-v20"),
        ("`App.run()` — the loop", "apprun--the-loop"),
        ("snake_case & more", "snake_case--more"),
        ("Größe", "größe"),
    ],
)
def test_slugs_are_githubs(heading: str, slug: str) -> None:
    assert slugify(heading) == slug


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("a/b.py", Anchor("a/b.py")),
        ("a/b.py#App.run", Anchor("a/b.py", "App.run")),
        ("c#/b.cs#App", Anchor("c#/b.cs", "App")),
        ("a.md:12", Anchor("a.md", lines=(12, 12))),
        ("a.md:120-140", Anchor("a.md", lines=(120, 140))),
    ],
)
def test_parse(text: str, parsed: Anchor) -> None:
    assert parse_anchor(text) == parsed


@pytest.mark.parametrize(
    ("text", "part", "expected"),
    [
        ("a.py", chunk(), True),
        ("b.py", chunk(), False),
        ("a.py#App", chunk("App"), True),
        ("a.py#App", chunk("App.run"), True),
        ("a.py#App", chunk("Apple.run"), False),
        ("a.py#App.run", chunk("App"), False),
        ("a.py#helper", chunk("App", defines=("helper",)), True),
        ("a.py#usage", chunk(trail=("Guide", "Usage", "Options")), True),
        ("a.py#options", chunk(trail=("Guide", "Usage")), False),
        ("a.py:20-25", chunk(), True),
        ("a.py:21-25", chunk(), False),
        ("a.py:1-10", chunk(), True),
    ],
)
def test_matches(text: str, part: Chunk, expected: bool) -> None:
    assert matches(text, "a.py", part) is expected


def test_a_document_may_be_named_like_an_anchor() -> None:
    assert matches("notes:12", "notes:12", chunk())
    assert anchor("a.py", "App") == "a.py#App"
    assert anchor("a.py") == "a.py"
