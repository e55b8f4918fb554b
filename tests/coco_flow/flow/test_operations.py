"""Functions that users write: what decides their types, when and how often they are called."""

from __future__ import annotations

import asyncio
import datetime
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Literal

import numpy as np
import pytest

import coco_flow
from coco_flow import DataSlice, op
from coco_flow.errors import DefinitionError
from tests.coco_flow.flow.doc_flow import doc_flow
from tests.flow_parts import MemorySource, MemoryTarget, flow_state, rows_of, table_of


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    with flow_state(tmp_path):
        yield


def _run(function: Any, texts: dict[str, str]) -> tuple[coco_flow.Flow, dict[str, Any]]:
    for key, text in texts.items():
        rows_of("docs")[key] = text
    flow = doc_flow(function)
    flow.setup()
    flow.update()
    return flow, {key[0]: row[0] for key, row in table_of("t").rows.items()}


def _evaluated(function: Any, text: str) -> Any:
    @coco_flow.transform_flow()
    def flow(text: DataSlice[str]) -> DataSlice[Any]:
        return text.transform(function)

    return flow.eval(text)


@pytest.mark.row("RG-2 op.function")
def test_a_decorated_function_is_still_a_function() -> None:
    @op.function()
    def shout(text: str) -> str:
        return text.upper()

    assert shout("hey") == "HEY"
    assert _run(shout, {"a": "hey"})[1] == {"a": "HEY"}


@pytest.mark.row("RG-2 missing return type")
@pytest.mark.row("OP-5 type rules")
def test_a_function_without_a_return_type_is_named_when_the_flow_is_defined() -> None:
    @op.function()
    def make_something(text: str):  # type: ignore[no-untyped-def]
        return text

    with pytest.raises(DefinitionError, match=r"'MakeSomething' has no return annotation"):
        _ = doc_flow(make_something).graph


class Repeat(op.FunctionSpec):
    times: int
    between: str = "-"


class Vectors(op.FunctionSpec):
    dimension: int


@op.executor_class(behavior_version=1)
class RepeatExecutor:
    spec: Repeat
    prepared: ClassVar[list[int]] = []
    called: ClassVar[list[str]] = []

    def prepare(self) -> None:
        assert not self.called, "prepare comes before the first call"
        self.prepared.append(self.spec.times)

    def __call__(self, text: str) -> str:
        self.called.append(text)
        return self.spec.between.join([text] * self.spec.times)


@op.executor_class()
class VectorsExecutor:
    spec: Vectors

    async def analyze(self) -> Any:
        return coco_flow.Vector[np.float32, Literal[self.spec.dimension]]  # type: ignore[name-defined]

    def __call__(self, text: str) -> Any:
        return np.full(self.spec.dimension, len(text), np.float32)


@pytest.mark.row("RG-1 spec dataclass")
def test_a_spec_is_a_dataclass() -> None:
    assert Repeat(times=2) == Repeat(2, "-")
    assert Repeat(times=2) != Repeat(times=3)
    assert repr(Repeat(times=2)) == "Repeat(times=2, between='-')"
    with pytest.raises(TypeError, match="times"):
        Repeat()  # type: ignore[call-arg]


@pytest.mark.row("RG-3 executor_class")
def test_a_spec_reaches_the_executor_and_decides_its_type() -> None:
    assert _evaluated(Repeat(times=2, between="+"), "ab") == "ab+ab"
    assert list(_evaluated(Vectors(dimension=3), "ab")) == [2.0, 2.0, 2.0]
    flow = doc_flow(Vectors(dimension=3))
    (operation, _) = flow.describe()["sources"][0]["operations"]
    assert operation["type"]["type"]["dimension"] == 3


@pytest.mark.row("RG-3 missing spec")
def test_an_executor_without_a_spec_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'Lost' has no `spec` annotation"):

        @op.executor_class()
        class Lost:
            def __call__(self, text: str) -> str:
                return text

    with pytest.raises(ValueError, match="is not a FunctionSpec"):

        @op.executor_class()
        class Wrong:
            spec: MemorySource

            def __call__(self, text: str) -> str:
                return text


@pytest.mark.row("RG-4 behavior_version required")
@pytest.mark.row("OA-1 unknown option")
@pytest.mark.row("OA-3 two arguments")
def test_options_are_checked_when_the_function_is_decorated() -> None:
    with pytest.raises(ValueError, match="cache=True needs a behavior_version"):
        op.function(cache=True)
    with pytest.raises(ValueError, match=r"'foo'.*Known options: gpu, cache"):
        op.function(foo=1)
    with pytest.raises(ValueError, match="max_batch_size=4 needs batching=True"):
        op.function(max_batch_size=4)
    with pytest.raises(ValueError, match=r"single argument functions; 'Pair' takes \(a, b\)"):

        @op.function(batching=True)
        def pair(a: list[str], b: list[str]) -> list[str]:
            return a


