"""Static vectors stand in for the model's until those arrive, chunk by chunk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from coco_core.intent import SearchIntent
from coco_core.search.request import SearchRequest
from coco_core.types import CandidateSet
from coco_local.index.project import ProjectIndex
from coco_local.search.executor import InMemoryExecutor
from tests.coco_local.index.test_project import Disk, apply, prepared

AXES = np.eye(4, dtype=np.float32)


@pytest.fixture
def index(tmp_path: Path) -> ProjectIndex:
    index = Disk(tmp_path).open()
    apply(index, prepared("a.py", "read_file one", "write_file two", "copy_file three"))
    return index


def keys_of(index: ProjectIndex, doc_id: str = "a.py") -> list[int]:
    return [index.memory.metadata.key(row) for row in index.memory.documents[doc_id].rows]


def without_any(index: ProjectIndex) -> list[int]:
    return [key for key, _ in index.memory.without_vector("a.py", of_any_kind=True)]


def search(index: ProjectIndex) -> CandidateSet:
    intent = SearchIntent("file", retrieval_mode="vector")
    return InMemoryExecutor(index.memory).search(SearchRequest.of(intent), AXES[0])


def scores(index: ProjectIndex) -> dict[str, float | None]:
    return {each.metadata.symbol: each.vector for each in search(index).candidates}


def test_static_vectors_answer_and_do_not_count_as_embedded(index: ProjectIndex) -> None:
    keys = keys_of(index)
    assert without_any(index) == keys
    index.set_static_vectors(keys[:2], np.stack([AXES[0], -AXES[0]]))
    assert without_any(index) == keys[2:]
    assert [key for key, _ in index.memory.without_vector("a.py")] == keys
    assert index.memory.embedded_count == 0
    answer = search(index)
    # The third holds the word that was asked for, and has no vector yet.
    assert scores(index) == {"read_file": 1.0, "write_file": -1.0, "copy_file": None}
    assert answer.vector_coverage == answer.static_share == pytest.approx(2 / 3)


def test_the_models_vector_replaces_a_static_one_and_stays(index: ProjectIndex) -> None:
    keys = keys_of(index)
    index.set_static_vectors(keys, AXES[[0, 0, 0]])
    index.set_vectors(keys[:1], -AXES[:1])
    # A batch of static vectors that was under way comes too late.
    index.set_static_vectors(keys[:1], AXES[:1])
    assert scores(index) == {"read_file": -1.0, "write_file": 1.0, "copy_file": 1.0}
    assert index.memory.embedded_count == 1
    answer = search(index)
    assert answer.vector_coverage == 1.0
    assert answer.static_share == pytest.approx(2 / 3)


def test_a_changed_file_loses_its_static_vectors(index: ProjectIndex) -> None:
    old = keys_of(index)
    index.set_static_vectors(old, AXES[:3])
    apply(index, prepared("a.py", "move_file four"))
    index.set_static_vectors(old, AXES[:3])
    assert without_any(index) == keys_of(index)
    assert search(index).vector_coverage == 0.0


def test_compaction_keeps_both_kinds(index: ProjectIndex) -> None:
    apply(index, prepared("b.py", "gone five"))
    index.remove(index.next_sequence(), ["b.py"])
    keys = keys_of(index)
    index.set_static_vectors(keys, np.stack([AXES[0], AXES[1], -AXES[0]]))
    index.set_vectors(keys[1:2], AXES[:1])
    before = scores(index)
    index.memory = index.memory.compacted()
    assert scores(index) == before == {"read_file": 1.0, "write_file": 1.0, "copy_file": -1.0}
    assert index.memory.embedded_count == 1
    assert search(index).static_share == pytest.approx(2 / 3)


def test_only_the_models_vectors_are_stored(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    first = disk.open()
    apply(first, prepared("a.py", "read_file one", "write_file two"))
    keys = keys_of(first)
    first.set_static_vectors(keys, AXES[:2])
    first.set_vectors(keys[:1], AXES[3:4])
    first.flush()
    first.close()
    second = disk.open()
    assert second.memory.embedded_count == 1
    assert without_any(second) == keys[1:]
