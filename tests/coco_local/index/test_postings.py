"""The inverted index against a dictionary that does the same slowly."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from coco_core.bm25 import FIELDS, TermVector
from coco_local.index.postings import Postings


def term_vector(terms: dict[int, int]) -> TermVector:
    ids = np.array(sorted(terms), np.uint64)
    frequencies = np.zeros((len(ids), len(FIELDS)), np.uint8)
    frequencies[:, 2] = [terms[int(i)] for i in ids]
    return TermVector(ids, frequencies, (0, 0, sum(terms.values())))


rows = st.lists(st.dictionaries(st.integers(0, 20), st.integers(1, 9), max_size=6), max_size=30)


@settings(max_examples=80, deadline=None)
@given(rows, st.lists(st.integers(1, 5), min_size=1), st.sets(st.integers(0, 29)))
def test_postings_equal_a_dictionary(
    documents: list[dict[int, int]], steps: list[int], dead: set[int]
) -> None:
    postings = Postings()
    expected: dict[int, dict[int, int]] = defaultdict(dict)
    start = 0
    while start < len(documents):
        end = min(len(documents), start + steps[start % len(steps)])
        batch = list(range(start, end))
        postings.add(batch, [term_vector(documents[row]) for row in batch])
        for row in batch:
            for term, count in documents[row].items():
                expected[term][row] = count
        # A lookup between two additions settles what is pending into segments.
        postings.lookup([0])
        start = end
    live = np.array([row not in dead for row in range(len(documents))], np.bool_)
    for compacted in (False, True):
        if compacted:
            postings.compact(live)
        for term, (found, frequencies) in enumerate(postings.lookup(range(21))):
            got = {int(r): int(f[2]) for r, f in zip(found, frequencies, strict=True) if live[r]}
            assert got == {r: c for r, c in expected[term].items() if live[r]}


def test_an_unknown_term_has_no_rows() -> None:
    postings = Postings()
    rows, frequencies = postings.lookup([42])[0]
    assert len(rows) == 0
    assert frequencies.shape == (0, len(FIELDS))
