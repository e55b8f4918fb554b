"""The splitter against chunks of CocoIndex, which `make_cocoindex_chunks.py` recorded."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from coco_flow.text import RecursiveSplitter

HERE = Path(__file__).parent
FOLDERS = (HERE / "samples", HERE.parent.parent / "coco_core" / "chunking" / "samples")

# CocoIndex's version of this grammar is in no wheel.
OTHER_GRAMMAR = "dart"


class Recorded(NamedTuple):
    name: str
    language: str | None
    sizes: dict[str, int]
    places: list[list[int]]


def recorded() -> Iterator[Recorded]:
    for case in json.loads((HERE / "cocoindex_chunks.json").read_text(encoding="utf-8")):
        yield Recorded(*case)


def sample(name: str) -> str:
    # Not as text: the line ends of a sample are part of it.
    path = next(folder / name for folder in FOLDERS if (folder / name).exists())
    return path.read_bytes().decode()


def places(text: str, language: str | None, sizes: dict[str, Any]) -> list[list[int]]:
    chunks = RecursiveSplitter().split(text, language=language, **sizes)
    return [
        [place.byte_offset, place.char_offset, place.line, place.column]
        for chunk in chunks
        for place in (chunk.start, chunk.end)
    ]


@pytest.mark.row("TX-1 syntax boundaries")
@pytest.mark.row("TXT-3c language per file")
@pytest.mark.parametrize("language", sorted({case.language or "text" for case in recorded()}))
def test_the_chunks_are_those_of_cocoindex(language: str) -> None:
    if language == OTHER_GRAMMAR:
        pytest.skip("CocoIndex's version of the Dart grammar is in no wheel")
    cases = [case for case in recorded() if (case.language or "text") == language]
    assert cases
    for case in cases:
        found = places(sample(case.name), case.language, case.sizes)
        assert found == case.places, (case.name, case.sizes)


def test_a_splitter_gives_the_same_in_other_processes() -> None:
    splitter = pickle.loads(pickle.dumps(RecursiveSplitter()))
    text = sample("guide.md")
    expected = splitter.split(text, 200, chunk_overlap=40, language="md")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = pool.submit(
            splitter.split, text, chunk_size=200, chunk_overlap=40, language="md"
        ).result()
    assert found == expected