@pytest.mark.row("OS-3 prepare once")
@pytest.mark.row("OP-2 executor class")
def test_prepare_runs_once_for_a_thousand_rows() -> None:
    RepeatExecutor.prepared.clear()
    RepeatExecutor.called.clear()
    _, values = _run(Repeat(times=2), {str(number): "x" for number in range(1000)})
    assert set(values.values()) == {"x-x"}
    assert RepeatExecutor.prepared == [2]
    assert len(RepeatExecutor.called) == 1000


@pytest.mark.row("OS-3 sync and async")
def test_both_ways_to_write_a_function_give_the_same() -> None:
    @op.function()
    def plain(text: str) -> str:
        return text[::-1]

    @op.function()
    async def waiting(text: str) -> str:
        await asyncio.sleep(0)
        return text[::-1]

    texts = {str(number): f"text {number}" for number in range(40)}
    flow, expected = _run(plain, texts)
    flow.drop()
    flow.close()
    assert _run(waiting, texts)[1] == expected == {key: t[::-1] for key, t in texts.items()}


@pytest.mark.row("OS-2 registry")
def test_a_function_of_another_module_needs_no_wiring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "house_functions.py").write_text(
        "import coco_flow\n\n\n"
        "class Suffix(coco_flow.op.FunctionSpec):\n    end: str\n\n\n"
        "@coco_flow.op.executor_class()\nclass SuffixExecutor:\n    spec: Suffix\n\n"
        "    def __call__(self, text: str) -> str:\n        return text + self.spec.end\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import house_functions  # type: ignore[import-not-found]

    assert isinstance(house_functions, ModuleType)
    try:
        assert _run(house_functions.Suffix(end="!"), {"a": "hey"})[1] == {"a": "hey!"}
    finally:
        del sys.modules["house_functions"]


@pytest.mark.row("OA-3 batching")
@pytest.mark.row("OP-3b batching")
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_batching_function_gets_lists_in_order(asynchronous: bool) -> None:
    sizes: list[int] = []

    def upper(texts: list[str]) -> list[str]:
        sizes.append(len(texts))
        return [text.upper() for text in texts]

    async def upper_later(texts: list[str]) -> list[str]:
        await asyncio.sleep(0)
        return upper(texts)

    options = op.function(batching=True, max_batch_size=32)
    function = options(upper_later) if asynchronous else options(upper)
    texts = {str(number): f"text {number}" for number in range(100)}
    assert _run(function, texts)[1] == {key: text.upper() for key, text in texts.items()}
    assert max(sizes) == 32
    assert sum(sizes) == 100
    assert len(sizes) < 10


@pytest.mark.row("OA-3 None in batch")
def test_what_is_absent_is_taken_out_of_a_batch_and_put_back() -> None:
    batches: list[list[str]] = []

    @op.function()
    def unless_empty(text: str) -> str | None:
        return text or None

    @op.function(batching=True)
    def upper(texts: list[str]) -> list[str]:
        batches.append(texts)
        return [text.upper() for text in texts]

    def both(text: DataSlice[str]) -> DataSlice[Any]:
        return text.transform(unless_empty).transform(upper)

    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["docs"] = builder.add_source(MemorySource(name="docs"))
        out = scope.add_collector()
        with scope["docs"].row() as doc:
            out.collect(key=doc["filename"], value=doc["content"].call(both))
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["key"])

    for key, text in {"1": "a", "2": "", "3": "b"}.items():
        rows_of("docs")[key] = text
    flow = coco_flow.open_flow("Absent", define)
    flow.setup()
    flow.update()
    assert batches == [["a", "b"]]
    assert table_of("t").rows == {("1",): ("A",), ("2",): (None,), ("3",): ("B",)}


