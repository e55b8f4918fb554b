from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coco_flow import components as coco
from tests.coco_flow.components import killed_app
from tests.component_parts import Action, MemoryTarget

Make = Callable[..., coco.App[Any, Any]]
Update = Callable[..., tuple[int, int]]

# More find more: COCO_KILLS=1000 pytest tests/coco_flow/components/test_crashes.py.
KILLS = int(os.environ.get("COCO_KILLS", "25"))


@pytest.fixture(scope="module")
def update() -> Update:
    """Update the app in a process of its own; returns its exit code and the number of its steps."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.coco_flow.components.killed_app"])

    def run(folder: Path, state: Path, target: Path, end_at: int | None = None) -> tuple[int, int]:
        # Without a lock, which a killed process would keep; a lost step does no harm.
        steps = processes.Value("i", 0, lock=False)
        process = processes.Process(
            target=killed_app.update, args=(folder, state, target, end_at, steps)
        )
        process.start()
        process.join()
        assert process.exitcode is not None
        return process.exitcode, steps.value

    return run


def contents(target: Path) -> tuple[set[Any], set[Any]]:
    with sqlite3.connect(target) as connection:
        parts = set(connection.execute("SELECT file, number, text FROM parts"))
        words = set(connection.execute("SELECT word, length FROM words"))
    connection.close()
    return parts, words


def edit(chance: random.Random, folder: Path) -> None:
    words = ["alpha", "beta", "gamma", "delta", "epsilon"]
    for number in chance.sample(range(8), 3):
        path = folder / f"{number}.txt"
        if path.exists() and chance.random() < 0.3:
            path.unlink()
        else:
            lines = chance.randint(0, 4)
            path.write_text("\n".join(" ".join(chance.choices(words, k=3)) for _ in range(lines)))


def test_an_update_killed_at_any_step_is_made_good_by_the_next(
    tmp_path: Path, update: Update
) -> None:
    chance = random.Random(KILLS)
    folder, state, target = tmp_path / "files", tmp_path / "state", tmp_path / "target.db"
    folder.mkdir()
    edit(chance, folder)
    _, steps = update(folder, state, target)
    kills = 0
    while kills < KILLS:
        edit(chance, folder)
        # One kill in four hits an update that makes another one good.
        for _ in range(chance.choice((1, 1, 2))):
            code, ran = update(folder, state, target, chance.randint(1, steps))
            kills += code == -signal.SIGKILL
            steps = ran if code == 0 else max(steps, ran)
        code, steps = update(folder, state, target)
        assert code == 0
        fresh = tmp_path / f"fresh{kills}"
        assert update(folder, fresh / "state", fresh.with_suffix(".db"))[0] == 0
        assert contents(target) == contents(fresh.with_suffix(".db")), f"after {kills} kills"
        with sqlite3.connect(state / "components.sqlite") as connection:
            assert connection.execute("SELECT * FROM tombstone").fetchall() == []
        connection.close()


def test_a_failed_action_leaves_both_states_possible(restarted: Make, target: MemoryTarget) -> None:
    values = {"a": 1, "b": 1}

    @coco.fn
    async def one(key: str, value: int) -> None:
        target.declare(key, value)

    @coco.fn
    async def main() -> None:
        for key, value in values.items():
            await coco.mount(coco.ComponentSubpath(key), one, key, value)

    restarted(main).update_blocking()
    values.update(a=2, b=2)
    target.broken = {"a"}
    restarted(main).update_blocking()
    # The sink may have applied a part of the batch, so the record has the old and the new state.
    values.update(a=3, b=3)
    target.broken = set()
    target.handler.seen.clear()
    restarted(main).update_blocking()
    seen = {key: (records, missing) for key, records, missing in target.handler.seen}
    assert seen["a"] == ([1, 2], False)
    assert target.contents == {"a": 3, "b": 3}


def test_a_failed_first_action_may_have_left_nothing(restarted: Make, target: MemoryTarget) -> None:
    @coco.fn
    def main() -> None:
        target.declare("a", 1)

    target.broken = {"a"}
    with pytest.raises(OSError, match="the target refuses 'a'"):
        restarted(main).update_blocking()
    target.broken = set()
    target.handler.seen.clear()
    restarted(main).update_blocking()
    assert target.handler.seen == [("a", [1], True)]
    assert target.contents == {"a": 1}


def test_a_failed_removal_is_tried_again(restarted: Make, target: MemoryTarget) -> None:
    keys = ["a", "b"]

    @coco.fn(memo=True)
    async def one(key: str) -> None:
        target.declare(key, 1)

    @coco.fn
    async def main() -> None:
        await coco.mount_each(one, [(key, key) for key in keys])

    restarted(main).update_blocking()
    keys.remove("a")
    target.broken = {"a"}
    restarted(main).update_blocking()
    assert target.contents == {"a": 1, "b": 1}
    target.broken = set()
    target.actions()
    restarted(main).update_blocking()
    assert target.contents == {"b": 1}
    assert target.actions() == [Action("a", coco.NON_EXISTENCE)]


def test_what_failed_is_not_remembered_as_done(restarted: Make, target: MemoryTarget) -> None:
    ran: list[str] = []

    @coco.fn(memo=True)
    async def one(key: str) -> None:
        ran.append(key)
        target.declare(key, 1)

    @coco.fn
    async def main() -> None:
        await coco.mount_each(one, [("a", "a"), ("b", "b")])

    target.broken = {"a"}
    restarted(main).update_blocking()
    target.broken = set()
    restarted(main).update_blocking()
    # Actions of one batch fail together, so b may have had to run again too.
    assert ran.count("a") == 2
    assert target.contents == {"a": 1, "b": 1}
