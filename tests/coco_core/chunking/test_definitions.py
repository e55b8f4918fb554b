"""Every built-in language's own notion of a definition, on one small real-looking file each.

``definitions.txt`` was read line by line against the samples; a change is one of meaning.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from coco_core.chunking import ChunkedDocument, chunk_document
from coco_core.configs import ChunkingConfig

HERE = Path(__file__).parent
SAMPLES = {path.name.removesuffix(".sample"): path for path in (HERE / "samples").iterdir()}


def expected() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (HERE / "definitions.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            found[line.strip("[]")] = []
        elif line.strip():
            list(found.values())[-1].append(line)
    return found


EXPECTED = expected()


def chunked(name: str, **config: object) -> ChunkedDocument:
    return chunk_document(name, SAMPLES[name].read_bytes(), ChunkingConfig(**config))  # type: ignore[arg-type]


def test_every_sample_has_its_expectation() -> None:
    assert set(SAMPLES) == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_definitions(name: str) -> None:
    document = chunked(name)
    found = [
        f"{definition.line:3} {definition.kind.value:10} {definition.path}"
        for chunk in document.chunks
        for definition in chunk.definitions
    ]
    assert document.parsed
    assert found == EXPECTED[name]


@pytest.mark.parametrize("name", sorted(SAMPLES))
@pytest.mark.parametrize("size", [16, 40, 256, 4096])
def test_definitions_do_not_depend_on_the_size(name: str, size: int) -> None:
    document = chunked(name, chunk_size=size)
    found = [d.path for chunk in document.chunks for d in chunk.definitions]
    assert found == [line[15:] for line in EXPECTED[name]]


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_names_stand_on_their_lines(name: str) -> None:
    lines = SAMPLES[name].read_text(encoding="utf-8").splitlines()
    for chunk in chunked(name).chunks:
        for definition in chunk.definitions:
            last = definition.path if not definition.name else definition.name
            assert last.removeprefix("operator") in lines[definition.line - 1]
