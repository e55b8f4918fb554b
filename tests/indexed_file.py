"""A project of one file, indexed in this process; afterwards a test changes the disk behind it."""

from __future__ import annotations

from pathlib import Path

from coco_core.configs import DEFAULT_CONFIG
from coco_core.intent import SearchIntent
from coco_core.ranking import Ranked, rank
from coco_core.search.course import StageClock, run_search
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


class IndexedFile:
    """A file with its index."""

    def __init__(self, folder: Path, source: str, name: str = "module.py") -> None:
        root, home = folder / "project", folder / "home"
        root.mkdir()
        home.mkdir()
        self.path = root / name
        self.path.write_text(source, encoding="utf-8")
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
        files.index([name])
        self.reader = SourceReader(root, settings.max_file_bytes)

    def ranked(self, text: str) -> tuple[list[Ranked], DiskHydrator]:
        """Return what ranks for a question, and what has prefetched it."""
        request = SearchRequest.of(SearchIntent(text))
        found = InMemoryExecutor(self.index.memory).search(request, None)
        ranked = rank(request.intent, request.query, found)
        hydrator = DiskHydrator(self.index, self.reader)
        hydrator.prefetch(ranked)
        return ranked, hydrator

    def hits(self, text: str) -> tuple[list[VerifiedHit], DiskHydrator]:
        """Return every chunk that ranks, as it is on disk now."""
        ranked, hydrator = self.ranked(text)
        return [hit for item in ranked if (hit := hydrator.verify(item)) is not None], hydrator

    def page(self, text: str, tokens: int | None = None) -> list[VerifiedHit]:
        """Return the hits of an answer."""
        request = SearchRequest.of(SearchIntent(text, max_tokens=tokens))
        executor = InMemoryExecutor(self.index.memory)
        hydrator = DiskHydrator(self.index, self.reader)
        return run_search(request, None, executor, hydrator, StageClock(), in_pieces=True).hits

    @property
    def lines(self) -> list[str]:
        """The lines that are on disk now."""
        return self.path.read_text(encoding="utf-8").splitlines()
