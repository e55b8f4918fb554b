"""The files of a project, cut as local mode would, for a first question set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from coco_core.chunking import chunk_document
from coco_core.configs import DEFAULT_CONFIG
from coco_core.errors import Unreadable
from coco_core.types import Chunk, DocumentKey
from coco_local.indexing.pipeline import read_file
from coco_local.scan import ProjectScan
from coco_local.settings import Settings

__all__ = ["ProjectFiles"]


class ProjectFiles:
    """The files that local mode would index, read and cut one by one."""

    def __init__(self, root: Path, settings: Settings) -> None:
        scan = ProjectScan(root, settings)
        self.problem = scan.problem
        """What is wrong with the project's own settings."""
        self._root = root
        self._most_bytes = scan.settings.max_file_bytes
        self._doc_ids = sorted(scan.list_files().files)
        self.done = 0
        self.unreadable = 0

    @property
    def total(self) -> int:
        """How many files belong into an index."""
        return len(self._doc_ids)

    def chunks(self) -> Iterator[tuple[DocumentKey, Sequence[Chunk]]]:
        """Yield each document with its chunks; `done` counts, also what cannot be read."""
        for doc_id in self._doc_ids:
            try:
                content = read_file(self._root / doc_id, self._most_bytes)
            except Unreadable:
                # A binary file looks like any other by its name.
                self.unreadable += 1
                content = None
            if content is not None:
                cut = chunk_document(doc_id, content.data, DEFAULT_CONFIG.chunking)
                yield doc_id, cut.chunks
            self.done += 1
