"""The index keeps SQLite, memory and LanceDB in step, also when it is not closed properly."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from coco_core.bm25 import term_vector
from coco_core.configs import DEFAULT_CONFIG
from coco_core.tokens import analyze, term_id
from coco_core.types import Chunk, ChunkKind, Definition, Span, chunk_ids
from coco_local.index.project import ProjectIndex
from coco_local.store.database import Database
from coco_local.store.documents import PreparedChunk, PreparedDocument
from coco_local.store.embeddings import embed_key
from coco_local.store.schema import SCHEMA_VERSION, metadata, projects

DIMENSION = 4


def prepared(doc_id: str, *texts: str) -> PreparedDocument:
    chunks = [
        Chunk(
            kind=ChunkKind.FUNCTION,
            text=text,
            span=Span(i + 1, i + 1, i, i + 1),
            language="python",
            symbol=text.split()[0],
            definitions=(Definition(text.split()[0], ChunkKind.FUNCTION, i + 1),),
        )
        for i, text in enumerate(texts)
    ]
    ids = chunk_ids(doc_id, [chunk.content_hash for chunk in chunks])
    return PreparedDocument(
        doc_id=doc_id,
        size=len(texts),
        mtime_ns=1,
        content_hash=b"x" * 16,
        language="python",
        encoding="utf-8",
        chunks=tuple(
            PreparedChunk(
                chunk=chunk,
                chunk_id=chunk_id,
                embed_key=embed_key(chunk),
                fingerprint=b"",
                terms=term_vector(doc_id, chunk),
            )
            for chunk, chunk_id in zip(chunks, ids, strict=True)
        ),
    )


class Disk:
    """Opens the same stores again and again, as restarts of the daemon do."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def open(self) -> ProjectIndex:
        database = Database(self.root / "coco.db", metadata, SCHEMA_VERSION, keep=(projects,))
        index = ProjectIndex(
            "p-c", DEFAULT_CONFIG, database, self.root / "vectors", dimension=DIMENSION
        )
        index.load()
        return index


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def apply(index: ProjectIndex, *documents: PreparedDocument) -> None:
    index.apply([(index.next_sequence(), document) for document in documents])


def contents(index: ProjectIndex) -> dict[str, list[str]]:
    return {
        doc_id: [index.memory.metadata[row].symbol for row in entry.rows]
        for doc_id, entry in index.memory.documents.items()
    }


def found(index: ProjectIndex, word: str) -> set[str]:
    snapshot = index.memory.snapshot()
    (rows, _), *_rest = index.memory.postings.lookup([term_id(analyze(word)[0])])
    return {index.memory.metadata[row].symbol for row in rows if snapshot.live[row]}


def test_a_flushed_index_is_the_same_after_a_restart(disk: Disk) -> None:
    index = disk.open()
    apply(index, prepared("a.py", "alpha one", "beta two"), prepared("b.py", "gamma one"))
    keys = [index.memory.metadata[row].key for row in index.memory.documents["b.py"].rows]
    index.set_vectors(keys, np.eye(1, DIMENSION, dtype=np.float32))
    index.flush()

    again = disk.open()
    assert contents(again) == {"a.py": ["alpha", "beta"], "b.py": ["gamma"]}
    assert found(again, "one") == {"alpha", "gamma"}
    assert again.memory.embedded_count == 1
    assert again.unflushed == 0
    assert again.memory.rows_defining("BETA") != []


def test_what_was_not_flushed_is_read_again_and_never_half_there(disk: Disk) -> None:
    index = disk.open()
    apply(index, prepared("a.py", "alpha one"))
    index.flush()
    apply(index, prepared("a.py", "changed one", "more two"), prepared("b.py", "beta one"))

    again = disk.open()
    assert contents(again) == {}, "both documents changed after the flush: the disk must tell"
    apply(again, prepared("a.py", "changed one", "more two"))
    again.flush()
    assert contents(disk.open()) == {"a.py": ["changed", "more"]}
    assert disk.open().unflushed == 0, "rows of the old version are gone from LanceDB"


def test_a_removed_document_stays_away(disk: Disk) -> None:
    index = disk.open()
    apply(index, prepared("a.py", "alpha one"), prepared("b.py", "beta one"))
    index.flush()
    assert index.remove(index.next_sequence(), ["a.py", "never.py"]) == ["a.py"]
    assert found(index, "one") == {"beta"}
    again = disk.open()
    assert contents(again) == {"b.py": ["beta"]}


def test_of_two_reads_the_later_wins_in_either_order(disk: Disk) -> None:
    index = disk.open()
    older, newer = index.next_sequence(), index.next_sequence()
    index.apply([(newer, prepared("a.py", "new text"))])
    index.apply([(older, prepared("a.py", "old text"))])
    assert contents(index) == {"a.py": ["new"]}
    assert index.remove(older, ["a.py"]) == []


def test_a_lost_vector_directory_means_reading_again(disk: Disk) -> None:
    index = disk.open()
    apply(index, prepared("a.py", "alpha one"))
    index.flush()
    import shutil

    shutil.rmtree(disk.root / "vectors")
    assert contents(disk.open()) == {}


@pytest.mark.slow
def test_memory_stays_bounded_over_many_edits(disk: Disk) -> None:
    index = disk.open()
    apply(index, *[prepared(f"{n}.py", f"stable{n} word") for n in range(20)])
    random.seed(7)
    for step in range(1500):
        name = f"{random.randrange(20)}.py"
        apply(index, prepared(name, f"edit{step} word", f"second{step} word"))
        if step % 100 == 99:
            index.flush()
    index.flush()
    assert index.memory.tombstones <= 2_100
    assert len(found(index, "word")) == index.memory.chunk_count
    symbols = [s for names in contents(index).values() for s in names]
    assert found(index, "word") == set(symbols)
    assert contents(disk.open()) == contents(index)


def test_compaction_keeps_vectors_and_postings(disk: Disk) -> None:
    index = disk.open()
    apply(index, prepared("a.py", "alpha one", "beta two"), prepared("b.py", "gamma three"))
    key = index.memory.metadata[index.memory.documents["b.py"].rows[0]].key
    index.set_vectors([key], np.eye(1, DIMENSION, dtype=np.float32))
    apply(index, prepared("a.py", "delta one"))
    fresh = index.memory.compacted()
    assert fresh.tombstones == 0
    assert fresh.embedded_count == 1
    row = fresh.row_of(key)
    assert row is not None
    vector = fresh.matrix.get(row)
    assert vector is not None
    assert vector[0] == 1.0
    index.memory = fresh
    assert found(index, "one") == {"delta"}
    assert found(index, "two") == set()
    assert found(index, "three") == {"gamma"}


def test_a_chunk_that_is_embedded_twice_counts_once(disk: Disk) -> None:
    index = disk.open()
    apply(index, prepared("a.py", "alpha one", "beta two"))
    keys = [index.memory.metadata[row].key for row in index.memory.documents["a.py"].rows]
    index.set_vectors([keys[0], keys[0]], np.ones((2, DIMENSION), np.float32))
    assert index.memory.embedded_count == 1
    index.set_vectors(keys, np.ones((2, DIMENSION), np.float32))
    assert index.memory.embedded_count == 2
    apply(index, prepared("a.py", "gamma one"))
    assert index.memory.embedded_count == 0
