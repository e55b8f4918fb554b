"""Indexing files of one project: read, chunk, write; remove the gone, unwanted and unreadable."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from coco_core.errors import Unreadable
from coco_core.languages import detect_language
from coco_core.ports import Tokenizer
from coco_local.index.project import ProjectIndex
from coco_local.indexing.chunk_reuse import reuse_chunks
from coco_local.indexing.pipeline import FileContent, prepare, read_file
from coco_local.monitoring.activity import Activity
from coco_local.scan import SEARCHED_AS_TEXT, Decision, FileStat, Listing, ProjectScan, Reason
from coco_local.settings import Settings
from coco_local.store.documents import PreparedDocument
from coco_local.store.projects import Project

__all__ = ["FileIndexer", "IndexedFiles"]

# A file whose time stamp is younger than this when it is read may change again without a new stamp
# (file systems tick in milliseconds): its stamp is not trusted, the next scan compares the content.
_RACY_NS = 50_000_000
_UNTRUSTED_STAMP = -1

# Content that nobody expects to find: not worth a line among the skipped files.
_EXPECTED = frozenset({Reason.BINARY, Reason.MINIFIED})

# What the content decided stays so until the content changes.
_BY_CONTENT = _EXPECTED | {Reason.SECRET}


@dataclass(frozen=True, slots=True)
class IndexedFiles:
    """The result of bringing files up to date."""

    doc_ids: list[str]
    """All that were compared with the disk."""
    written: list[str]
    """Those of them that have new chunks."""
    copied: int
    """Those of the written whose chunks another index had already."""


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
        chunk_sources: Callable[[], Sequence[FileIndexer]] = tuple,
        tokenizer: Callable[[], Tokenizer | None] = lambda: None,
    ) -> None:
        """Describe the files of an index.

        Args:
            project: whose files they are.
            index: where they go.
            scan: says which files belong into it.
            settings: the daemon's.
            activity: records what was indexed.
            chunk_sources: other indexes with the same chunks, of the project or of a work tree.
            tokenizer: counts the tokens of the index's model; None for an estimate.
        """
        self.scan = scan
        self.skipped: dict[str, str] = {}
        self._project = project
        self._index = index
        self._max_bytes = settings.max_file_bytes
        self._activity = activity
        self._chunk_sources = chunk_sources
        self._tokenizer = tokenizer
        self._refused: dict[str, tuple[tuple[int, int], str]] = {}
        self._only_text: dict[str, str] = {}
        self._to_rechunk: set[str] = set()
        self._rechunk_round = 0
        self._rechunk_languages: frozenset[str] = frozenset()

    def list_files(self, enter: Callable[[Path], object]) -> Listing:
        """List what belongs into the index now; ``enter`` as in `ProjectScan.list_files`."""
        listing = self.scan.list_files(enter)
        self.skipped = {
            **dict(listing.skipped),
            **{d: reason for d, reason in self.skipped.items() if d in listing.files},
        }
        self._only_text = dict(listing.only_text)
        refused = list(self._refused.items())
        self._refused = {d: known for d, known in refused if d in listing.files}
        return listing

    @property
    def only_text(self) -> dict[str, str]:
        """Files that are not indexed and that a text search looks into: path to reason."""
        refused = list(self._refused.items())
        by_content = {d: reason for d, (_, reason) in refused if reason in SEARCHED_AS_TEXT}
        return {**self._only_text, **by_content}

    def list_below(self, directory: Path, enter: Callable[[Path], object]) -> list[FileStat]:
        """List what belongs into the index of one directory now; ``enter`` as in the scan."""
        listing = self.scan.list_below(directory, enter)
        self._only_text.update(listing.only_text)
        return list(listing.files.values())

    def note_left_out(self, doc_id: str, decision: Decision) -> None:
        """Remember why a file that came or changed since the last listing is not indexed."""
        if decision.reason in SEARCHED_AS_TEXT:
            self._only_text[doc_id] = decision.reason
        else:
            self._only_text.pop(doc_id, None)

    def differing(self, listing: Listing) -> list[str]:
        """Return the listed files that must be read; newest first, for they are asked for most."""
        found = [file for file in listing.files.values() if self.differs(file)]
        return [file.doc_id for file in sorted(found, key=lambda f: f.mtime_ns, reverse=True)]

    def differs(self, file: FileStat) -> bool:
        """Whether a listed file must be read: it is new, changed, or could not be read before."""
        entry = self._index.memory.documents.get(file.doc_id)
        if entry is None:
            refused = self._refused.get(file.doc_id)
            return refused is None or refused[0] != (file.size, file.mtime_ns)
        return (entry.document.size, entry.document.mtime_ns) != (file.size, file.mtime_ns)

    def known(self, doc_id: str) -> bool:
        """Whether the file is in the index, or was skipped."""
        return doc_id in self._index.memory.documents or doc_id in self.skipped

    @property
    def rechunking(self) -> int:
        """Files that wait to be chunked again."""
        return len(self._to_rechunk & self._index.memory.documents.keys())

    def rechunk(self, languages: Collection[str]) -> list[str]:
        """Let the next look chunk the files of these languages again; returns them."""
        self._rechunk_languages = frozenset(languages)
        self._rechunk_round += 1
        documents = list(self._index.memory.documents.values())
        found = [
            entry.document.doc_id
            for entry in documents
            if entry.document.language in languages
            or detect_language(entry.document.doc_id) in languages
        ]
        self._to_rechunk.update(found)
        return found

    def parse_again(self) -> None:
        """Let no chunks that exist now be reused, from or to here, before they are made anew."""
        self._to_rechunk.update(list(self._index.memory.documents))

    def below(self, directory: str) -> list[str]:
        """Return the indexed documents below a directory (relative, without a final slash)."""
        prefix = directory + "/"
        return [known for known in list(self._index.memory.documents) if known.startswith(prefix)]

    def index(
        self, doc_ids: Sequence[str], should_yield: Callable[[], bool] = lambda: False
    ) -> IndexedFiles:
        """Bring files up to date in one transaction.

        As soon as ``should_yield`` says so, what was read is written and the rest is left.
        """
        prepared: list[tuple[int, PreparedDocument]] = []
        seen: list[str] = []
        copied: set[str] = set()
        began = self._rechunk_round
        for doc_id in doc_ids:
            sequence = self._index.next_sequence()
            document = self._prepare(sequence, doc_id, copied)
            seen.append(doc_id)
            if document is not None:
                prepared.append((sequence, document))
            if should_yield():
                break
        written = self._write(prepared)
        if self._rechunk_round != began:
            # These were chunked while a grammar came, when they were not in the index yet.
            late = {d.doc_id for _, d in prepared if d.language in self._rechunk_languages}
            self._to_rechunk |= late
            seen = [doc_id for doc_id in seen if doc_id not in late]
        return IndexedFiles(seen, written, len(copied.intersection(written)))

    def _write(self, prepared: Sequence[tuple[int, PreparedDocument]]) -> list[str]:
        if not prepared:
            return []
        written = self._index.apply(prepared)
        for _, document in prepared:
            self._activity.file(
                self._project.project_id, document.doc_id, "indexed", len(document.chunks)
            )
        return [document.doc_id for document in written]

    def _prepare(self, sequence: int, doc_id: str, copied: set[str]) -> PreparedDocument | None:
        path = self._project.root / doc_id
        try:
            content = read_file(path, self._max_bytes)
        except Unreadable as error:
            self._drop(sequence, doc_id)
            self._skip(doc_id, path, error.message)
            return None
        decision = self.scan.decide(path)
        self.note_left_out(doc_id, decision)
        self._refused.pop(doc_id, None)
        self.skipped.pop(doc_id, None)
        if content is None or not decision.indexed:
            self._drop(sequence, doc_id)
            return None
        stamp = content.mtime_ns
        if time.time_ns() - stamp < _RACY_NS:
            stamp = _UNTRUSTED_STAMP
        entry = self._index.memory.documents.get(doc_id)
        if (
            entry is not None
            and entry.document.content_hash == content.digest
            and doc_id not in self._to_rechunk
        ):
            self._index.touch(sequence, doc_id, content.size, stamp)
            return None
        document = self._copy(doc_id, content)
        if document is not None:
            copied.add(doc_id)
            return replace(document, mtime_ns=stamp)
        # Before it is chunked: who asks again meanwhile means a newer grammar.
        self._to_rechunk.discard(doc_id)
        config = self._index.config.chunking
        # Sizes are promised in the model's own tokens; elsewhere an estimate does.
        tokenizer = self._tokenizer() if config.strategy_name == "fixed_token" else None
        document = prepare(doc_id, content, config, tokenizer)
        return replace(document, mtime_ns=stamp)

    def _copy(self, doc_id: str, content: FileContent) -> PreparedDocument | None:
        """Reuse what another index made of the same content."""
        if doc_id in self._to_rechunk:
            return None
        for source in self._chunk_sources():
            # What waits for a newer grammar is nothing to copy.
            found = (
                None
                if doc_id in source._to_rechunk
                else reuse_chunks(source._index, doc_id, content)
            )
            if found is not None:
                return found
        return None

    def _skip(self, doc_id: str, path: Path, reason: str) -> None:
        if reason not in _EXPECTED:
            self.skipped[doc_id] = reason
        if reason == Reason.TOO_LARGE:
            self._only_text[doc_id] = reason
        if reason not in _BY_CONTENT:
            return
        # Nothing to try again until the file changes.
        try:
            status = path.stat()
        except OSError:
            return
        self._refused[doc_id] = ((status.st_size, status.st_mtime_ns), reason)

    def _drop(self, sequence: int, doc_id: str) -> None:
        if self._index.remove(sequence, [doc_id]):
            self._activity.file(self._project.project_id, doc_id, "removed")
