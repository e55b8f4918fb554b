from __future__ import annotations

from dataclasses import replace

import pytest

from coco_core.chunk_columns import CHUNK_COLUMNS, LIST_COLUMNS, from_columns, kind_of, to_columns
from coco_core.types import Chunk, ChunkKind, Definition, Span

CHUNK = Chunk(
    kind=ChunkKind.METHOD,
    text="def run(self): ...",
    span=Span(3, 4, 10, 28),
    language="python",
    symbol="App.run",
    signature="def run(self)",
    definitions=(Definition("App.run", ChunkKind.METHOD, 3),),
    heading_trail=("Guide", "Run"),
    fragment="App.run",
    token_count=7,
)


def test_a_chunk_is_what_its_row_and_its_text_say() -> None:
    row = to_columns(CHUNK)
    assert row.keys() == set(CHUNK_COLUMNS)
    assert {name for name, value in row.items() if isinstance(value, list)} == LIST_COLUMNS
    assert from_columns(row, CHUNK.text) == CHUNK
    without = from_columns(row)
    assert (without.text, without.content_hash) == ("", CHUNK.content_hash)


def test_a_store_may_keep_less_of_the_span() -> None:
    row = to_columns(CHUNK)
    del row["start_byte"], row["end_byte"]
    assert from_columns(row, CHUNK.text) == replace(CHUNK, span=Span(3, 4, 0, 0))


@pytest.mark.parametrize(("value", "kind"), [("table", ChunkKind.TABLE), ("new", ChunkKind.TEXT)])
def test_a_kind_of_a_newer_program_is_a_text(value: str, kind: ChunkKind) -> None:
    assert kind_of(value) is kind
