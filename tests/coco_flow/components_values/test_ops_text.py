from __future__ import annotations

import pytest

from coco_flow.components.ops.code import CodeSource
from coco_flow.components.ops.text import (
    CustomLanguageConfig,
    RecursiveSplitter,
    SeparatorSplitter,
    detect_code_language,
)

CODE = "def a():\n    return 1\n\n\ndef é():\n    return 2\n"


def test_a_code_source_is_split_as_its_text_in_its_language() -> None:
    splitter = RecursiveSplitter()
    chunks = splitter.split(CODE, 30, language="python")
    assert splitter.split(CodeSource(CODE, ".py"), 30) == chunks
    assert [chunk.text for chunk in chunks] == ["def a():\n    return 1", "def é():\n    return 2"]
    second = chunks[1]
    assert (second.start.line, second.start.column) == (5, 1)
    assert CODE[second.start.char_offset : second.end.char_offset] == second.text
    data = CODE.encode()[second.start.byte_offset : second.end.byte_offset]
    assert data.decode() == second.text
    with pytest.raises(ValueError, match="it has its own"):
        splitter.split(CodeSource(CODE, "python"), 30, language="python")


def test_languages_of_your_own_are_known_by_name_and_alias() -> None:
    splitter = RecursiveSplitter(
        custom_languages=[CustomLanguageConfig("parts", ["---"], aliases=["pt"])]
    )
    for name in ("parts", "PT"):
        chunks = splitter.split("One---Two", 6, min_chunk_size=2, language=name)
        assert [chunk.text for chunk in chunks] == ["One", "Two"]


@pytest.mark.parametrize(
    ("keep", "texts"),
    [(None, ["a", "b"]), ("left", ["a;", "b;"]), ("right", ["a", ";b", ";"])],
)
def test_separators_go_where_they_are_wanted(keep: str | None, texts: list[str]) -> None:
    splitter = SeparatorSplitter([";"], keep_separator=keep)  # type: ignore[arg-type]
    assert [chunk.text for chunk in splitter.split("a;b;")] == texts


def test_a_language_is_told_by_the_last_suffix() -> None:
    assert detect_code_language(filename="a.tar.PY") == "python"
    assert detect_code_language(filename="Makefile") is None
