"""Notices of an answer: what keeps it from being the whole truth, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from coco_core.quantities import count
from coco_core.query import Query
from coco_core.search.course import EmptyReason, SearchPage
from coco_core.search.relevance import search_notice
from coco_core.search.request import SearchRequest
from coco_local.indexing.indexer import ProjectIndexer
from coco_local.search.absent import absent_paths
from coco_local.search.grep_files import text_encoding
from coco_local.search.hydrate import VerifiedHit
from coco_local.search.text_search import count_text, literal_pattern

__all__ = ["answer_notice", "empty_reason"]

# Files that are not indexed and hold what was asked for: those that a notice names.
_NAMED = 3

# Words shorter than this stand everywhere.
_SHORTEST_WORD = 3
_MOST_WORDS = 8


def empty_reason(indexer: ProjectIndexer, page: SearchPage[VerifiedHit]) -> EmptyReason | None:
    """Return why a page has no hit; None when it has one."""
    reason = page.empty_reason
    if reason == "nothing_indexed" and indexer.state == "empty":
        return "no_files"
    return reason


def answer_notice(
    indexer: ProjectIndexer,
    request: SearchRequest,
    page: SearchPage[VerifiedHit],
    *,
    embedded: bool,
    model_notice: str | None,
) -> str | None:
    """Say what is missing from an answer; None when nothing is.

    Args:
        indexer: of the index that answered.
        request: what was asked.
        page: the answer.
        embedded: whether there was a query vector.
        model_notice: why there was none, if there should have been one.
    """
    sentences = [
        page.notice,
        search_notice(request.query) if indexer.model.static else None,
        _broken(indexer),
        _without_vectors(indexer, request, page, embedded=embedded, model_notice=model_notice),
        _progress(indexer),
        _left_out(indexer, request, page),
    ]
    return " ".join(each for each in sentences if each) or None


def _broken(indexer: ProjectIndexer) -> str | None:
    if indexer.error is not None:
        return f"Indexing fails: {indexer.error}."
    if not indexer.project.root.is_dir():
        return f"The project's directory {str(indexer.project.root)!r} is not there."
    return None


def _without_vectors(
    indexer: ProjectIndexer,
    request: SearchRequest,
    page: SearchPage[VerifiedHit],
    *,
    embedded: bool,
    model_notice: str | None,
) -> str | None:
    if not request.needs_vector:
        return None
    notice = model_notice or indexer.model.notice
    if notice is not None:
        return notice
    if not embedded:
        return "Keyword search only: the embedding model is not ready."
    if page.candidates.filtered and page.candidates.vector_coverage <= 0:
        return "Keyword search only: nothing that was searched has a vector yet."
    return None


def _progress(indexer: ProjectIndexer) -> str | None:
    pending = indexer.pending
    if pending == 0:
        return None
    total = max(indexer.files_total, pending)
    return f"Indexing: {total - pending} of {total} files are in the index."


def _left_out(
    indexer: ProjectIndexer, request: SearchRequest, page: SearchPage[VerifiedHit]
) -> str | None:
    """Name what an answer cannot show: paths without indexed files, and files that hold it."""
    filters = request.intent.filters
    documents = indexer.index.memory.documents
    absent = absent_paths(indexer.scan, filters.include, list(documents), "indexed")
    if absent is not None or page.empty_reason in {"no_such_path", "past_the_end"}:
        return absent
    others = indexer.files.only_text
    if not others or not filters.empty or not _is_thin(request.query, page):
        return None
    return _holding(indexer, request.query, others)


def _is_thin(query: Query, page: SearchPage[VerifiedHit]) -> bool:
    """Whether there is no hit, or none that contains the name that was asked for."""
    if not page.hits:
        return True
    name = query.text.strip("\"'`").lower() if query.name else ""
    return bool(name) and not any(name in hit.content.lower() for hit in page.hits)


def _holding(indexer: ProjectIndexer, query: Query, others: dict[str, str]) -> str | None:
    """Say which of the files that are not indexed hold every word of a query."""
    wanted = query.phrases or _words(query)
    files = {}
    for name in others:
        encoding = text_encoding(indexer.project.root / name)
        if encoding is not None:
            files[name] = encoding
    for text in wanted:
        pattern = [literal_pattern(text)]
        found = count_text(indexer.project.root, ["--ignore-case"], pattern, files)
        files = {name: files[name] for name in found}
    if not wanted or not files:
        return None
    shown = ", ".join(f"{name} ({others[name]})" for name in sorted(files)[:_NAMED])
    more = ", …" if len(files) > _NAMED else ""
    verb = "is not indexed contains" if len(files) == 1 else "are not indexed contain"
    return f"{count(len(files), 'file')} that {verb} it: {shown}{more}; grep finds the lines."


def _words(query: Query) -> Sequence[str]:
    words = dict.fromkeys(word for word in query.words if len(word) >= _SHORTEST_WORD)
    return list(words)[:_MOST_WORDS]
