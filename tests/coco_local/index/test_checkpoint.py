"""The checkpoint of an index: a start takes it, unless LanceDB or the checkpoint was touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from coco_local.index.project import ProjectIndex
from tests.coco_local.index.test_project import DIMENSION, Disk, apply, contents, found, prepared


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    """Stores of an index that was stopped in order."""
    disk = Disk(tmp_path)
    index = disk.open()
    apply(index, prepared("a.py", "alpha one", "beta two"), prepared("b.py", "gamma one"))
    apply(index, prepared("a.py", "alpha three", "delta \udc80one", "epsilon two"))
    keys = [index.memory.metadata[row].key for row in index.memory.documents["a.py"].rows]
    index.set_vectors(keys[1:], np.eye(2, DIMENSION, dtype=np.float32))
    index.flush()
    index.close()
    return disk


def checkpoint_file(disk: Disk) -> Path:
    return disk.root / "vectors" / "p-c" / "memory.checkpoint"


def tables_were_read(index: ProjectIndex) -> bool:
    # What LanceDB is asked for is counted by the library nowhere; whether it was opened is known.
    return index._lance is not None


def test_a_start_needs_no_tables(disk: Disk) -> None:
    again = disk.open()
    assert not tables_were_read(again)
    assert contents(again) == {"a.py": ["alpha", "delta", "epsilon"], "b.py": ["gamma"]}
    assert found(again, "one") == {"delta", "gamma"}
    assert found(again, "two") == {"epsilon"}
    assert again.memory.chunk_count == 4
    assert again.memory.embedded_count == 2
    assert again.unflushed == 0
    assert again.memory.rows_defining("BETA") == []
    assert len(again.memory.rows_defining("epsilon")) == 1
    stats = again.lance_stats()
    assert stats is not None
    assert stats.rows == 4


def test_it_is_equal_to_what_the_tables_give(disk: Disk) -> None:
    quick = disk.open()
    checkpoint_file(disk).unlink()
    slow = disk.open()
    assert tables_were_read(slow)
    assert contents(quick) == contents(slow)
    for doc_id, entry in slow.memory.documents.items():
        mine = quick.memory.documents[doc_id]
        assert mine.embed_keys == entry.embed_keys
        assert mine.document == entry.document
        for row, other in zip(mine.rows, entry.rows, strict=True):
            assert quick.memory.metadata[row] == slow.memory.metadata[other]
            pair = quick.memory.matrix.get(row), slow.memory.matrix.get(other)
            assert (pair[0] is None) == (pair[1] is None)
            if pair[0] is not None and pair[1] is not None:
                assert pair[0].tolist() == pair[1].tolist()
    assert quick.memory.snapshot().stats.chunks == slow.memory.snapshot().stats.chunks
    averages = [i.memory.snapshot().stats.average_lengths.tolist() for i in (quick, slow)]
    assert averages[0] == averages[1]


def test_the_index_goes_on_from_it(disk: Disk) -> None:
    index = disk.open()
    apply(index, prepared("b.py", "zeta one"), prepared("c.py", "eta one"))
    index.flush()
    index.close()
    again = disk.open()
    assert not tables_were_read(again)
    assert contents(again)["b.py"] == ["zeta"]
    assert found(again, "one") == {"delta", "zeta", "eta"}
    assert again.memory.compacted().chunk_count == 5


def test_a_write_without_a_new_checkpoint_makes_it_old(disk: Disk) -> None:
    index = disk.open()
    apply(index, prepared("b.py", "zeta one"))
    index.flush()
    again = disk.open()
    assert tables_were_read(again)
    assert found(again, "one") == {"delta", "zeta"}


def test_what_was_not_flushed_is_read_again(disk: Disk) -> None:
    index = disk.open()
    apply(index, prepared("b.py", "zeta one"))
    again = disk.open()
    assert not tables_were_read(again)
    assert set(contents(again)) == {"a.py"}
    assert found(again, "one") == {"delta"}
    assert again.unflushed == 1, "the row of the old version must leave LanceDB"


def _cut(raw: bytes) -> bytes:
    return raw[:-7]


def _longer(raw: bytes) -> bytes:
    return raw + b"x"


def _noise(raw: bytes) -> bytes:
    return bytes(reversed(raw))


def _empty(raw: bytes) -> bytes:
    return raw[:0]


def _other_arrays(raw: bytes) -> bytes:
    return raw.replace(b'"known"', b'"knowm"')


@pytest.mark.parametrize("damage", [_cut, _longer, _noise, _empty, _other_arrays])
def test_a_damaged_checkpoint_is_ignored(disk: Disk, damage: Callable[[bytes], bytes]) -> None:
    path = checkpoint_file(disk)
    path.write_bytes(damage(path.read_bytes()))
    again = disk.open()
    assert tables_were_read(again)
    assert found(again, "one") == {"delta", "gamma"}


def test_tables_that_changed_are_read(disk: Disk) -> None:
    (data, *_) = sorted((disk.root / "vectors" / "p-c").glob("terms.lance/data/*"))
    data.write_bytes(data.read_bytes()[:-1])
    assert tables_were_read(disk.open())
