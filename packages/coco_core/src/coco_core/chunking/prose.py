"""Section parser for light markup: formats whose headings stand on lines of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping

from coco_core.chunking.line_table import LineTable
from coco_core.chunking.sections import Heading, Sections, title_of

__all__ = ["PROSE", "read_prose"]

# By language: pattern of a heading line with its mark and its title, and the level of each mark; a
# mark that is not listed has its own length as level.
PROSE: Mapping[str, tuple[re.Pattern[str], Mapping[str, int]]] = {
    "org": (re.compile(r"(\*+)\s+(?:TODO\s+|DONE\s+)?(\S.*?)(?:\s+:[\w:@]+:)?\s*$"), {}),
    "typst": (re.compile(r"(=+)\s+(\S.*?)\s*(?:<[\w:-]+>)?\s*$"), {}),
    "mediawiki": (re.compile(r"(={1,6})\s*([^=\s].*?)\s*\1\s*$"), {}),
    "djot": (re.compile(r"(#{1,6})\s+(\S.*)$"), {}),
    "textile": (
        re.compile(r"(h[1-6])(?:\([^)]*\))?\.\s+(\S.*)$"),
        {f"h{level}": level for level in range(1, 7)},
    ),
    "latex": (
        re.compile(
            r"\s*\\(part|chapter|section|subsection|subsubsection|paragraph)\*?"
            r"(?:\[[^\]]*\])?\{(.*?)\}"
        ),
        {
            "part": 1,
            "chapter": 1,
            "section": 2,
            "subsection": 3,
            "subsubsection": 4,
            "paragraph": 5,
        },
    ),
    "pod": (
        re.compile(r"=(head[1-4])\s+(\S.*)$"),
        {f"head{level}": level for level in range(1, 5)},
    ),
    "man": (re.compile(r"\.(TH|SH|SS|Sh|Ss)\s+\"?(.*?)\"?\s*$"), {"TH": 1, "SS": 3, "Ss": 3}),
    "texinfo": (
        re.compile(
            r"@(top|chapter|unnumbered|appendix|section|unnumberedsec|subsection|subsubsection)"
            r"\s+(\S.*)$"
        ),
        {"section": 2, "unnumberedsec": 2, "subsection": 3, "subsubsection": 4}
        | dict.fromkeys(("top", "chapter", "unnumbered", "appendix"), 1),
    ),
}


def read_prose(table: LineTable, language: str) -> Sections:
    """Read the headings of one of the languages above."""
    pattern, levels = PROSE[language]
    headings: list[Heading] = []
    for number in range(table.lines.count):
        match = pattern.match(table.line(number))
        if match is not None:
            headings.append(
                Heading(number, levels.get(match[1], min(len(match[1]), 6)), match[2].strip())
            )
    return Sections(headings, title=title_of(headings, {}))
