from __future__ import annotations

import asyncio
import gc
import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coco_flow import components as coco
from coco_flow.components.decorator import fn
from tests.component_parts import MemoryTarget

pytestmark = pytest.mark.slow

Make = Callable[..., coco.App[Any, Any]]

CODE = """
from coco_flow import components as coco

@coco.fn({arguments})
def inner(text):
    "{documentation}"
    ran.append("inner")
    return {expression}

@coco.fn(memo=True, logic_tracking={tracking!r})
def outer(text):
    ran.append("outer")
    return inner(text)
"""


class Program:
    """A module whose code a test changes, as between two runs of a program."""

    def __init__(self, folder: Path) -> None:
        self.ran: list[str] = []
        self._folder = folder
        self._names: dict[str, Any] = {}
        self._loads = itertools.count()

    def load(
        self,
        *,
        expression: str = "text.upper()",
        arguments: str = "memo=True",
        tracking: str | None = "full",
        documentation: str = "One.",
    ) -> Any:
        code = CODE.format(
            expression=expression, arguments=arguments, tracking=tracking,
            documentation=documentation,
        )  # fmt: skip
        path = self._folder / f"{next(self._loads)}.py"
        path.write_text(code)
        # The functions of before count as code that the program has until they are gone.
        self._names.clear()
        gc.collect()
        self._names |= {"ran": self.ran, "__name__": "module"}
        exec(compile(code, str(path), "exec"), self._names)
        return self._names["outer"]


@pytest.fixture
def run(restarted: Make) -> Callable[[Any], Any]:
    """Call a function in an app of its own environment and return the result."""

    def call(function: Any, *args: Any, **settings: Any) -> Any:
        def main() -> Any:
            return function(*args)

        return restarted(main, **settings).update_blocking()

    return call


def test_a_result_is_reused_for_equal_arguments(run: Any) -> None:
    ran: list[Any] = []

    @fn(memo=True)
    def double(number: int, *, plus: int = 0) -> int:
        ran.append(number)
        return number * 2 + plus

    assert run(lambda: [double(1), double(2), double(1)]) == [2, 4, 2]
    assert ran == [1, 2]
    assert run(lambda: [double(2), double(1, plus=0)]) == [4, 2]
    # An argument that is given counts apart from a default that is not.
    assert ran == [1, 2, 1]
    # What a run does not use is removed.
    assert run(lambda: double(1)) == 2
    assert ran == [1, 2, 1, 1]


def test_results_keep_their_types(run: Any) -> None:
    ran: list[int] = []

    @fn(memo=True)
    def paths(number: int) -> dict[str, tuple[Path, set[int]]]:
        ran.append(number)
        return {"a": (Path("x"), {1, 2})}

    first = run(paths, 1)
    assert run(paths, 1) == first == {"a": (Path("x"), {1, 2})}
    assert ran == [1]


@pytest.mark.parametrize("tracking", ["full", "self", None])
def test_a_change_of_code_counts_as_tracking_says(
    tmp_path: Path, run: Any, tracking: str | None
) -> None:
    program = Program(tmp_path)
    assert run(program.load(tracking=tracking, arguments=""), "ab") == "AB"
    # Documentation and layout are no code.
    outer = program.load(tracking=tracking, arguments="", documentation="Two.")
    assert run(outer, "ab") == "AB"
    assert program.ran == ["outer", "inner"]
    outer = program.load(tracking=tracking, arguments="", expression="text.title()")
    assert run(outer, "ab") == ("Ab" if tracking == "full" else "AB")
    assert program.ran == ["outer", "inner"] * (2 if tracking == "full" else 1)


def test_a_version_counts_instead_of_the_code(tmp_path: Path, run: Any) -> None:
    program = Program(tmp_path)
    assert run(program.load(arguments="memo=True, version=1"), "a") == "A"
    changed = program.load(arguments="memo=True, version=1", expression="text + '!'")
    assert run(changed, "a") == "A"
    raised = program.load(arguments="memo=True, version=2", expression="text + '!'")
    assert run(raised, "a") == "a!"


def test_deps_count_like_code(tmp_path: Path, run: Any) -> None:
    program = Program(tmp_path)
    assert run(program.load(arguments="memo=True, deps='p'"), "a") == "A"
    program.ran.clear()
    run(program.load(arguments="memo=True, deps='p'"), "a")
    assert program.ran == []
    run(program.load(arguments="memo=True, deps='q'"), "a")
    assert program.ran == ["outer", "inner"]
    with pytest.raises(ValueError, match="deps= needs logic_tracking"):
        coco.fn(logic_tracking=None, deps=1)(lambda: None)


def test_a_key_function_decides_what_of_an_argument_counts(run: Any) -> None:
    ran: list[str] = []

    @fn(memo=True, memo_key={"text": str.lower, "note": None})
    def declare(text: str, note: object) -> str:
        ran.append(text)
        return text

    assert run(declare, "A", object()) == "A"
    assert run(declare, "a", object()) == "A"
    assert run(declare, "b", object()) == "b"
    with pytest.raises(ValueError, match="other"):
        coco.fn(memo=True, memo_key={"other": None})(lambda text: text)


def test_a_state_function_says_whether_a_result_still_holds(run: Any) -> None:
    ran: list[str] = []

    class Source:
        def __init__(self, version: int, content: str) -> None:
            self.version = version
            self.content = content

        def __coco_memo_key__(self) -> str:
            return "source"

        def __coco_memo_state__(self, before: Any) -> coco.MemoStateOutcome:
            now = (self.version, self.content)
            same = not coco.is_non_existence(before) and before[1] == self.content
            return coco.MemoStateOutcome(state=now, memo_valid=same)

    @fn(memo=True)
    def read(source: Source) -> str:
        ran.append(source.content)
        return source.content

    assert run(read, Source(1, "a")) == "a"
    # Touched but the same: the newer state is kept, and the result used.
    assert run(read, Source(2, "a")) == "a"
    assert ran == ["a"]
    assert run(read, Source(3, "b")) == "b"
    assert ran == ["a", "b"]


