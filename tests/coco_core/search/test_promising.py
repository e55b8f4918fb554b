from __future__ import annotations

import numpy as np

from coco_core.search.promising import Promising, promising_chunks
from coco_core.wording import Wording

SIZE = 1000

KEYWORD = np.linspace(1, 2, SIZE, dtype=np.float32)


def pick(query: str, holding: dict[str, list[int]], allowed: set[int] | None = None) -> Promising:
    wording = Wording.of(query)
    rows = {term: np.array(holding.get(term, []), np.int64) for term in wording.terms}
    mask = None
    if allowed is not None:
        mask = np.zeros(SIZE, np.bool_)
        mask[list(allowed)] = True
    return promising_chunks(wording, rows, KEYWORD, mask, SIZE)


def test_the_chunk_that_holds_all_words_is_first_and_one_with_few_is_not_there() -> None:
    holding = {
        "alpha": [1, 2, 3, *range(100, 200)],
        "gamma": [1, 2, *range(200, 300)],
        "delta": [1, *range(300, 400)],
    }
    found = pick("alpha gamma delta", holding)
    assert found.rows[:2] == [1, 2]
    assert 3 not in found.rows
    assert found.frequencies == {"alpha": 103, "gamma": 102, "delta": 101}


def test_few_are_read_the_best_by_keywords_first() -> None:
    found = pick("alpha", {"alpha": list(range(500))})
    assert found.rows == list(range(499, 479, -1))


def test_the_holder_of_a_rare_word_is_read_whatever_else_it_holds() -> None:
    common = {word: list(range(100, 140)) for word in ("alpha", "gamma", "delta", "kappa")}
    found = pick("alpha gamma delta kappa vlork9", {**common, "vlork9": [7]})
    assert found.rows[0] == 7


def test_filters_hold_here_too() -> None:
    holding = {"alpha": [1, 2], "gamma": [1, 2]}
    assert pick("alpha gamma", holding, allowed={2}).rows == [2]


def test_every_line_of_a_paste_has_its_chunks() -> None:
    holding = {"alpha": [1], "gamma": [1], "delta": [2], "kappa": [2]}
    assert set(pick("alpha gamma\ndelta kappa", holding).rows) == {1, 2}


def test_words_that_are_nowhere_lead_nowhere() -> None:
    found = pick("alpha gamma", {})
    assert (found.rows, found.frequencies) == ([], {"alpha": 0, "gamma": 0})
