"""Random programs of edits against flows, judged by an oracle that builds everything from nothing.

Used by the property test in CI and, for many more steps, by `bench/flow/oracle.py`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import coco_flow
from coco_flow.setting import DatabaseConnectionSpec, Settings
from tests.coco_flow.engine.words_flow import words_flow
from tests.flow_parts import MemoryTable, flow_state, rows_of, table_of

__all__ = ["EditProgram"]

# Few keys and few words, so that rows meet in their keys.
_SOURCES = st.sampled_from(["a", "b"])
_NAMES = st.sampled_from(["p", "q", "r", "s"])
_LINES = st.lists(st.sampled_from(["w", "x w", "y", "x y", "BOOM", ""]), min_size=1, max_size=3)
_FAULTS = st.sampled_from(["lines", "words"])


class EditProgram(RuleBasedStateMachine):
    """Edits rows, logic and schema, breaks targets, updates; judged by a fresh build."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._state = flow_state(Path(self._folder.name))
        self._state.__enter__()
        self._version = 1
        self._with_length = False
        self._texts: dict[tuple[str, str], str] = {}
        self._history: list[tuple[str, str, str]] = []
        self._clean = False
        # Both sources exist from the start; the guard against empty listings is tested elsewhere.
        rows_of("a"), rows_of("b")

    def teardown(self) -> None:
        self._state.__exit__(None, None, None)
        self._folder.cleanup()

    @rule(source=_SOURCES, name=_NAMES, lines=_LINES)
    def write(self, source: str, name: str, lines: list[str]) -> None:
        text = "\n".join(lines)
        self._history.append((source, name, text))
        rows_of(source)[name] = text
        self._clean = False

    @rule(source=_SOURCES, name=_NAMES)
    def delete(self, source: str, name: str) -> None:
        if name in rows_of(source).texts:
            del rows_of(source)[name]
            self._clean = False

    @rule(source=_SOURCES, old=_NAMES, new=_NAMES)
    def rename(self, source: str, old: str, new: str) -> None:
        texts = rows_of(source).texts
        if old in texts and old != new:
            rows_of(source)[new] = texts[old]
            del rows_of(source)[old]
            self._clean = False

    @rule(data=st.data())
    def revert(self, data: st.DataObject) -> None:
        if self._history:
            source, name, text = data.draw(st.sampled_from(self._history))
            rows_of(source)[name] = text
            self._clean = False

    @rule()
    def change_logic(self) -> None:
        self._version = 3 - self._version
        self._clean = False

    @rule()
    def change_schema(self) -> None:
        self._with_length = not self._with_length
        self._clean = False

    @rule(broken=_FAULTS, applied=st.booleans())
    def update_with_failing_target(self, broken: str, applied: bool) -> None:
        table = table_of(broken)
        fault = OSError("target down")
        table.fails, table.fails_after = (None, fault) if applied else (fault, None)
        self._update()
        table.fails = table.fails_after = None
        self._clean = False

    @rule()
    def update(self) -> None:
        self._update()
        self._clean = True

    @invariant()
    def targets_equal_a_fresh_build(self) -> None:
        if self._clean:
            self._compare()
            self._clean = False

    def _update(self) -> None:
        flow = words_flow("F", version=self._version, with_length=self._with_length)
        try:
            flow.setup()
            flow.update(allow_empty=True)
        finally:
            flow.close()

    def _compare(self) -> None:
        incremental = {name: dict(table_of(name).rows) for name in ("lines", "words")}
        failed = _failing_texts()
        with _fresh_build() as build:
            build(self._version, self._with_length)
            fresh = {name: dict(table_of(name).rows) for name in ("lines", "words")}
        # A failing row keeps what it last wrote; a fresh build has nothing of it.
        if not failed:
            assert incremental == fresh
        else:
            kept = {key: row for key, row in incremental["lines"].items()
                    if (key[0], key[1]) not in failed}  # fmt: skip
            assert kept == fresh["lines"]


def _failing_texts() -> set[tuple[str, str]]:
    return {
        (source, name)
        for source in ("a", "b")
        for name, text in rows_of(source).texts.items()
        if "BOOM" in text.split("\n")
    }


@contextmanager
def _fresh_build() -> Iterator[object]:
    """Let a build run with empty state and empty tables, and put everything back afterwards."""
    before = coco_flow.setting.current_settings()
    names = ("lines", "words")
    kept = {name: (dict(table_of(name).rows), list(table_of(name).setups)) for name in names}
    for name in names:
        table_of(name).rows.clear()

    def build(version: int, with_length: bool) -> None:
        flow = words_flow("F", version=version, with_length=with_length)
        try:
            flow.setup()
            flow.update(allow_empty=True)
        finally:
            flow.close()

    coco_flow.init(Settings(database=DatabaseConnectionSpec(url=":memory:")))
    try:
        yield build
    finally:
        coco_flow.init(before)
        for name in names:
            table: MemoryTable = table_of(name)
            table.rows, table.setups = kept[name]
