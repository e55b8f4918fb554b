"""Callers: the definitions that call something, and what calls those."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from coco_core.code import Definition, Occurrence
from coco_local.search.symbols import SymbolSearch

__all__ = ["Caller", "group_calls", "with_callers"]

# Callers of callers multiply; beyond this they are not read.
_MOST = 200


@dataclass(frozen=True, slots=True)
class Caller:
    """One definition, or the top level of a file, with its calls."""

    calls: str
    """What it calls."""
    occurrences: tuple[Occurrence, ...]
    step: int

    @property
    def first(self) -> Occurrence:
        """The first of its calls."""
        return self.occurrences[0]


def group_calls(occurrences: Iterable[Occurrence], calls: str, step: int) -> list[Caller]:
    """Return the callers in the order of their first calls."""
    grouped: dict[tuple[str, str, int], list[Occurrence]] = {}
    for each in occurrences:
        around = each.enclosing
        key = each.path, around.symbol if around else "", around.start_line if around else 0
        grouped.setdefault(key, []).append(each)
    return [Caller(calls, tuple(group), step) for group in grouped.values()]


def with_callers(search: SymbolSearch, first: list[Caller], depth: int) -> list[Caller]:
    """Return the callers, and up to ``depth`` steps of what calls them; only what is sure."""
    found = list(first)
    step = first
    seen: set[tuple[str, int]] = set()
    for number in range(2, depth + 1):
        reached: list[Caller] = []
        for caller in step:
            definition: Definition | None = search.definition_around(caller.first)
            if definition is None or definition.entity.identity in seen:
                continue
            seen.add(definition.entity.identity)
            calls = search.references_to(definition, limit=_MOST).occurrences
            reached += group_calls(calls, definition.symbol, number)
            if len(found) + len(reached) >= _MOST:
                break
        found += reached
        step = reached
    return found[:_MOST]
