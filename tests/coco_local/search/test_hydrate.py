"""A hit is what is on disk now: moved lines are corrected, vanished text is dropped.

The index is built and then the files change behind its back, as when the watcher misses an event.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from coco_core.configs import DEFAULT_CONFIG
from coco_core.intent import SearchIntent
from coco_core.ranking import rank
from coco_core.search.request import SearchRequest
from coco_local.index.project import ProjectIndex
from coco_local.indexing.file_indexer import FileIndexer
from coco_local.monitoring.activity import Activity
from coco_local.scan import ProjectScan
from coco_local.search.executor import InMemoryExecutor
from coco_local.search.hydrate import DiskHydrator, VerifiedHit
from coco_local.settings import load_settings
from coco_local.source.reader import SourceReader
from coco_local.store.database import Database
from coco_local.store.projects import Project
from coco_local.store.schema import SCHEMA_VERSION, metadata, projects

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


class Bench:
    """A project of one file, indexed once; afterwards only the disk changes."""

    def __init__(self, root: Path, home: Path) -> None:
        self.path = root / "module.py"
        settings = load_settings({}, environ={"COCO_HOME": str(home)})
        self.index = ProjectIndex(
            "p-c",
            DEFAULT_CONFIG,
            Database(home / "coco.db", metadata, SCHEMA_VERSION, keep=(projects,)),
            home / "vectors",
            dimension=4,
        )
        project = Project("p", "p", root, "default", 0.0, None)
        files = FileIndexer(project, self.index, ProjectScan(root, settings), settings, Activity())
        files.index(["module.py"])
        self.reader = SourceReader(root, settings.max_file_bytes)

    def hits(self, text: str) -> tuple[list[VerifiedHit], DiskHydrator]:
        request = SearchRequest.of(SearchIntent(text))
        found = InMemoryExecutor(self.index.memory).search(request, None)
        ranked = rank(request.intent, request.query, found)
        hydrator = DiskHydrator(self.index, self.reader)
        hydrator.prefetch(ranked)
        return [hit for item in ranked if (hit := hydrator.verify(item)) is not None], hydrator


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    root = tmp_path / "project"
    root.mkdir()
    (root / "module.py").write_text(SOURCE, encoding="utf-8")
    home = tmp_path / "home"
    home.mkdir()
    yield Bench(root, home)


def shown(bench: Bench, hit: VerifiedHit) -> str:
    lines = bench.path.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(lines[hit.start_line - 1 : hit.end_line])


def test_an_untouched_file_is_answered_as_it_was_indexed(bench: Bench) -> None:
    hits, hydrator = bench.hits("second_function")
    assert "def second_function" in hits[0].content
    assert shown(bench, hits[0]) == hits[0].content
    assert (hydrator.relocated, hydrator.stale_dropped, hydrator.stale) == (0, 0, set())


@pytest.mark.parametrize("above", [1, 7, 500])
def test_lines_inserted_above_are_counted(bench: Bench, above: int) -> None:
    bench.path.write_text("# new\n" * above + SOURCE, encoding="utf-8")
    hits, hydrator = bench.hits("second_function")
    assert "def second_function" in hits[0].content
    assert shown(bench, hits[0]) == hits[0].content
    assert hydrator.relocated >= 1
    assert hydrator.stale == {"module.py"}


def test_an_edited_body_is_shown_as_it_is_now(bench: Bench) -> None:
    bench.path.write_text(SOURCE.replace("value - 1", "value - 100"), encoding="utf-8")
    hits, _ = bench.hits("second_function")
    text = "".join(hit.content for hit in hits)
    assert "value - 100" in text
    assert "value - 1\n" not in text
    for hit in hits:
        assert shown(bench, hit) == hit.content


def test_the_same_size_and_time_do_not_deceive(bench: Bench) -> None:
    status = bench.path.stat()
    bench.path.write_text(SOURCE.replace("value - 1", "value - 9"), encoding="utf-8")
    os.utime(bench.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    hits, _ = bench.hits("second_function")
    assert all("value - 1\n" not in hit.content for hit in hits)


def test_text_that_is_gone_is_dropped(bench: Bench) -> None:
    bench.path.write_text("nothing = 0\n", encoding="utf-8")
    hits, hydrator = bench.hits("second_function")
    assert all("second_function" not in hit.content for hit in hits)
    assert hydrator.stale_dropped >= 1


def test_a_file_that_is_gone_is_dropped(bench: Bench) -> None:
    bench.path.unlink()
    hits, hydrator = bench.hits("second_function")
    assert hits == []
    assert hydrator.stale == {"module.py"}


def test_a_link_that_leads_out_is_never_followed(bench: Bench, tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text(SOURCE, encoding="utf-8")
    bench.path.unlink()
    bench.path.symlink_to(outside)
    hits, _ = bench.hits("second_function")
    assert hits == []
