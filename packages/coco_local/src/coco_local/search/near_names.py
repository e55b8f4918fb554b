"""Names like one that does not exist: for a mistyped or half remembered symbol."""

from __future__ import annotations

import re
from difflib import get_close_matches

from coco_core.code import NamePath
from coco_core.languages import is_code
from coco_core.tokens import identifier_parts
from coco_local.index.memory import MemoryIndex

__all__ = ["names_beginning", "near_names"]

_MOST = 5

# Selectors and keys are defined, too, and are no names of programs.
_WORD = re.compile(r"[\w$]+[?!]?$")

# Comparing letter by letter takes 20 µs a name.
_MOST_COMPARED = 1_000

# Share of letters that two names must have in common, in order.
_CLOSE = 0.75

# Names shorter than this are part of every other name.
_SHORTEST_PART = 3


def near_names(memory: MemoryIndex, name: NamePath) -> list[str]:
    """Return symbols that exist and are spelled or composed alike, the nearest first."""
    wanted = name.last.lower()
    parts = {part.lower() for part in identifier_parts(name.last)}
    known = memory.defined_names()
    # There are tens of thousands: only those that begin or end alike are compared by letters.
    shortest, longest = len(wanted) * 2 // 3 - 1, len(wanted) * 3 // 2 + 2
    begin, end = wanted[:2], wanted[-3:]
    alike = [
        each
        for each in known
        if (each[:2] == begin or each[-3:] == end) and shortest <= len(each) <= longest
    ]
    close = get_close_matches(wanted, alike[:_MOST_COMPARED], _MOST, _CLOSE)
    if len(close) < _MOST and len(wanted) >= _SHORTEST_PART:
        sharing = [each for each in known if wanted in each or each in parts]
        longer = [each for each in sharing if len(each) >= _SHORTEST_PART and each not in close]
        close += sorted(longer, key=len)
    if memory.rows_defining(wanted):
        # The last part exists, elsewhere or in another case.
        close = [wanted, *close]
    found: list[str] = []
    for each in dict.fromkeys(close):
        found += _written(memory, each)
        if len(found) >= _MOST:
            break
    return list(dict.fromkeys(found))[:_MOST]


def names_beginning(memory: MemoryIndex, prefix: str, limit: int) -> list[str]:
    """Return the names that begin so, in any case, as they are written."""
    wanted = prefix.lower()
    found: set[str] = set()
    known = (name for name in memory.defined_names() if name.startswith(wanted))
    for name in sorted(name for name in known if _WORD.match(name)):
        found.update(path.rpartition(".")[2] for path in _written(memory, name))
        if len(found) >= limit:
            break
    return sorted(found)[:limit]


def _written(memory: MemoryIndex, name: str) -> list[str]:
    """Return the symbols of that last part as they are written, with the class around."""
    found: list[str] = []
    for row in memory.rows_defining(name)[: _MOST * 2]:
        if not is_code(memory.metadata[row].language):
            continue
        paths = memory.metadata.definitions(row)
        found += [path for path in paths if path.rpartition(".")[2].lower() == name]
    return found
