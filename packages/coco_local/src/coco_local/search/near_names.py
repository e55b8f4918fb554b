"""Names like one that does not exist: for a mistyped or half remembered symbol."""

from __future__ import annotations

from difflib import get_close_matches

from coco_core.code import NamePath
from coco_core.tokens import identifier_parts
from coco_local.index.memory import MemoryIndex

__all__ = ["names_beginning", "near_names"]

_MOST = 5

# Comparing letter by letter takes 20 µs a name.
_MOST_COMPARED = 1_000

# Names shorter than this are part of every other name.
_SHORTEST_PART = 3


def near_names(memory: MemoryIndex, name: NamePath) -> list[str]:
    """Return symbols that exist and are spelled or composed alike, the nearest first."""
    wanted = name.last.lower()
    flat = wanted.replace("_", "")
    parts = {part.lower() for part in identifier_parts(name.last)}
    known = memory.defined_names()
    alike = [each for each in known if _alike(each, flat)][:_MOST_COMPARED]
    close = get_close_matches(wanted, alike, _MOST, 0.75)
    if len(close) < _MOST and len(wanted) >= _SHORTEST_PART:
        sharing = [
            each
            for each in known
            if len(each) >= _SHORTEST_PART and (wanted in each or each in parts)
        ]
        close += [each for each in sorted(sharing, key=len) if each not in close]
    found: list[str] = []
    if wanted in known:
        # The last part exists, elsewhere or in another case.
        close = [wanted, *close]
    for each in dict.fromkeys(close):
        found += _written(memory, each)
    return list(dict.fromkeys(found))[:_MOST]


def names_beginning(memory: MemoryIndex, prefix: str, limit: int) -> list[str]:
    """Return the names that begin so, in any case, as they are written."""
    wanted = prefix.lower()
    found: set[str] = set()
    for name in sorted(each for each in memory.defined_names() if each.startswith(wanted)):
        found.update(path.rpartition(".")[2] for path in _written(memory, name))
        if len(found) >= limit:
            break
    return sorted(found)[:limit]


def _alike(name: str, flat: str) -> bool:
    """Whether a name is about as long and begins or ends in the same way."""
    plain = name.replace("_", "")
    return abs(len(plain) - len(flat)) <= max(2, len(flat) // 3) and (
        plain[:2] == flat[:2] or plain[-3:] == flat[-3:]
    )


def _written(memory: MemoryIndex, name: str) -> list[str]:
    """Return the symbols of that last part as they are written, with the class around."""
    found: list[str] = []
    for row in memory.rows_defining(name)[:_MOST]:
        paths = memory.metadata.definitions(row)
        found += [path for path in paths if path.rpartition(".")[2].lower() == name]
    return found
