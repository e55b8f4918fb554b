"""LanceDB's tables: what is written is read, and neither versions nor fragments pile up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from coco_core.bm25 import FIELDS, TermVector
from coco_local.store.lance import LanceStore

DIMENSION = 8


def terms(*ids: int) -> TermVector:
    frequencies = np.arange(len(ids) * len(FIELDS), dtype=np.uint8).reshape(-1, len(FIELDS))
    return TermVector(np.array(ids, np.uint64), frequencies, (1, 2, len(ids)))


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    store = LanceStore(tmp_path / "index", DIMENSION)
    written = {1: terms(5, 2**63 + 1), 2: terms(), 7: terms(5, 6, 9)}
    store.add_terms(list(written), list(written.values()))
    vectors = np.eye(2, DIMENSION, dtype=np.float32)
    store.add_vectors([1, 7], vectors)

    reopened = LanceStore(tmp_path / "index", DIMENSION)
    table = reopened.load_terms()
    assert sorted(table.keys.tolist()) == [1, 2, 7]
    for i, key in enumerate(table.keys.tolist()):
        part = slice(table.indptr[i], table.indptr[i + 1])
        np.testing.assert_array_equal(table.ids[part], written[key].ids)
        np.testing.assert_array_equal(table.frequencies[part], written[key].frequencies)
        assert tuple(table.lengths[i]) == written[key].lengths
    loaded = reopened.load_vectors()
    np.testing.assert_array_equal(
        loaded.vectors[np.argsort(loaded.keys)].astype(np.float32), vectors
    )


def test_an_empty_store_loads(tmp_path: Path) -> None:
    store = LanceStore(tmp_path / "index", DIMENSION)
    assert len(store.load_terms().keys) == 0
    assert len(store.load_terms().indptr) == 1
    assert store.load_vectors().vectors.shape == (0, DIMENSION)


@pytest.mark.slow
def test_many_small_writes_leave_few_versions_and_fragments(tmp_path: Path) -> None:
    store = LanceStore(tmp_path / "index", DIMENSION)
    for key in range(60):
        store.add_terms([key], [terms(1, 2, 3)])
        if key >= 10:
            store.delete([key - 10])
        store.compact()
    stats = store.stats()
    assert stats.rows == 10
    assert stats.versions <= 60
    assert stats.fragments <= 30
    assert sorted(store.load_terms().keys.tolist()) == list(range(50, 60))


def test_another_dimension_starts_anew(tmp_path: Path) -> None:
    LanceStore(tmp_path / "index", DIMENSION).add_terms([1], [terms(1)])
    store = LanceStore(tmp_path / "index", DIMENSION * 2)
    assert store.rebuilt
    assert len(store.load_terms().keys) == 0


def test_damaged_files_start_anew(tmp_path: Path) -> None:
    LanceStore(tmp_path / "index", DIMENSION).add_terms([1], [terms(1)])
    for file in (tmp_path / "index").rglob("*.manifest"):
        file.write_bytes(b"garbage")
    store = LanceStore(tmp_path / "index", DIMENSION)
    assert store.rebuilt
    store.add_terms([2], [terms(4)])
    assert store.load_terms().keys.tolist() == [2]
