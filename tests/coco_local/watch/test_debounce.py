from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from coco_local.watch import Debouncer

A, B = Path("/p/a"), Path("/p/b")


def test_a_quiet_moment_ends_a_batch() -> None:
    gathered = Debouncer(quiet=0.2, max_lag=2.0)
    assert gathered.due_in(0) is None
    gathered.add([A], now=0)
    gathered.add([A, B], now=0.15)
    assert not gathered.due(0.3)
    assert gathered.due(0.35)
    batch = gathered.take()
    assert (batch.paths, batch.storm) == (frozenset({A, B}), False)
    assert not gathered
    assert not gathered.due(10)


def test_a_busy_file_is_not_put_off_for_ever() -> None:
    gathered = Debouncer(quiet=0.2, max_lag=2.0)
    now = 0.0
    while not gathered.due(now):
        gathered.add([A], now)
        now += 0.1
    assert 2.0 <= now < 2.2


def test_a_storm_forgets_the_paths_and_may_rage_longer() -> None:
    gathered = Debouncer(quiet=0.2, max_lag=2.0, storm_paths=10)
    gathered.add([Path(f"/p/{n}") for n in range(11)], now=0)
    now = 0.0
    while not gathered.due(now):
        gathered.add([A], now)
        now += 0.1
    assert 4.0 <= now < 4.2
    batch = gathered.take()
    assert (batch.paths, batch.storm) == (frozenset(), True)
    gathered.add([A], now)
    assert gathered.take() == type(batch)(frozenset({A}))


@given(st.lists(st.tuples(st.floats(0, 1), st.sets(st.integers(0, 9), max_size=4)), max_size=30))
def test_nothing_is_lost_and_nothing_waits_too_long(steps: list[tuple[float, set[int]]]) -> None:
    gathered = Debouncer(quiet=0.2, max_lag=2.0)
    now, waiting, oldest = 0.0, set[Path](), None
    for pause, numbers in steps:
        now += pause
        left = gathered.due_in(now)
        assert (left is None) == (not waiting)
        if left is not None and oldest is not None:
            assert now + left <= max(now, oldest + 2.0)
        if gathered.due(now):
            assert gathered.take().paths == waiting
            waiting, oldest = set(), None
        paths = {Path(f"/p/{number}") for number in numbers}
        gathered.add(paths, now)
        if paths:
            waiting |= paths
            oldest = now if oldest is None else oldest
    assert gathered.take().paths == waiting
