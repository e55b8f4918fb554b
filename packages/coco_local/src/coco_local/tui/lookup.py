"""Lookups: what the search view can list, each answered by one request to the daemon."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from coco_core.errors import InvalidInput
from coco_core.filter_words import split_filters
from coco_core.query_filters import parse_filters
from coco_local.tui.found import (
    Found,
    found_by_search,
    found_by_text,
    found_definition,
    found_in_outline,
    found_use,
)
from coco_local.tui.nothing_found import no_hit, no_line
from coco_local.tui.source import word_pattern
from coco_protocol.code import SymbolRequest
from coco_protocol.docs import (
    DocumentRequest,
    QueryEnvelope,
    QueryMeta,
    QueryRequest,
    RelatedRequest,
    RetrievalBody,
)
from coco_protocol.grep import GrepRequest

if TYPE_CHECKING:
    from coco_protocol.local import LocalService

__all__ = ["Listing", "Lookup", "LookupKind", "look_up"]

LookupKind: TypeAlias = Literal["search", "text", "related", "symbols", "uses"]

# More hits than anyone scrolls through, and more lines.
_HITS = 40
_LINES = 400


@dataclass(frozen=True, slots=True)
class Lookup:
    """What is asked, in which project: typed words, or what belongs to a found place."""

    kind: LookupKind
    project_id: str
    text: str = ""
    place: Found | None = None

    @property
    def title(self) -> str:
        """What the list is of."""
        if self.place is not None and self.kind == "related":
            return f"Like {self.place.place}"
        if self.place is not None and self.kind == "symbols":
            return f"Symbols of {self.place.path}"
        if self.place is not None and self.kind == "uses":
            return f"Uses of {self.place.symbol or self.place.place}"
        return "Lines with this text" if self.kind == "text" else "Results"

    @property
    def marked_words(self) -> re.Pattern[str] | None:
        """What is marked in the code."""
        if self.kind == "text":
            pattern, regex = _pattern(split_filters(self.text)[0])
            return _compiled(pattern if regex else re.escape(pattern))
        if self.kind == "uses" and self.place is not None:
            return word_pattern(self.place.symbol.rpartition(".")[2])
        return word_pattern(split_filters(self.text)[0]) if self.kind == "search" else None


@dataclass(frozen=True, slots=True)
class Listing:
    """The answer to a lookup: the places, a summary of their number, and what is not complete."""

    found: tuple[Found, ...]
    summary: str
    empty: str
    """What to say where nothing was found."""
    reservations: tuple[str, ...] = ()


def look_up(client: LocalService, lookup: Lookup) -> Listing:
    """Ask the daemon.

    Raises:
        CocoError: the daemon refused, or does not answer.
    """
    return _LOOKUPS[lookup.kind](client, lookup)


def _search(client: LocalService, lookup: Lookup) -> Listing:
    # Filters such as `lang:py` stand in the text; the service reads them.
    request = QueryRequest(
        query=lookup.text,
        project_id=lookup.project_id,
        retrieval_config=RetrievalBody(top_k=_HITS),
    )
    return _of_hits(client.query(request))


def _related(client: LocalService, lookup: Lookup) -> Listing:
    place = _place(lookup)
    request = RelatedRequest(
        doc_id=place.path,
        line=place.first_line,
        project_id=lookup.project_id,
        retrieval_config=RetrievalBody(top_k=_HITS),
    )
    return _of_hits(client.related(request))


def _of_hits(answer: QueryEnvelope) -> Listing:
    data = answer.data
    return Listing(
        tuple(map(found_by_search, data.results)),
        _counted(len(data.results), "hit", more=data.next_offset is not None),
        no_hit(data.empty_reason, answer.meta.notice),
        tuple(_reservations(answer.meta)),
    )


def _text(client: LocalService, lookup: Lookup) -> Listing:
    parsed = parse_filters(lookup.text)
    places = [globs for globs in (parsed.paths, parsed.files, parsed.extensions) if globs]
    if len(places) > 1 or parsed.kinds or parsed.symbol:
        raise InvalidInput(
            "Text is searched in files: lang: says in which, and path:, file: or ext:, one of "
            "these at a time."
        )
    pattern, regex = _pattern(parsed.text)
    request = GrepRequest(
        pattern=pattern,
        regex=regex,
        project_id=lookup.project_id,
        include=list(places[0] if places else ()),
        exclude=list(parsed.exclude),
        languages=list(parsed.languages),
        limit=_LINES,
    )
    data = client.grep(request)
    return Listing(
        tuple(map(found_by_text, data.matches)),
        _counted(len(data.matches), "line", more=data.truncated),
        empty=no_line(data.empty_reason, pattern, data.notice),
    )


def _symbols(client: LocalService, lookup: Lookup) -> Listing:
    path = _place(lookup).path
    data = client.outline(DocumentRequest(doc_id=path, project_id=lookup.project_id))
    return Listing(
        tuple(found_in_outline(path, data.language, symbol) for symbol in data.symbols),
        _counted(len(data.symbols), "symbol", more=False),
        empty=f"{path} has no definitions or headings",
    )


def _uses(client: LocalService, lookup: Lookup) -> Listing:
    request = SymbolRequest(
        name=_place(lookup).name, want="references", project_id=lookup.project_id, limit=_LINES
    )
    data = client.symbol(request)
    uses = [use for use in data.occurrences if use.role != "definition"]
    found = (*map(found_definition, data.definitions), *map(found_use, uses))
    return Listing(
        found,
        _counted(len(uses), "use", more=data.next_after is not None),
        empty=data.notice or f"Nothing is known of {data.name}",
        reservations=("not all files looked at",) if data.next_after is not None else (),
    )


_LOOKUPS: Mapping[LookupKind, Callable[[LocalService, Lookup], Listing]] = {
    "search": _search,
    "text": _text,
    "related": _related,
    "symbols": _symbols,
    "uses": _uses,
}


def _place(lookup: Lookup) -> Found:
    assert lookup.place is not None, lookup.kind
    return lookup.place


def _pattern(text: str) -> tuple[str, bool]:
    """Return what is looked for, and whether it is a regular expression: ``/like this/``."""
    if len(text) > len("//") and text.startswith("/") and text.endswith("/"):
        return text[1:-1], True
    return text, False


def _compiled(pattern: str) -> re.Pattern[str] | None:
    """Return the pattern as Python reads it; None where only ripgrep does."""
    try:
        return re.compile(pattern, re.IGNORECASE if pattern == pattern.lower() else 0)
    except re.error:
        return None


def _counted(number: int, noun: str, *, more: bool) -> str:
    return f"{number}{'+' if more else ''} {noun}" + ("" if number == 1 else "s")


def _reservations(meta: QueryMeta) -> list[str]:
    """What is missing from a complete answer."""
    said = []
    if meta.tier != "transformer":
        said.append(f"{meta.tier} search")
    if meta.pending_files:
        said.append(f"{meta.pending_files} files to do")
    return said
