"""Anchors: ``doc``, ``doc#fragment``, and ``doc:120-140`` name a document or a part of it.

Links and evaluation sets use them. The fragment is a heading's slug or a symbol path; what is
nested below it counts as inside.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from coco_core.errors import InvalidConfig
from coco_core.types import Chunk, DocumentKey

__all__ = ["Anchor", "Retrieved", "anchor", "matches", "parse_anchor", "slugify"]

_NOT_IN_SLUG = re.compile(r"[^\w\- ]")
_LINES = re.compile(r"^(.+):(\d+)(?:-(\d+))?$")


class Retrieved(Protocol):
    """What an anchor is compared with in an answer; a hit of the server has no lines."""

    @property
    def doc_id(self) -> DocumentKey:
        """The document it is of."""
        ...

    @property
    def start_line(self) -> int | None:
        """1-based."""
        ...

    @property
    def end_line(self) -> int | None:
        """1-based, inclusive."""
        ...

    @property
    def symbol(self) -> str:
        """Dotted path of the main or enclosing definition."""
        ...

    @property
    def fragment(self) -> str:
        """Heading slug or symbol path."""
        ...

    @property
    def heading_trail(self) -> Sequence[str]:
        """Headings above, outermost first."""
        ...

    @property
    def definitions(self) -> Sequence[str]:
        """Dotted paths of what begins inside."""
        ...


@dataclass(frozen=True, slots=True)
class Anchor:
    """An anchor taken apart; ``lines`` is 1-based and inclusive."""

    doc_id: DocumentKey
    fragment: str = ""
    lines: tuple[int, int] | None = None


def slugify(heading: str) -> str:
    """Return GitHub's fragment of a heading: lower case, no punctuation, spaces to ``-``."""
    return _NOT_IN_SLUG.sub("", heading.strip().lower()).replace(" ", "-")


def anchor(doc_id: DocumentKey, fragment: str = "") -> str:
    """Write an anchor."""
    return f"{doc_id}#{fragment}" if fragment else doc_id


@lru_cache(maxsize=4096)
def parse_anchor(text: str) -> Anchor:
    """Take an anchor apart; what follows the last ``#`` is the fragment."""
    doc_id, mark, fragment = text.rpartition("#")
    if mark and doc_id:
        return Anchor(doc_id, fragment)
    lines = _LINES.match(text)
    if lines is not None:
        first = int(lines.group(2))
        return Anchor(lines.group(1), lines=(first, int(lines.group(3) or first)))
    return Anchor(text)


def matches(text: str, doc_id: DocumentKey, part: Chunk | Retrieved) -> bool:
    """Tell whether a part of a document is (or touches, or lies below) what an anchor names.

    Raises:
        InvalidConfig: the anchor names lines of this document, and the part has none.
    """
    wanted = parse_anchor(text)
    if wanted.doc_id != doc_id:
        # A name may itself hold "#" or end like a line range.
        return text == doc_id
    if wanted.lines is not None:
        start, end = _lines(text, part)
        first, last = wanted.lines
        return start <= last and end >= first
    if not wanted.fragment:
        return True
    return _inside(wanted.fragment, part)


def _lines(text: str, part: Chunk | Retrieved) -> tuple[int, int]:
    if isinstance(part, Chunk):
        return part.span.start_line, part.span.end_line
    if part.start_line is None or part.end_line is None:
        raise InvalidConfig(
            f"The anchor {text!r} names lines, and hits of this service have none.",
            hint="Name the section or the symbol: doc.md#setup, app.py#App.run.",
        )
    return part.start_line, part.end_line


def _inside(fragment: str, part: Chunk | Retrieved) -> bool:
    if isinstance(part, Chunk):
        begun = [definition.path for definition in part.definitions]
    else:
        begun = list(part.definitions)
    names = {part.symbol, part.fragment, *begun}
    if fragment in names or any(name.startswith(f"{fragment}.") for name in names):
        return True
    return fragment in _slugs_above(part)


def _slugs_above(part: Chunk | Retrieved) -> set[str]:
    slugs = [slugify(heading) for heading in part.heading_trail]
    # The second section of one name is `setup-1`; `setup` names only the first.
    if slugs and re.fullmatch(f"{re.escape(slugs[-1])}-[0-9]+", part.fragment):
        slugs.pop()
    return set(slugs)
