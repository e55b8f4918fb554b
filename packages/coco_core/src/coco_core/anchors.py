"""Anchors: ``doc``, ``doc#fragment`` and ``doc:120-140`` name a document, a part of it, its lines.

Links and evaluation sets use them. The fragment is a heading's slug or a symbol path; what is
nested below it counts as inside.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from coco_core.types import Definition, DocumentKey, Span

__all__ = ["Anchor", "Anchored", "anchor", "matches", "parse_anchor", "slugify"]

_NOT_IN_SLUG = re.compile(r"[^\w\- ]")
_LINES = re.compile(r"^(.+):(\d+)(?:-(\d+))?$")


class Anchored(Protocol):
    """What an anchor can point at; ``Chunk`` is one."""

    @property
    def span(self) -> Span:
        """Lines and bytes."""
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
    def heading_trail(self) -> tuple[str, ...]:
        """Headings above, outermost first."""
        ...

    @property
    def definitions(self) -> Sequence[Definition]:
        """What begins inside."""
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


def matches(text: str, doc_id: DocumentKey, part: Anchored) -> bool:
    """Tell whether a part of a document is (or touches, or lies below) what an anchor names."""
    wanted = parse_anchor(text)
    if wanted.doc_id != doc_id:
        # A name may itself hold "#" or end like a line range.
        return text == doc_id
    if wanted.lines is not None:
        first, last = wanted.lines
        return part.span.start_line <= last and part.span.end_line >= first
    if not wanted.fragment:
        return True
    return _inside(wanted.fragment, part)


def _inside(fragment: str, part: Anchored) -> bool:
    names = {part.symbol, part.fragment, *(definition.path for definition in part.definitions)}
    if fragment in names or any(name.startswith(f"{fragment}.") for name in names):
        return True
    return fragment in {slugify(heading) for heading in part.heading_trail}