def test_a_batch_that_comes_back_short_fails_its_rows() -> None:
    @op.function(batching=True)
    def lossy(texts: list[str]) -> list[str]:
        return texts[1:]

    flow, values = _run(lossy, {"1": "a", "2": "b"})
    assert values == {}
    errors = flow.store.errors(flow.store.flow_id("F") or 0)
    assert "Lossy returned 1 results for a batch of 2" in errors[0].message


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_batch_over_its_limit_fails_its_rows(asynchronous: bool) -> None:
    release = threading.Event()

    def slow(texts: list[str]) -> list[str]:
        if "slow" in texts:
            release.wait(30)
        return texts

    async def slow_later(texts: list[str]) -> list[str]:
        if "slow" in texts:
            await asyncio.Event().wait()
        return texts

    limited: Callable[[Any], Any] = op.function(
        batching=True, max_batch_size=1, timeout=datetime.timedelta(milliseconds=100)
    )
    try:
        function = limited(slow_later) if asynchronous else limited(slow)
        flow, values = _run(function, {"a": "fast", "b": "slow", "c": "fast"})
    finally:
        release.set()
    assert values == {"a": "fast", "c": "fast"}
    (error,) = flow.store.errors(flow.store.flow_id("F") or 0)
    assert "took longer than 0.1 s" in error.message


@pytest.mark.row("OA-5 timeout")
@pytest.mark.row("OP-3c timeout")
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_call_over_its_limit_fails_its_row_alone(asynchronous: bool) -> None:
    release = threading.Event()

    def slow(text: str) -> str:
        if text == "slow":
            release.wait(30)
        return text

    async def slow_later(text: str) -> str:
        if text == "slow":
            await asyncio.Event().wait()
        return text

    limited: Callable[[Any], Any] = op.function(timeout=datetime.timedelta(milliseconds=100))
    try:
        function = limited(slow_later) if asynchronous else limited(slow)
        flow, values = _run(function, {"a": "fast", "b": "slow", "c": "fast"})
    finally:
        release.set()
    assert values == {"a": "fast", "c": "fast"}
    (error,) = flow.store.errors(flow.store.flow_id("F") or 0)
    assert "took longer than 0.1 s" in error.message
    assert "Slow" in error.message


def test_a_timeout_of_the_functions_own_is_told_as_that() -> None:
    @op.function()
    async def ask(text: str) -> str:
        raise TimeoutError("the service did not answer")

    flow, _ = _run(ask, {"a": "x"})
    (error,) = flow.store.errors(flow.store.flow_id("F") or 0)
    assert error.message == "TimeoutError: the service did not answer"


class Refused(Exception):
    """An error of a user's own."""

    def __init__(self, status: int) -> None:
        super().__init__(f"refused with {status}")
        self.status = status


def _refuse(text: str) -> str:
    try:
        raise KeyError(text)
    except KeyError as error:
        raise Refused(403) from error


@pytest.mark.row("FFI-2 exceptions")
@pytest.mark.row("AR-4 error identity")
@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_exception_reaches_the_caller_as_it_is(asynchronous: bool) -> None:
    async def refuse_later(text: str) -> str:
        return _refuse(text)

    def refuse_now(text: str) -> str:
        return _refuse(text)

    function = op.function()(refuse_later if asynchronous else refuse_now)
    with pytest.raises(Refused, match="refused with 403") as caught:
        _evaluated(function, "x")
    assert caught.value.status == 403
    assert isinstance(caught.value.__cause__, KeyError)
    names = [entry.name for entry in caught.traceback]
    assert names[-2:] == [function.__name__, "_refuse"]


@pytest.mark.row("AR-4 error identity")
@pytest.mark.row("ERR-2 context chain")
def test_the_record_of_a_failed_row_leads_from_the_flow_to_the_cause() -> None:
    from coco_flow.cli.row_errors import error_line

    @op.function()
    def refuse(text: str) -> str:
        return _refuse(text)

    flow, _ = _run(refuse, {"a.md": "x"})
    (error,) = flow.store.errors(flow.store.flow_id("F") or 0)
    line = error_line(error)
    layers = ["docs", "a.md", "refuse_0", "Refused: refused with 403"]
    assert sorted(layers, key=line.index) == layers, line
    # The traceback has every layer of the code, the root cause included.
    assert error.traceback.index("KeyError: 'x'") < error.traceback.index("in refuse")
    assert error.traceback.rstrip().endswith("Refused: refused with 403")
    table_of("t").fails = OSError("no space")
    rows_of("docs")["b.md"] = "y"
    flow.close()
    flow = doc_flow()
    flow.setup()
    flow.update()
    lines = [error_line(each) for each in flow.store.errors(flow.store.flow_id("F") or 0)]
    layers = ["docs", "b.md", "export 't'", "Writing to 't' failed", "no space"]
    (line,) = [each for each in lines if "b.md" in each]
    assert sorted(layers, key=line.index) == layers, line
