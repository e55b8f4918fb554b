from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from coco_flow import components as coco
from tests.component_parts import MemoryTarget

Make = Callable[..., coco.App[Any, Any]]


@dataclass
class Position:
    line: int
    names: list[str]


def test_a_state_is_kept_from_run_to_run(restarted: Make) -> None:
    @coco.fn
    def main() -> int:
        state = coco.use_state("count", 0)
        state.value += 1
        position = coco.use_state("position", Position(0, []), type_hint=Position)
        position.value.names.append(str(state.value))
        position.value = Position(state.value, position.value.names)
        return state.value

    assert [restarted(main).update_blocking() for _ in range(3)] == [1, 2, 3]

    @coco.fn
    def look() -> Position:
        return coco.use_state("position", Position(-1, []), type_hint=Position).value

    assert restarted(look).update_blocking() == Position(3, ["1", "2", "3"])
    # What a run does not use is removed.
    assert restarted(main).update_blocking() == 1


def test_a_failed_run_keeps_the_state_of_the_last_one(restarted: Make) -> None:
    fails = False

    @coco.fn
    def main() -> int:
        state = coco.use_state("count", 0)
        state.value += 1
        if fails:
            raise ValueError("no")
        return state.value

    assert restarted(main).update_blocking() == 1
    fails = True
    with pytest.raises(ValueError, match="no"):
        restarted(main).update_blocking()
    fails = False
    assert restarted(main).update_blocking() == 2


def test_each_component_has_its_own_and_loses_it_with_itself(
    restarted: Make, target: MemoryTarget
) -> None:
    keys = ["a", "b"]

    @coco.fn
    async def one(key: str) -> None:
        state = coco.use_state("runs", 0)
        state.value += 1
        target.declare(key, state.value)

    @coco.fn
    async def main() -> None:
        await coco.mount_each(one, [(key, key) for key in keys])

    restarted(main).update_blocking()
    keys[:] = ["a", "c"]
    restarted(main).update_blocking()
    assert target.contents == {"a": 2, "c": 1}
    keys[:] = ["a", "b"]
    restarted(main).update_blocking()
    assert target.contents == {"a": 3, "b": 1}


def test_where_no_state_can_be_kept_it_is_refused(restarted: Make) -> None:
    @coco.fn(memo=True)
    def memoized() -> None:
        coco.use_state("x", 0)

    @coco.fn
    def main() -> None:
        coco.use_state("x", 0)
        with pytest.raises(RuntimeError, match="'x'"):
            coco.use_state("x", 0)
        with (
            coco.component_subpath("inner"),
            pytest.raises(RuntimeError, match="component_subpath"),
        ):
            coco.use_state("y", 0)
        with pytest.raises(RuntimeError, match="memo"):
            memoized()

    restarted(main).update_blocking()
    with pytest.raises(RuntimeError, match="No ComponentContext"):
        coco.use_state("x", 0)
