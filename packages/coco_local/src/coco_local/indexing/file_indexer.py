"""Indexing files of one project: read, cut, write; gone, unwanted and unreadable ones leave."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from coco_core.errors import Unreadable
from coco_core.languages import detect_language
from coco_core.ports import Tokenizer
from coco_local.index.project import ProjectIndex
from coco_local.indexing.chunk_reuse import taken_over
from coco_local.indexing.pipeline import FileContent, prepare, read_file
from coco_local.monitoring.activity import Activity
from coco_local.scan import FileStat, Listing, ProjectScan, Reason
from coco_local.settings import Settings
from coco_local.store.documents import PreparedDocument
from coco_local.store.projects import Project

__all__ = ["FileIndexer", "LookedAt"]

# A file whose time stamp is younger than this when it is read may change again without a new stamp
# (file systems tick in milliseconds): its stamp is not trusted, the next scan compares the content.
_RACY_NS = 50_000_000
_UNTRUSTED_STAMP = -1

# Content that nobody expects to find: not worth a line among the skipped files.
_EXPECTED = frozenset({Reason.BINARY, Reason.MINIFIED})


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What became of files that were to be brought up to date."""

    doc_ids: list[str]
    """All that were looked at."""
    written: list[str]
    """Those of them that have new chunks."""
    copied: int
    """Those of the written that another index had cut already."""


