from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coco_core.errors import Unreadable
from coco_core.ports import Tokenizer
from coco_embed.static import word_pieces
from coco_embed.store import InstalledModel
from coco_embed.tokenizer import WordPieces


@pytest.fixture(scope="module")
def words(model: InstalledModel) -> WordPieces:
    return WordPieces(model.tokenizer)


# Every character, half surrogate pairs included: files hold them all.
@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet=st.characters(exclude_categories=()), max_size=200))
def test_spans_are_ordered_ranges_of_the_text(words: WordPieces, text: str) -> None:
    spans = words.spans(text)
    assert len(spans) == words.count(text)
    assert all(0 <= start <= end <= len(text) for start, end in spans)
    assert [start for start, _ in spans] == sorted(start for start, _ in spans)


def test_spans_name_the_words(words: WordPieces) -> None:
    text = "Ünïcode 世界: getUserName()"
    found = [text[start:end] for start, end in words.spans(text)]
    assert "".join(found) == text.replace(" ", "")
    assert found[1:4] == ["世", "界", ":"] or "世" in found


def test_long_text_is_counted_whole_and_cut_for_the_model(words: WordPieces) -> None:
    assert words.count("word " * 1000) == 1000
    [ids] = words.ids(["word " * 1000], 128)
    assert len(ids) == 128
    # [CLS] ... [SEP]
    assert (ids[0], ids[-1]) == (101, 102)


def test_nothing_is_padded(words: WordPieces) -> None:
    assert [len(row) for row in words.ids(["", "word", "word word"], 128)] == [2, 3, 4]


def test_a_file_that_is_no_tokenizer_is_reported(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(Unreadable, match="is not a tokenizer"):
        WordPieces(tmp_path / "tokenizer.json")


@pytest.fixture(scope="module")
def packaged() -> Tokenizer:
    return word_pieces()


# What the two could disagree in: special tokens in a text, accents, other scripts, lone surrogates.
_PARTS = st.sampled_from(
    ["[CLS]", "[MASK]", " [SEP] ", "[UNK]", "Ünï", "世界", "getUserName", "##s"]
)


@settings(max_examples=200, deadline=None)
@given(
    parts=st.lists(
        st.one_of(_PARTS, st.text(alphabet=st.characters(exclude_categories=()), max_size=40)),
        max_size=8,
    )
)
def test_the_packages_word_pieces_are_the_official_ones(
    words: WordPieces, packaged: Tokenizer, parts: list[str]
) -> None:
    text = "".join(parts)
    assert packaged.spans(text) == words.spans(text)
    assert packaged.count(text) == words.count(text)
