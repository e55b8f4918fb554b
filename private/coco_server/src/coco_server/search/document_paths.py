"""Path filters: globs are matched in this process, with the ids of a version's documents.

PostgreSQL would try every expression on every chunk, and compile all but 32 of them each time. A
segment never changes, so the ids of its documents are read once, and what a set of globs matches
is remembered.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import LiteralString

import numpy as np
from numpy.typing import NDArray

from coco_core.errors import QueryTimeout
from coco_core.filters import Filters
from coco_core.glob_sets import GlobSet
from coco_server.store.cancellation import refuse_if_cancelled
from coco_server.store.session import TenantSession
from coco_server.store.tables import of_version

__all__ = ["chunks_at_paths", "documents_at_paths"]

# Documents whose ids are kept in the process, some 150 bytes each with their chunks.
_MOST_DOCUMENTS = 1_000_000

# Answers that are remembered for each segment: the filters of a few dashboards; a byte a document.
_MOST_ANSWERS = 32

# 200 globs take about half a second for 100,000 documents. What takes longer is made to.
_MATCHING_SECONDS = 3.0

# After so many ids, a millisecond or less, other threads get their turn.
_IDS_AT_A_TIME = 250

_CHUNKS_OF_DOCUMENTS: LiteralString = (
    "SELECT doc_id, string_agg(int4send(chunk_key), ''::bytea) FROM {source_chunks} GROUP BY doc_id"
)


@dataclass(frozen=True, slots=True)
class _Documents:
    """The documents of one segment."""

    ids: list[str]
    keys: NDArray[np.int32]
    """int32[chunks], ascending"""
    document_of: NDArray[np.int32]
    """int32[chunks]: which of ``ids`` a chunk belongs to"""
    answers: OrderedDict[tuple[str, ...], NDArray[np.bool_]] = field(default_factory=OrderedDict)
    """bool[documents] by sorted globs: which one of these matches"""


class _Cache:
    """Documents of the segments that were filtered last; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str, int], _Documents] = OrderedDict()
        self._size = 0

    def of(self, session: TenantSession, segment_no: int) -> _Documents:
        """Return the documents of a segment that the session's org may see."""
        # Numbers of segments are a database's own.
        name = (session.connection.info.dbname, session.org_id, segment_no)
        with self._lock:
            known = self._known.get(name)
            if known is not None:
                self._known.move_to_end(name)
                return known
        read = _read(session, segment_no)
        with self._lock:
            if self._known.setdefault(name, read) is read:
                self._size += len(read.ids)
            while self._size > _MOST_DOCUMENTS:
                self._size -= len(self._known.popitem(last=False)[1].ids)
        return read


_cache = _Cache()

# One thread at a time: several would only take turns, and keep the event loop from its own.
_matching = threading.Lock()


def chunks_at_paths(
    session: TenantSession, parts: Sequence[int], filters: Filters
) -> NDArray[np.int32] | None:
    """Return the keys of the chunks whose documents pass the path globs, ascending.

    None when there are no globs. Chunks that a later segment has removed are among them.

    Args:
        session: of the version's org.
        parts: numbers of the version's segments.
        filters: of which the globs count here.

    Raises:
        QueryTimeout: matching takes too long.
        CallerLeft: the caller does not wait for it any more.
    """
    if not _any_glob(filters):
        return None
    found: list[NDArray[np.int32]] = []
    for part in parts:
        documents = _cache.of(session, part)
        found.append(documents.keys[_passing(documents, filters)[documents.document_of]])
    return np.sort(np.concatenate(found))


def documents_at_paths(
    session: TenantSession, parts: Sequence[int], filters: Filters
) -> list[tuple[int, str]] | None:
    """Return the documents that have chunks and pass the path globs, each with its segment.

    None when there are no globs. Documents that a later segment has removed are among them;
    arguments and errors are those of `chunks_at_paths`.
    """
    if not _any_glob(filters):
        return None
    found: list[tuple[int, str]] = []
    for part in parts:
        documents = _cache.of(session, part)
        passing = _passing(documents, filters)
        found += [(part, documents.ids[number]) for number in np.flatnonzero(passing)]
    return found


def _any_glob(filters: Filters) -> bool:
    return bool(filters.include or filters.exclude or any(filters.narrowed))


def _passing(documents: _Documents, filters: Filters) -> NDArray[np.bool_]:
    """Return bool[documents]."""
    passing = np.ones(len(documents.ids), np.bool_)
    for group in (filters.include, *filters.narrowed):
        if group:
            passing &= _matched(documents, group)
    if filters.exclude:
        passing &= ~_matched(documents, filters.exclude)
    return passing


def _matched(documents: _Documents, globs: Sequence[str]) -> NDArray[np.bool_]:
    group = tuple(sorted(set(globs)))
    # Without the lock, for what is remembered must not wait for what is matched.
    found = documents.answers.get(group)
    if found is not None:
        return found
    deadline = time.monotonic() + _MATCHING_SECONDS
    if not _matching.acquire(timeout=_MATCHING_SECONDS):
        raise _too_slow()
    try:
        found = documents.answers.get(group)
        if found is None:
            found = documents.answers[group] = _match(documents.ids, group, deadline)
            if len(documents.answers) > _MOST_ANSWERS:
                documents.answers.popitem(last=False)
    finally:
        _matching.release()
    return found


def _match(ids: Sequence[str], group: Sequence[str], deadline: float) -> NDArray[np.bool_]:
    globs = GlobSet(group)
    found = np.empty(len(ids), np.bool_)
    for first in range(0, len(ids), _IDS_AT_A_TIME):
        part = ids[first : first + _IDS_AT_A_TIME]
        for number, doc_id in enumerate(part, first):
            found[number] = globs.matches(doc_id)
            if not number % 10 and time.monotonic() > deadline:
                raise _too_slow()
        refuse_if_cancelled()
        # Another thread that waits for the interpreter gets it now, and not after 5 ms.
        time.sleep(0)
    return found


def _too_slow() -> QueryTimeout:
    return QueryTimeout(
        f"Matching the path globs took more than {_MATCHING_SECONDS:g} seconds and was stopped.",
        hint="Use fewer globs, and fewer '*' and '**' in each; 'src/**' and '*.py' cost least.",
    )


def _read(session: TenantSession, segment_no: int) -> _Documents:
    rows = session.connection.execute(
        of_version(_CHUNKS_OF_DOCUMENTS, segment_no), binary=True
    ).fetchall()
    keys = np.frombuffer(b"".join(packed for _, packed in rows), ">i4").astype(np.int32)
    counts = np.array([len(packed) // 4 for _, packed in rows], np.int64)
    document_of = np.repeat(np.arange(len(rows), dtype=np.int32), counts)
    order = np.argsort(keys)
    return _Documents([doc_id for doc_id, _ in rows], keys[order], document_of[order])