def test_a_context_value_counts_where_it_is_used(run: Any) -> None:
    counted: coco.ContextKey[str] = coco.ContextKey("test_memo_counted", detect_change=True)
    free: coco.ContextKey[str] = coco.ContextKey("test_memo_free")
    ran: list[str] = []

    @fn(memo=True)
    def use() -> str:
        ran.append("use")
        return coco.use_context(counted) + coco.use_context(free)

    @fn(memo=True)
    def other() -> None:
        ran.append("other")

    def call(value: str, second: str) -> Any:
        provider = coco.ContextProvider()
        provider.provide(counted, value)
        provider.provide(free, second)
        return run(lambda: (use(), other())[0], context_provider=provider)

    assert call("a", "x") == "ax"
    assert call("a", "y") == "ax"
    assert ran == ["use", "other"]
    assert call("b", "y") == "by"
    assert ran == ["use", "other", "use"]


def test_states_declared_in_a_call_that_is_left_out_stay(
    restarted: Make, target: MemoryTarget
) -> None:
    ran: list[str] = []
    keys = ["a", "b"]

    @coco.fn(memo=True)
    def leaf(key: str) -> None:
        ran.append(f"leaf {key}")
        target.declare(f"leaf {key}", 1)

    @coco.fn(memo=True)
    def branch(key: str) -> None:
        ran.append(f"branch {key}")
        leaf(key)
        target.declare(key, 1)

    @coco.fn
    def main() -> None:
        for key in keys:
            branch(key)

    restarted(main).update_blocking()
    everything = dict(target.contents)
    assert sorted(everything) == ["a", "b", "leaf a", "leaf b"]
    restarted(main).update_blocking()
    restarted(main).update_blocking()
    assert ran == ["branch a", "leaf a", "branch b", "leaf b"]
    assert target.contents == everything
    keys.remove("b")
    restarted(main).update_blocking()
    assert sorted(target.contents) == ["a", "leaf a"]


def test_a_failed_call_is_not_remembered_and_others_are(run: Any) -> None:
    ran: list[int] = []
    fails = True

    @fn(memo=True)
    def call(number: int) -> int:
        ran.append(number)
        if fails and number == 2:
            raise ValueError(number)
        return number

    def main() -> list[int]:
        numbers = []
        for number in (1, 2, 3):
            try:
                numbers.append(call(number))
            except ValueError:
                numbers.append(-number)
        return numbers

    assert run(main) == [1, -2, 3]
    fails = False
    assert run(main) == [1, 2, 3]
    assert ran == [1, 2, 3, 2]


def test_equal_calls_at_one_time_run_once(restarted: Make) -> None:
    ran: list[str] = []
    lock = threading.Lock()

    @fn(memo=True)
    async def slow(text: str) -> str:
        with lock:
            ran.append(text)
        for _ in range(10):
            await asyncio.sleep(0)
        return text.upper()

    async def main() -> list[str]:
        return await coco.map(slow, ["a"] * 20 + ["b"])

    assert restarted(main).update_blocking() == ["A"] * 20 + ["B"]
    assert sorted(ran) == ["a", "b"]


def test_what_mounts_components_cannot_be_a_memoized_call(
    restarted: Make, target: MemoryTarget
) -> None:
    @coco.fn
    async def child() -> None:
        target.declare("a", 1)

    @coco.fn(memo=True)
    async def call() -> None:
        await coco.mount(child)

    @coco.fn
    async def main() -> None:
        await call()

    with pytest.raises(ValueError, match="mounted child components"):
        restarted(main).update_blocking()


def test_a_memoized_component_is_left_out_with_all_below_it(
    restarted: Make, target: MemoryTarget
) -> None:
    ran: list[str] = []

    @coco.fn
    async def child(key: str) -> None:
        ran.append(f"child {key}")
        target.declare(key, 1)

    @coco.fn(memo=True)
    async def parent(keys: tuple[str, ...]) -> int:
        ran.append("parent")
        await coco.mount_each(child, [(key, key) for key in keys])
        return len(keys)

    @coco.fn
    async def main(keys: tuple[str, ...]) -> int:
        return await coco.use_mount(parent, keys)

    assert restarted(main, ("a", "b")).update_blocking() == 2
    assert restarted(main, ("a", "b")).update_blocking() == 2
    assert len(ran) == 3
    assert restarted(main, ("a",)).update_blocking() == 1
    assert target.contents == {"a": 1}


def test_a_component_with_a_failed_child_is_not_left_out(
    restarted: Make, target: MemoryTarget
) -> None:
    ran: list[str] = []
    fails = True

    @coco.fn(memo=True)
    async def child() -> None:
        ran.append("child")
        if fails:
            raise ValueError("not now")
        target.declare("a", 1)

    @coco.fn(memo=True)
    async def parent() -> None:
        ran.append("parent")
        await coco.mount(child)

    @coco.fn
    async def main() -> None:
        await coco.mount(parent)

    restarted(main).update_blocking()
    fails = False
    restarted(main).update_blocking()
    assert ran == ["parent", "child"] * 2
    assert target.contents == {"a": 1}


def test_an_argument_without_a_key_is_refused(run: Any) -> None:
    @fn(memo=True)
    def call(value: Any) -> None: ...

    with pytest.raises(TypeError, match="lock"):
        run(call, threading.Lock())
