from __future__ import annotations

import dataclasses
import enum
import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pydantic
import pytest

from coco_flow.components.memo_key import (
    Fingerprint,
    MemoStateOutcome,
    NotMemoKeyable,
    fingerprint_call,
    memo_fingerprint,
    register_memo_key_function,
    unregister_memo_key_function,
)

PROGRAM = """
import dataclasses, enum, re
from decimal import Decimal
from pathlib import PurePosixPath
from coco_flow.components.memo_key import fingerprint_call, memo_fingerprint

class Color(enum.Enum):
    RED = 1

@dataclasses.dataclass
class Part:
    names: set[str]

class Plain:
    def __init__(self, names):
        self.names = names

def work(value):
    return value

def show():
    names = {"a", "b", "c", "d", "e"}
    values = [
        names, dict.fromkeys(names, 1), Part(names), Plain(names), Color.RED, Plain, work,
        re.compile("x+"), Decimal("1.50"), PurePosixPath("a/b"), frozenset({("x", 1)}),
    ]
    print(memo_fingerprint(values), fingerprint_call(work, (values,), {"k": names}, []))
"""


def run(folder: Path, command: list[str], seed: str) -> str:
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, "PYTHONHASHSEED": seed},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_a_fingerprint_is_the_same_in_every_process_and_as_main(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        PROGRAM + "\nif __name__ == '__main__':\n    show()\n", encoding="utf-8"
    )
    outputs = {
        run(tmp_path, ["program.py"], "1"),
        run(tmp_path, ["program.py"], "2"),
        run(tmp_path, ["-m", "program"], "3"),
        run(tmp_path, ["-c", "import program; program.show()"], "4"),
    }
    assert len(outputs) == 1
    assert outputs != {""}


def same(first: Any, second: Any) -> bool:
    return memo_fingerprint(first) == memo_fingerprint(second)


class Shade(enum.IntEnum):
    DARK = 1


@dataclasses.dataclass
class Pair:
    left: Any
    right: Any


class Extra(pydantic.BaseModel, extra="allow"):
    a: int


def test_equal_values_are_equal_whatever_their_identity() -> None:
    shared = [1, 2]
    assert same([shared, shared], [[1, 2], [1, 2]])
    assert same(Pair(shared, shared), Pair([1, 2], [1, 2]))
    assert same({"a": 1, "b": 2}, {"b": 2, "a": 1})
    assert same(np.arange(4), np.arange(4))
    assert same(float("nan"), float("nan"))
    assert same(b"x", bytearray(b"x"))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (1, "1"),
        (1, True),
        (1, 1.0),
        (0.0, -0.0),
        ("1", b"1"),
        (["ab", "c"], ["a", "bc"]),
        ([[1], [2]], [[1, 2]]),
        ({"a": {"b": 1}}, {"a": 1, "b": 1}),
        ({"a"}, ["a"]),
        (np.arange(4), np.arange(4).reshape(2, 2)),
        (np.arange(4, dtype=np.int32), np.arange(4, dtype=np.int64)),
        (Extra(a=1, b=2), Extra(a=1, b=3)),
        (Decimal("1.5"), Decimal("1.50")),
        (PurePosixPath("a"), "a"),
        (re.compile("a"), re.compile("a", re.IGNORECASE)),
        (Pair(1, 2), Pair(2, 1)),
        pytest.param(10**5000, 10**5000 + 1, id="large integers"),
        (Fingerprint(b"x" * 16), b"x" * 16),
    ],
)
def test_different_values_differ(first: Any, second: Any) -> None:
    assert not same(first, second)


def test_cycles_end_and_do_not_depend_on_what_comes_before() -> None:
    def cycle() -> list[Any]:
        ring: list[Any] = [1]
        ring.append(ring)
        return ring

    assert same(cycle(), cycle())
    assert same({"a": cycle(), "b": cycle()}, {"b": cycle(), "a": cycle()})


def test_what_has_no_stable_form_is_refused() -> None:
    class Counter(NotMemoKeyable):
        pass

    with pytest.raises(TypeError, match="Counter cannot be used as a memoization key"):
        memo_fingerprint(Counter())
    with pytest.raises(TypeError, match="Unsupported type for memoization key"):
        memo_fingerprint(lambda: 1)
    with pytest.raises(TypeError, match="Unsupported type for memoization key"):
        memo_fingerprint(x for x in [1])


def test_registered_functions_count_for_subclasses_and_give_states() -> None:
    class Base:
        def __init__(self, key: int) -> None:
            self.key = key

    class Derived(Base):
        pass

    def state(value: Base, previous: int) -> MemoStateOutcome:
        return MemoStateOutcome(value.key, memo_valid=previous == value.key)

    register_memo_key_function(Base, lambda value: value.key, state_fn=state)
    try:
        states: list[Any] = []
        first = fingerprint_call(state, (Derived(1),), {}, states)
        assert first == fingerprint_call(state, (Derived(1),), {}, [])
        assert first != fingerprint_call(state, (Derived(2),), {}, [])
        assert states[0].call(1) == MemoStateOutcome(1, memo_valid=True)
    finally:
        unregister_memo_key_function(Base)


def test_integers_of_an_enum_count_as_integers() -> None:
    assert same(Shade.DARK, 1)


def test_a_call_knows_its_function_its_version_and_its_keywords() -> None:
    def f() -> None: ...

    def g() -> None: ...

    calls = [
        fingerprint_call(f, (1,), {}, []),
        fingerprint_call(g, (1,), {}, []),
        fingerprint_call(f, (1,), {}, [], version=2),
        fingerprint_call(f, (), {"a": 1}, []),
        fingerprint_call(f, (), {"b": 1}, []),
        fingerprint_call(f, ("a", 1), {}, []),
        fingerprint_call(f, (1,), {}, [], prefix_args=("p",)),
    ]
    assert len(set(calls)) == len(calls)
