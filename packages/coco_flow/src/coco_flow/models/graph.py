"""The order of a pipeline's models: levels of which each needs only those before it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coco_flow.errors import DefinitionError
from coco_flow.models.registry import ModelRegistry

if TYPE_CHECKING:
    from coco_flow.models.declaration import Model

__all__ = ["ModelGraph", "build_graph"]


@dataclass(frozen=True, slots=True)
class ModelGraph:
    """Models in the order of execution.

    Attributes:
        levels: Models that may run at the same time, level by level.
        needs: The models of the pipeline that each model reads, by name.
        tables: The tables from outside that each model reads, by name.
    """

    levels: tuple[tuple[Model, ...], ...]
    needs: dict[str, tuple[str, ...]]
    tables: dict[str, tuple[str, ...]]

    @property
    def models(self) -> list[Model]:
        """All models, in an order in which they could run one by one."""
        return [one for level in self.levels for one in level]

    def downstream(self, name: str) -> set[str]:
        """Return the models that read this one's table, directly or through others."""
        found: set[str] = set()
        pending = [name]
        while pending:
            current = pending.pop()
            new = {other for other, needs in self.needs.items() if current in needs} - found
            found |= new
            pending.extend(new)
        return found


def build_graph(models: Iterable[str]) -> ModelGraph:
    """Order the models of a pipeline.

    Raises:
        ModelNotFound: A model is not there.
        DefinitionError: References form a cycle; the message names its path.
    """
    chosen = [ModelRegistry.get(name) for name in dict.fromkeys(models)]
    names = {one.name for one in chosen}
    needs: dict[str, tuple[str, ...]] = {}
    tables: dict[str, tuple[str, ...]] = {}
    for one in chosen:
        read = [(ModelRegistry.resolve(given.reference.name), given) for given in one.inputs]
        inside = [found.name for found, _ in read if found is not None and found.name in names]
        outside = [
            given.reference.name if found is None else found.table.name
            for found, given in read
            if found is None or found.name not in names
        ]
        needs[one.name] = tuple(dict.fromkeys(inside))
        tables[one.name] = tuple(dict.fromkeys(outside))
    return ModelGraph(tuple(_levels(chosen, needs)), needs, tables)


def _levels(
    chosen: Sequence[Model], needs: dict[str, tuple[str, ...]]
) -> Iterable[tuple[Model, ...]]:
    left = {one.name: one for one in chosen}
    done: set[str] = set()
    while left:
        level = tuple(one for name, one in left.items() if set(needs[name]) <= done)
        if not level:
            cycle = " → ".join(_cycle(next(iter(left)), needs, left))
            raise DefinitionError(
                f"The references of models form a cycle: {cycle}.",
                hint="A model cannot read what is made of its own table; split one of them.",
            )
        yield level
        for one in level:
            done.add(one.name)
            del left[one.name]


def _cycle(start: str, needs: dict[str, tuple[str, ...]], left: Iterable[str]) -> list[str]:
    """Return the names along a cycle, the first repeated at the end."""
    remaining = set(left)
    path = [start]
    while True:
        following = next(name for name in needs[path[-1]] if name in remaining)
        if following in path:
            return [*path[path.index(following) :], following]
        path.append(following)
