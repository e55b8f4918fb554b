"""The words of a query that are filters: ``lang:py``, ``-path:tests``. Only found, not judged.

A word is a filter when it begins with a known name and a colon, and a value follows at once;
``http://x``, ``std::vector``, ``foo:bar`` and ``path: x`` are words. What stands in quotes is no
filter either, and a text of several lines was pasted: nothing in it is one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["FILTER_NAMES", "FilterWord", "split_filters"]

FILTER_NAMES = ("lang", "path", "file", "ext", "kind", "symbol")
"""What may stand before the colon; a minus before ``path``, ``file`` and ``ext`` excludes."""

# What other searchers call the same.
_OTHER_NAMES = {"language": "lang", "extension": "ext", "filename": "file"}

_QUOTED = r'"[^"]*"|“[^”]*”|`[^`]*`'
_FILTER = re.compile(
    rf"{_QUOTED}"
    rf"|(?<!\S)(?P<minus>-?)(?P<name>{'|'.join((*FILTER_NAMES, *_OTHER_NAMES))})"
    # A second colon or slashes make it something else: `path::join`, `file://host/x`.
    rf':(?!:|//)(?P<value>"[^"]+"|“[^”]+”|[^\s"“]\S*)',
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class FilterWord:
    """One filter as it was typed."""

    name: str
    """Of `FILTER_NAMES`."""
    value: str
    """Without its quotes; never empty."""
    negative: bool = False
    """Whether a minus stood before the name."""
    quoted: bool = False
    """Whether the value stood in quotes: nothing in it is punctuation."""


def split_filters(text: str) -> tuple[str, list[FilterWord]]:
    """Return a query without its filters, and these; a query without any is left as it is."""
    if "\n" in text.strip():
        return text, []
    words: list[str] = []
    found: list[FilterWord] = []
    end = 0
    for match in _FILTER.finditer(text):
        if match["name"] is None:
            continue
        name, value = match["name"].lower(), match["value"]
        quoted = value[0] in '"“'
        words.append(text[end : match.start()])
        end = match.end()
        found.append(
            FilterWord(
                _OTHER_NAMES.get(name, name),
                value[1:-1] if quoted else value,
                negative=bool(match["minus"]),
                quoted=quoted,
            )
        )
    if not found:
        return text, []
    return " ".join("".join([*words, text[end:]]).split()), found
