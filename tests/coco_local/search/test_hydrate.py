"""A hit is what is on disk now: moved lines are corrected, vanished text is dropped.

The index is built and then the files change behind its back, as when the watcher misses an event.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from coco_local.search.hydrate import VerifiedHit
from tests.indexed_file import IndexedFile

SOURCE = '''"""Module."""


def first_function(value):
    """Do the first thing."""
    result = value + 1
    return result * 2


def second_function(value):
    """Do the second thing."""
    result = value - 1
    return result / 2
'''


@pytest.fixture
def bench(tmp_path: Path) -> IndexedFile:
    return IndexedFile(tmp_path, SOURCE)


def shown(bench: IndexedFile, hit: VerifiedHit) -> str:
    lines = bench.path.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(lines[hit.start_line - 1 : hit.end_line])


def test_an_untouched_file_is_answered_as_it_was_indexed(bench: IndexedFile) -> None:
    hits, hydrator = bench.hits("second_function")
    assert "def second_function" in hits[0].content
    assert shown(bench, hits[0]) == hits[0].content
    assert (hydrator.relocated, hydrator.stale_dropped, hydrator.stale) == (0, 0, set())


@pytest.mark.parametrize("above", [1, 7, 500])
def test_lines_inserted_above_are_counted(bench: IndexedFile, above: int) -> None:
    bench.path.write_text("# new\n" * above + SOURCE, encoding="utf-8")
    hits, hydrator = bench.hits("second_function")
    assert "def second_function" in hits[0].content
    assert shown(bench, hits[0]) == hits[0].content
    assert hydrator.relocated >= 1
    assert hydrator.stale == {"module.py"}


def test_an_edited_body_is_shown_as_it_is_now(bench: IndexedFile) -> None:
    bench.path.write_text(SOURCE.replace("value - 1", "value - 100"), encoding="utf-8")
    hits, _ = bench.hits("second_function")
    text = "".join(hit.content for hit in hits)
    assert "value - 100" in text
    assert "value - 1\n" not in text
    for hit in hits:
        assert shown(bench, hit) == hit.content


def test_the_same_size_and_time_do_not_deceive(bench: IndexedFile) -> None:
    status = bench.path.stat()
    bench.path.write_text(SOURCE.replace("value - 1", "value - 9"), encoding="utf-8")
    os.utime(bench.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    hits, _ = bench.hits("second_function")
    assert all("value - 1\n" not in hit.content for hit in hits)


def test_text_that_is_gone_is_dropped(bench: IndexedFile) -> None:
    bench.path.write_text("nothing = 0\n", encoding="utf-8")
    hits, hydrator = bench.hits("second_function")
    assert all("second_function" not in hit.content for hit in hits)
    assert hydrator.stale_dropped >= 1


def test_a_file_that_is_gone_is_dropped(bench: IndexedFile) -> None:
    bench.path.unlink()
    hits, hydrator = bench.hits("second_function")
    assert hits == []
    assert hydrator.stale == {"module.py"}


def test_a_link_that_leads_out_is_never_followed(bench: IndexedFile, tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text(SOURCE, encoding="utf-8")
    bench.path.unlink()
    bench.path.symlink_to(outside)
    hits, _ = bench.hits("second_function")
    assert hits == []
