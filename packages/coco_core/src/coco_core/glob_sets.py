"""Sets of path globs, matched together against many paths.

A regular expression for each glob costs as many tries for each path as there are globs, and one of
all of them is as slow. Here all globs are read at once, as the bits of one number: a bit stands for
a place in a glob, between two of its components. A component of a path moves all places by one
shift. Which components of the globs a name is, is found out once for each name, and what a
directory does once for all that lies in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from coco_core.globs import component_expression, ending_of, literal_text, parse_glob

__all__ = ["GlobSet"]

_ANY_DEPTH = "**"

# All places, whatever there are: everything below matches.
_EVERYTHING = -1

# Expressions are tried faster as one, but to make one of 200 takes some 20 ms.
_MOST_JOINED = 16


class GlobSet:
    """Globs of which any is to match, as `coco_core.globs` defines them; not thread-safe."""

    def __init__(self, globs: Sequence[str]) -> None:
        """Compile the globs.

        Raises:
            InvalidIntent: one is not valid.
        """
        # Each of these numbers is a set of places. Where a glob begins:
        start = 0
        # Before a `**` that something follows: any directory leaves it there.
        self._deeper = 0
        # Behind a glob, or before a `**` at its end: whatever follows matches, if anything does.
        self._rest = 0
        # Before a last component that may be a file.
        self._last = 0
        self._named: dict[str, int] = {}
        self._endings: dict[str, int] = {}
        """By the literal after a leading ``*``."""
        patterns: dict[str, int] = {}
        place = 1
        for each in [parsed for glob in globs for parsed in parse_glob(glob)]:
            parts = each.parts if each.anchored else (_ANY_DEPTH, *each.parts)
            start |= place
            for number, part in enumerate(parts):
                last = number == len(parts) - 1
                if part == _ANY_DEPTH:
                    if last:
                        self._rest |= place
                    else:
                        self._deeper |= place
                else:
                    self._put(part, place, patterns)
                    if last and not each.directory_only:
                        self._last |= place
                place <<= 1
            self._rest |= place
            place <<= 1
        self._lengths = sorted({len(ending) for ending in self._endings})
        self._patterns = [
            (re.compile(component_expression(part, part), re.DOTALL), places)
            for part, places in patterns.items()
        ]
        self._behind: dict[int, list[re.Pattern[str]]] = {}
        """What a file name must be behind these places, of the parts that only these tell."""
        self._names: dict[str, int] = {}
        self._directories: dict[str, int] = {"": self._closed(start)}

    def matches(self, path: str) -> bool:
        """Whether one of the globs fully matches the path."""
        directory, slash, name = path.rpartition("/")
        directory += slash
        places = self._directories.get(directory)
        if places is None:
            places = self._directories[directory] = self._below(directory)
        if places == _EVERYTHING or (places & self._rest and name):
            return True
        return self._ends(places & self._last, name)

    def _put(self, part: str, place: int, patterns: dict[str, int]) -> None:
        if (name := literal_text(part)) is not None:
            self._named[name] = self._named.get(name, 0) | place
        elif (ending := ending_of(part)) is not None:
            self._endings[ending] = self._endings.get(ending, 0) | place
        else:
            patterns[part] = patterns.get(part, 0) | place

    def _below(self, directory: str) -> int:
        """Return the places behind a directory, which is empty or ends with a slash."""
        places = self._directories[""]
        for name in directory.split("/")[:-1]:
            if places & self._rest:
                # It is not empty: another component follows, or this one is not.
                return _EVERYTHING
            # Between two slashes any depth takes no empty name.
            kept = places & self._deeper if name else 0
            places = self._closed(kept | (places & self._meets(name)) << 1)
            if not places:
                break
        return places

    def _ends(self, places: int, name: str) -> bool:
        """Whether the component behind one of these places is this file name."""
        if not places:
            return False
        # Most names are met once, so nothing is remembered, and the first that fits is enough.
        if places & self._named.get(name, 0):
            return True
        if any(places & self._endings.get(name[-length:], 0) for length in self._lengths):
            return True
        expressions = self._behind.get(places)
        if expressions is None:
            expressions = [each for each, at in self._patterns if at & places]
            if len(self._behind) < _MOST_JOINED and expressions:
                joined = "|".join(each.pattern for each in expressions)
                expressions = [re.compile(joined, re.DOTALL)]
            self._behind[places] = expressions
        return any(each.fullmatch(name) for each in expressions)

    def _closed(self, places: int) -> int:
        """Add where any depth is no depth; two of these never follow each other."""
        return places | (places & self._deeper) << 1

    def _meets(self, name: str) -> int:
        """Return the places before a component that this name is."""
        found = self._names.get(name)
        if found is None:
            found = self._named.get(name, 0)
            for length in self._lengths:
                found |= self._endings.get(name[-length:], 0)
            for pattern, places in self._patterns:
                if pattern.fullmatch(name):
                    found |= places
            self._names[name] = found
        return found
