from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from coco_core.bm25 import FIELDS, CorpusStats, TermVector, path_terms, term_scores, term_vector
from coco_core.tokens import analyze, term_id
from coco_core.types import Chunk, ChunkKind, Definition


def vector(
    doc_id: str = "a.py", text: str = "", definitions: Sequence[str] = (), **fields: object
) -> TermVector:
    begun = tuple(Definition(path, ChunkKind.FUNCTION, 1) for path in definitions)
    chunk = replace(Chunk.plain(text), definitions=begun, **fields)  # type: ignore[arg-type]  # of mixed types
    return term_vector(doc_id, chunk)


def count(of: TermVector, term: str) -> tuple[int, ...]:
    place = int(np.searchsorted(of.ids, np.uint64(term_id(term))))
    if place == len(of.ids) or int(of.ids[place]) != term_id(term):
        return (0, 0, 0)
    return tuple(int(n) for n in of.frequencies[place])


def test_every_text_goes_to_its_field() -> None:
    assert FIELDS == ("symbol", "path", "body")
    found = vector(
        doc_id="web/router.py",
        symbol="Router.match",
        definitions=("Router.match", "Router.match.helper"),
        heading_trail=("Guide",),
        signature="def match(self, scope)",
        text="return scope",
    )
    # The name as in the symbol, and once more among the names defined here.
    assert count(found, "match") == (2, 0, 1)
    assert count(found, "helper") == (0, 0, 0)
    assert count(found, "help") == (1, 0, 0)
    assert count(found, "guid") == (1, 0, 0)
    assert count(found, "rout") == (1, 2, 0)
    assert count(found, "scop") == (0, 0, 2)
    assert count(found, "py") == (0, 1, 0)


def test_a_signature_in_the_text_counts_once() -> None:
    found = vector(signature="def run(self)", text="def run(self):\n    pass")
    assert count(found, "run") == (0, 0, 1)


def test_counts_stop_at_one_byte() -> None:
    found = vector(text="word " * 1000)
    assert count(found, "word") == (0, 0, 255)
    assert found.lengths[2] == 1000


@given(st.text(max_size=200))
def test_ids_are_sorted_unique_and_lengths_true(text: str) -> None:
    found = vector(text=text)
    assert found.ids.dtype == np.uint64
    assert (np.diff(found.ids.astype(object)) > 0).all()
    assert found.frequencies.shape == (len(found.ids), 3)
    assert found.frequencies.dtype == np.uint8
    assert found.frequencies.any(axis=1).all()
    assert found.lengths[2] == len(analyze(text))


def test_the_file_name_counts_twice() -> None:
    terms = path_terms("src/api/user_routes.py")
    assert terms[term_id("rout")] == 2
    assert terms[term_id("api")] == 1
    assert path_terms(".gitignore")[term_id(analyze("gitignore")[0])] == 2


def stats(chunks: int, *averages: float) -> CorpusStats:
    return CorpusStats(chunks, np.array(averages, dtype=np.float32))


def test_scores_by_hand() -> None:
    # One body term, tf 2, field of average length: idf * 2.2 * 2 / (1.2 + 2).
    scores = term_scores(
        stats(100, 3, 4, 50),
        9,
        np.array([[0, 0, 2]], dtype=np.uint8),
        np.array([[3, 4, 50]], dtype=np.float32),
    )
    assert scores.dtype == np.float32
    idf = math.log(1 + (100 - 9 + 0.5) / 9.5)
    assert math.isclose(float(scores[0]), idf * 2.2 * 2 / 3.2, rel_tol=1e-5)


def test_names_weigh_more_than_text_and_short_more_than_long() -> None:
    frequencies = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]], dtype=np.uint8)
    lengths = np.array([[3, 4, 50], [3, 4, 50], [3, 4, 50], [3, 4, 500]], dtype=np.float32)
    symbol, path, body, long_body = term_scores(stats(100, 3, 4, 50), 9, frequencies, lengths)
    assert symbol > path > body > long_body > 0


def test_a_rare_term_weighs_more_and_a_common_one_never_less_than_nothing() -> None:
    one = np.array([[0, 0, 1]], dtype=np.uint8)
    lengths = np.array([[3, 4, 50]], dtype=np.float32)
    rare, common, everywhere = (
        float(term_scores(stats(100, 3, 4, 50), df, one, lengths)[0]) for df in (1, 50, 100)
    )
    assert rare > common > everywhere >= 0
    # Statistics may lag behind deletions.
    assert float(term_scores(stats(0, 0, 0, 0), 5, one, lengths)[0]) == 0
