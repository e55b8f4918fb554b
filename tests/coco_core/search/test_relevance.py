from __future__ import annotations

from dataclasses import replace

import pytest

from coco_core.intent import SearchIntent
from coco_core.query import Query, parse_query
from coco_core.search.relevance import below_floor, no_match_notice, search_notice
from coco_core.types import Candidate, CandidateSet, ChunkKind, ChunkMetadata

CHUNK = ChunkMetadata(1, "src/app.py", ChunkKind.TEXT, "python", "", (), 1, 9, 10)

FLOOR = 0.3


def asking(text: str) -> Query:
    return parse_query(SearchIntent(text))


def kept(text: str, candidate: Candidate, **frequencies: int) -> int:
    answer = CandidateSet([candidate], total=1000, filtered=1000, frequencies=frequencies)
    return 1 - len(below_floor(asking(text), answer, FLOOR))


@pytest.mark.parametrize(
    ("candidate", "stays"),
    [
        (Candidate(CHUNK, None, 0.2), 0),
        (Candidate(CHUNK, 0.5, 0.2), 0),
        (Candidate(CHUNK, 9.0, 0.2), 1),
        (Candidate(CHUNK, None, 0.5), 1),
        (Candidate(CHUNK, None, None), 1),
        (Candidate(CHUNK, None, 0.2, exact_name_match=True), 1),
        (Candidate(CHUNK, None, 0.2, literal=0.4), 1),
    ],
)
def test_what_is_neither_near_nor_holds_the_words_is_left_out(
    candidate: Candidate, stays: int
) -> None:
    assert kept("penguins survive winter", candidate, winter=40) == stays


def test_a_query_without_a_known_word_must_be_closer() -> None:
    assert kept("penguins survive", Candidate(CHUNK, None, FLOOR + 0.01)) == 0
    near = [Candidate(CHUNK, None, FLOOR + 0.01), Candidate(CHUNK, 9.0)]
    answer = CandidateSet(near, total=1000, filtered=1000)
    assert not below_floor(asking("penguins survive"), answer, FLOOR)


def test_files_and_phrases_that_were_asked_for_stay() -> None:
    assert kept("penguins in app.py", Candidate(CHUNK, None, 0.1)) == 1
    assert kept('"penguins"', Candidate(CHUNK, None, 0.1)) == 1


def test_the_notice_says_which_words_occur() -> None:
    none = CandidateSet([], total=10, filtered=10)
    assert no_match_notice(asking("penguins of winter"), none).startswith("No word of the query")
    some = replace(none, frequencies={"wint": 4, "of": 9})
    assert "only “winter” occur here" in no_match_notice(asking("penguins of winter"), some)
    filling = replace(none, frequencies={"of": 9})
    notice = no_match_notice(asking("penguins of winter"), filling)
    assert notice.startswith("Apart from “of”, no word of the query occurs here")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("数据库连接失败怎么办", True),
        ("где открывается база данных", True),
        ("where is 数据库 opened", False),
        ("Zähler für Größen", False),
        ("3456", False),
    ],
)
def test_what_the_model_knows_is_said_of_other_scripts(text: str, said: bool) -> None:
    assert (search_notice(asking(text)) is not None) is said
