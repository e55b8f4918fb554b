"""Sets of path globs, matched together against many paths.

A regular expression for each glob costs as many tries for each path as there are globs, and one of
all of them is as slow. Paths share their directories, though: here an automaton reads a path
component by component, and remembers what each component does in each of its states. So a directory
is judged once for all that lies in it, and a path costs about as much as its file name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from coco_core.globs import component_expression, literal_text, parse_glob

__all__ = ["GlobSet"]

_ANY_DEPTH = "**"

_Position = tuple[int, int]
"""A glob, and how many of its parts have been met."""


@dataclass(slots=True)
class _State:
    """What the globs wait for after some directories."""

    takes_rest: bool
    """Whether whatever follows matches, if anything does."""
    deeper: tuple[_Position, ...]
    """Positions that any directory leaves as they are."""
    named: dict[str, list[_Position]]
    ending: dict[str, list[_Position]]
    """By the literal after a leading ``*``."""
    endings: tuple[int, ...]
    """Lengths of these literals."""
    others: list[tuple[re.Pattern[str], _Position]]
    last_names: frozenset[str]
    last_endings: frozenset[str]
    last_others: re.Pattern[str] | None
    """These three: what a file name must be, in one of the globs that end with it."""
    directories: dict[str, _State] = field(default_factory=dict)
    files: dict[str, bool] = field(default_factory=dict)

    def met_by(self, component: str) -> list[_Position]:
        """Return the positions whose next part this component is."""
        met = list(self.named.get(component, ()))
        for length in self.endings:
            met += self.ending.get(component[-length:], ())
        met += [position for pattern, position in self.others if pattern.fullmatch(component)]
        return met

    def ended_by(self, name: str) -> bool:
        """Whether a glob ends with this file name."""
        return (
            name in self.last_names
            or any(name[-length:] in self.last_endings for length in self.endings)
            or (self.last_others is not None and self.last_others.fullmatch(name) is not None)
        )


class GlobSet:
    """Globs of which any is to match, as `coco_core.globs` defines them; not thread-safe."""

    def __init__(self, globs: Sequence[str]) -> None:
        """Compile the globs.

        Raises:
            InvalidIntent: one is not valid.
        """
        self._parts: list[tuple[str, ...]] = []
        self._directory_only: list[bool] = []
        for each in [parsed for glob in globs for parsed in parse_glob(glob)]:
            self._parts.append(each.parts if each.anchored else (_ANY_DEPTH, *each.parts))
            self._directory_only.append(each.directory_only)
        self._states: dict[frozenset[_Position], _State] = {}
        self._start = self._state((number, 0) for number in range(len(self._parts)))

    def matches(self, path: str) -> bool:
        """Whether one of the globs fully matches the path."""
        state = self._start
        *directories, name = path.split("/")
        for directory in directories:
            if state.takes_rest:
                # It is not empty: another component follows, or this one is not.
                return True
            following = state.directories.get(directory)
            if following is None:
                following = state.directories[directory] = self._below(state, directory)
            state = following
        if state.takes_rest and name:
            return True
        found = state.files.get(name)
        if found is None:
            found = state.files[name] = state.ended_by(name)
        return found

    def _below(self, state: _State, directory: str) -> _State:
        # Between two slashes any depth takes no empty name.
        kept = state.deeper if directory else ()
        return self._state((*kept, *((glob, met + 1) for glob, met in state.met_by(directory))))

    def _state(self, positions: Iterable[_Position]) -> _State:
        closed = frozenset(self._closed(positions))
        found = self._states.get(closed)
        if found is None:
            found = self._states[closed] = self._made(closed)
        return found

    def _closed(self, positions: Iterable[_Position]) -> Iterable[_Position]:
        """Add where any depth is no depth."""
        for glob, met in positions:
            yield glob, met
            parts = self._parts[glob]
            if met < len(parts) - 1 and parts[met] == _ANY_DEPTH:
                yield glob, met + 1

    def _made(self, positions: frozenset[_Position]) -> _State:
        named: dict[str, list[_Position]] = {}
        ending: dict[str, list[_Position]] = {}
        deeper: list[_Position] = []
        others: list[tuple[re.Pattern[str], _Position]] = []
        takes_rest = False
        for position in positions:
            glob, met = position
            parts = self._parts[glob]
            part = parts[met] if met < len(parts) else None
            if part is None or (part == _ANY_DEPTH and met == len(parts) - 1):
                takes_rest = True
            elif part == _ANY_DEPTH:
                deeper.append(position)
            elif (name := literal_text(part)) is not None:
                named.setdefault(name, []).append(position)
            elif part[0] == "*" and (end := literal_text(part[1:])):
                ending.setdefault(end, []).append(position)
            else:
                expression = re.compile(component_expression(part, part), re.DOTALL)
                others.append((expression, position))
        patterns = [pattern.pattern for pattern, position in others if self._may_end(position)]
        return _State(
            takes_rest=takes_rest,
            deeper=tuple(deeper),
            named=named,
            ending=ending,
            endings=tuple({len(end) for end in ending}),
            others=others,
            last_names=frozenset(name for name, at in named.items() if self._any_may_end(at)),
            last_endings=frozenset(end for end, at in ending.items() if self._any_may_end(at)),
            last_others=re.compile("|".join(patterns), re.DOTALL) if patterns else None,
        )

    def _any_may_end(self, positions: Iterable[_Position]) -> bool:
        return any(map(self._may_end, positions))

    def _may_end(self, position: _Position) -> bool:
        """Whether the next part is a glob's last one and may be a file."""
        glob, met = position
        return met + 1 == len(self._parts[glob]) and not self._directory_only[glob]
