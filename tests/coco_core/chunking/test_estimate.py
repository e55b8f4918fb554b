from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from coco_core.chunking import EstimatedTokenizer
from coco_core.chunking.token_counter import TokenCounter
from coco_core.ports import Tokenizer

estimate: Tokenizer = EstimatedTokenizer()

TEXT = st.text(st.sampled_from("aZ09_. \n\té漢-"), max_size=80)


def test_pieces() -> None:
    text = "def getUserName(id_1): return 42\n"
    pieces = [text[start:end] for start, end in estimate.spans(text)]
    assert pieces == [
        "def", "get", "User", "Name", "(", "id", "_", "1", ")", ":", "return", "42",
    ]  # fmt: skip


@given(TEXT)
def test_spans_and_count_agree(text: str) -> None:
    spans = estimate.spans(text)
    assert len(spans) == estimate.count(text)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    covered = {at for start, end in spans for at in range(start, end)}
    assert all(text[at].isspace() for at in range(len(text)) if at not in covered)


@given(TEXT, TEXT)
def test_lines_count_alone_as_together(first: str, second: str) -> None:
    whole = f"{first}\n{second}"
    assert estimate.count(whole) == estimate.count(first) + estimate.count(second)


@given(TEXT, st.integers(1, 20), st.data())
def test_a_ruler_measures_what_tokenizers_count(text: str, size: int, data: st.DataObject) -> None:
    for tokenizer in (None, estimate):
        token_counter = TokenCounter(text, "tokens", tokenizer)
        starts = [0, *(at + 1 for at, char in enumerate(text) if char == "\n"), len(text)]
        assert token_counter.line_tokens(starts) == token_counter.tokens(starts)
        assert token_counter.length(0, len(text)) == estimate.count(text)
        place = data.draw(st.integers(0, len(text)))
        reach = token_counter.reach(place, size)
        assert place <= reach <= len(text)
        assert token_counter.length(place, reach) <= size
        assert reach == len(text) or token_counter.length(place, reach + 1) > size
        back = token_counter.backtrack(place, size)
        assert 0 <= back <= place
        assert token_counter.length(back, place) <= size