class FileIndexer:
    """Brings single files of a project into its index or out of it; thread-safe."""

    def __init__(
        self,
        project: Project,
        index: ProjectIndex,
        scan: ProjectScan,
        settings: Settings,
        activity: Activity,
        *,
        donors: Callable[[], Sequence[FileIndexer]] = tuple,
        tokenizer: Callable[[], Tokenizer | None] = lambda: None,
    ) -> None:
        """Describe the files of an index.

        Args:
            project: whose files they are.
            index: where they go.
            scan: says which files belong into it.
            settings: the daemon's.
            activity: hears what was indexed.
            donors: other indexes of the project that are cut in the same way.
            tokenizer: counts the tokens of the index's model; None for an estimate.
        """
        self.scan = scan
        self.skipped: dict[str, str] = {}
        self._project = project
        self._index = index
        self._max_bytes = settings.max_file_bytes
        self._activity = activity
        self._donors = donors
        self._tokenizer = tokenizer
        self._binary: dict[str, tuple[int, int]] = {}
        self._recut: set[str] = set()
        self._recut_round = 0
        self._recut_languages: frozenset[str] = frozenset()

    def list_files(self) -> Listing:
        """List what belongs into the index now."""
        listing = self.scan.list_files()
        self.skipped = {
            **dict(listing.skipped),
            **{d: reason for d, reason in self.skipped.items() if d in listing.files},
        }
        return listing

    def differing(self, listing: Listing) -> list[str]:
        """Return the listed files that must be read; newest first, for they are asked for most."""
        found = [file for file in listing.files.values() if self.differs(file)]
        return [file.doc_id for file in sorted(found, key=lambda f: f.mtime_ns, reverse=True)]

    def differs(self, file: FileStat) -> bool:
        """Whether a listed file must be read: it is new, changed, or could not be read before."""
        entry = self._index.memory.documents.get(file.doc_id)
        if entry is None:
            return self._binary.get(file.doc_id) != (file.size, file.mtime_ns)
        return (entry.document.size, entry.document.mtime_ns) != (file.size, file.mtime_ns)

    def known(self, doc_id: str) -> bool:
        """Whether the file is in the index, or was skipped."""
        return doc_id in self._index.memory.documents or doc_id in self.skipped

    @property
    def recutting(self) -> int:
        """Files that wait to be cut anew."""
        return len(self._recut & self._index.memory.documents.keys())

    def recut(self, languages: Collection[str]) -> list[str]:
        """Let the next look cut the files of these languages anew; returns them."""
        self._recut_languages = frozenset(languages)
        self._recut_round += 1
        documents = list(self._index.memory.documents.values())
        found = [
            entry.document.doc_id
            for entry in documents
            if entry.document.language in languages
            or detect_language(entry.document.doc_id) in languages
        ]
        self._recut.update(found)
        return found

    def parse_again(self) -> None:
        """Let nothing that is indexed now be copied, from or to here, before it is cut anew."""
        self._recut.update(list(self._index.memory.documents))

    def below(self, directory: str) -> list[str]:
        """Return the indexed documents below a directory (relative, without a final slash)."""
        prefix = directory + "/"
        return [known for known in list(self._index.memory.documents) if known.startswith(prefix)]

    def index(self, doc_ids: Sequence[str], hurry: Callable[[], bool] = lambda: False) -> LookedAt:
        """Bring files up to date in one transaction.

        As soon as ``hurry`` says so, what was read is written and the rest is left.
        """
        prepared: list[tuple[int, PreparedDocument]] = []
        looked_at: list[str] = []
        copied: set[str] = set()
        began = self._recut_round
        for doc_id in doc_ids:
            ticket = self._index.ticket()
            document = self._prepare(ticket, doc_id, copied)
            looked_at.append(doc_id)
            if document is not None:
                prepared.append((ticket, document))
            if hurry():
                break
        written = self._write(prepared)
        if self._recut_round != began:
            # These were cut while a grammar came, and were in nobody's sight.
            late = {d.doc_id for _, d in prepared if d.language in self._recut_languages}
            self._recut |= late
            looked_at = [doc_id for doc_id in looked_at if doc_id not in late]
        return LookedAt(looked_at, written, len(copied.intersection(written)))

    def _write(self, prepared: Sequence[tuple[int, PreparedDocument]]) -> list[str]:
        if not prepared:
            return []
        written = self._index.apply(prepared)
        for _, document in prepared:
            self._activity.file(
                self._project.project_id, document.doc_id, "indexed", len(document.chunks)
            )
        return [document.doc_id for document in written]

    def _prepare(self, ticket: int, doc_id: str, copied: set[str]) -> PreparedDocument | None:
        path = self._project.root / doc_id
        try:
            content = read_file(path, self._max_bytes)
        except Unreadable as error:
            self._drop(ticket, doc_id)
            self._skip(doc_id, path, error.message)
            return None
        if content is None or not self.scan.decide(path).indexed:
            self._drop(ticket, doc_id)
            self.skipped.pop(doc_id, None)
            return None
        self.skipped.pop(doc_id, None)
        stamp = content.mtime_ns
        if time.time_ns() - stamp < _RACY_NS:
            stamp = _UNTRUSTED_STAMP
        entry = self._index.memory.documents.get(doc_id)
        if (
            entry is not None
            and entry.document.content_hash == content.digest
            and doc_id not in self._recut
        ):
            self._index.touch(ticket, doc_id, content.size, stamp)
            return None
        document = self._copy(doc_id, content)
        if document is not None:
            copied.add(doc_id)
            return replace(document, mtime_ns=stamp)
        # Before the cut: who asks again meanwhile means a newer grammar.
        self._recut.discard(doc_id)
        config = self._index.config.chunking
        # Sizes are promised in the model's own tokens; elsewhere an estimate does.
        tokenizer = self._tokenizer() if config.strategy_name == "fixed_token" else None
        document = prepare(doc_id, content, config, tokenizer)
        return replace(document, mtime_ns=stamp)

    def _copy(self, doc_id: str, content: FileContent) -> PreparedDocument | None:
        """Take over what another index made of the same content."""
        if doc_id in self._recut:
            return None
        for donor in self._donors():
            # What waits for a newer grammar is nothing to copy.
            found = None if doc_id in donor._recut else taken_over(donor._index, doc_id, content)
            if found is not None:
                return found
        return None

    def _skip(self, doc_id: str, path: Path, reason: str) -> None:
        if reason not in _EXPECTED:
            self.skipped[doc_id] = reason
            return
        # Nothing to show, and nothing to try again until the file changes.
        try:
            status = path.stat()
        except OSError:
            return
        self._binary[doc_id] = (status.st_size, status.st_mtime_ns)

    def _drop(self, ticket: int, doc_id: str) -> None:
        if self._index.remove(ticket, [doc_id]):
            self._activity.file(self._project.project_id, doc_id, "removed")
