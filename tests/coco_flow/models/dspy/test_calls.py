"""`run_batch`: many calls at a time, each with its result, error and telemetry."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coco_flow.errors import DefinitionError, InvalidSetting, RunCancelled
from coco_flow.models import ModelContext, get_dspy_lm, run_batch
from coco_flow.models.events import ModelEvents
from tests.coco_flow.models.dspy.calls import SUMMARY, asked, items, of
from tests.coco_flow.models.dspy.conftest import answered
from tests.llm_server import LlmServer
from tests.waiting import until

pytestmark = pytest.mark.slow


def test_results_are_in_the_order_of_the_items(server: LlmServer) -> None:
    server.model = lambda received: answered(summary=f"about {asked(received)}")
    results = run_batch(SUMMARY, items(20), lm=of(server), max_concurrent=4)
    assert [one.result.summary for one in results] == [f"about text {n}" for n in range(20)]
    assert [one.item for one in results] == items(20)
    assert all(one.error is None for one in results)
    assert all(one.telemetry["model_name"] == "openai/scripted" for one in results)


def test_so_many_calls_are_made_at_a_time(server: LlmServer) -> None:
    server.gate.clear()
    done: list[Any] = []
    calling = threading.Thread(
        target=lambda: done.extend(run_batch(SUMMARY, items(9), lm=of(server), max_concurrent=3))
    )
    calling.start()
    until(lambda: server.under_way == 3)
    server.gate.set()
    calling.join(30)
    assert len(done) == 9
    assert server.most_under_way == 3


@pytest.mark.parametrize("count", [0, -1])
def test_at_least_one_call_is_made_at_a_time(count: int, server: LlmServer) -> None:
    with pytest.raises(DefinitionError, match=f"max_concurrent is {count}"):
        run_batch(SUMMARY, items(1), lm=of(server), max_concurrent=count)


def test_no_items_ask_nobody() -> None:
    assert run_batch(SUMMARY, []) == []


def test_programs_are_signatures_texts_and_modules(server: LlmServer, dspy: Any) -> None:
    class Summarize(dspy.Signature):  # type: ignore[misc, name-defined]
        """Say it in few words."""

        text: str = dspy.InputField()
        summary: str = dspy.OutputField()

    class Twice(dspy.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first = dspy.Predict(Summarize)
            self.second = dspy.Predict("text -> summary")

        def forward(self, text: str) -> Any:
            return self.second(text=self.first(text=text).summary)

    for program, calls in ((Summarize, 1), (SUMMARY, 1), (dspy.Predict(SUMMARY), 1), (Twice(), 2)):
        server.received.clear()
        [one] = run_batch(program, items(1), lm=of(server))
        assert one.error is None
        assert one.result.summary == "short"
        assert len(server.received) == calls
    assert "Say it in few words." in str(run_prompt(server, Summarize))


def run_prompt(server: LlmServer, program: Any) -> Any:
    server.received.clear()
    run_batch(program, items(1), lm=of(server))
    return server.bodies[0]


def test_a_predictor_class_is_made_of_a_signature(server: LlmServer, dspy: Any) -> None:
    server.model = lambda _: answered(reasoning="because", summary="short")
    [one] = run_batch(SUMMARY, items(1), lm=of(server), predictor_class=dspy.ChainOfThought)
    assert one.result.reasoning == "because"


def test_an_example_is_an_item(server: LlmServer, dspy: Any) -> None:
    example = dspy.Example(text="text 0", summary="long").with_inputs("text")
    [one] = run_batch(SUMMARY, [example], lm=of(server))
    assert one.item == {"text": "text 0"}
    [one] = run_batch(SUMMARY, [dspy.Example(text="text 0")], lm=of(server))
    assert one.result.summary == "short"


@pytest.mark.parametrize(
    ("program", "item", "message"),
    [
        (len, {}, "is no program of DSPy"),
        ("no arrow", {}, "'no arrow' is no signature of DSPy"),
        (SUMMARY, 5, "5 is no item"),
    ],
)
def test_what_is_no_program_or_item_is_refused(program: Any, item: Any, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        run_batch(program, [item])


def test_dspys_own_dummy_answers(dspy: Any) -> None:
    dummy = dspy.utils.DummyLM({"text 0": {"summary": "zero"}, "text 1": {"summary": "one"}})
    results = run_batch(SUMMARY, items(2), lm=dummy)
    assert [one.result.summary for one in results] == ["zero", "one"]
    assert results[0].telemetry["model_name"] == "dummy"
    assert results[0].telemetry["tokens_prompt"] == 0
    assert results[0].telemetry["cost"] is None


def test_settings_of_dspy_are_the_same_in_every_thread(server: LlmServer, dspy: Any) -> None:
    server.model = lambda _: '{"summary": "as JSON"}'
    with dspy.context(lm=of(server), adapter=dspy.JSONAdapter()):
        results = run_batch(SUMMARY, items(4))
    assert [one.result.summary for one in results] == ["as JSON"] * 4


def test_a_module_may_have_its_own_language_model(server: LlmServer, dspy: Any) -> None:
    module = dspy.Predict(SUMMARY)
    module.set_lm(of(server))
    [one] = run_batch(module, items(1))
    assert one.result.summary == "short"


def test_the_environment_names_the_language_model(
    server: LlmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidSetting, match="No language model is set"):
        run_batch(SUMMARY, items(1))
    monkeypatch.setenv("COCO_FLOW_LLM_MODEL", "openai/from-environment")
    with pytest.raises(InvalidSetting, match=r"no API key for .*openai/from-environment"):
        run_batch(SUMMARY, items(1))
    monkeypatch.setenv("COCO_FLOW_LLM_API_BASE", f"{server.url}/v1")
    [one] = run_batch(SUMMARY, items(1))
    assert one.telemetry["model_name"] == "openai/from-environment"
    assert server.received[0].headers["authorization"] == "Bearer none"


def test_telemetry_is_what_the_server_counted(counting_server: str, dspy: Any) -> None:
    lm = get_dspy_lm("openai/local", api_base=counting_server, cache=False)
    [one] = run_batch("text -> entities: list[str]", [{"text": "Ada met Alan Turing."}], lm=lm)
    assert one.result.entities == ["Alan Turing"]
    entry = lm.history[-1]
    assert entry["usage"]["prompt_tokens"] > 50
    assert one.result.get_lm_usage()["openai/local"] == entry["usage"]
    assert one.telemetry["tokens_prompt"] == entry["usage"]["prompt_tokens"]
    assert one.telemetry["tokens_completion"] == entry["usage"]["completion_tokens"]
    assert one.telemetry["execution_time"] > 0


def test_telemetry_sums_the_calls_of_one_item_alone(counting_server: str, dspy: Any) -> None:
    class Twice(dspy.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.one = dspy.Predict(SUMMARY)

        def forward(self, text: str) -> Any:
            self.one(text=text)
            return self.one(text=text)

    lm = get_dspy_lm("openai/local", api_base=counting_server, cache=False)
    once = run_batch(SUMMARY, items(1), lm=lm)[0].telemetry
    twice = [one.telemetry for one in run_batch(Twice(), items(8), lm=lm, max_concurrent=8)]
    assert {one["tokens_prompt"] for one in twice} == {2 * once["tokens_prompt"]}
    assert len(lm.history) == 17


def test_the_price_is_there_where_it_is_known(counting_server: str) -> None:
    lm = get_dspy_lm("openai/gpt-4o-mini", api_base=counting_server, cache=False)
    telemetry = run_batch(SUMMARY, items(1), lm=lm)[0].telemetry
    expected = telemetry["tokens_prompt"] * 0.15e-6 + telemetry["tokens_completion"] * 0.6e-6
    assert telemetry["cost"] == pytest.approx(expected)


def test_telemetry_without_dspys_history(counting_server: str, dspy: Any) -> None:
    lm = get_dspy_lm("openai/local", api_base=counting_server, cache=False)
    with_history = run_batch(SUMMARY, items(1), lm=lm)[0].telemetry
    with dspy.context(disable_history=True):
        without = run_batch(SUMMARY, items(1), lm=lm)[0].telemetry
    assert without["tokens_prompt"] == with_history["tokens_prompt"]
    assert without["model_name"] == "openai/local"


def test_an_answer_from_the_cache_costs_nothing(counting_server: str) -> None:
    lm = get_dspy_lm("openai/gpt-4o-mini", api_base=counting_server)
    first = run_batch(SUMMARY, items(1), lm=lm)[0]
    again = run_batch(SUMMARY, items(1), lm=lm)[0]
    assert first.telemetry["cost"] > 0
    assert again.result.summary == first.result.summary
    assert again.telemetry["cost"] is None
    assert again.telemetry["tokens_prompt"] is None


@pytest.fixture
def context() -> Iterator[tuple[ModelContext, list[tuple[int, int | None, str]]]]:
    """A context of a run, and what is reported to it."""
    reports: list[tuple[int, int | None, str]] = []

    class Events(ModelEvents):
        def progress(self, done: int, total: int | None, message: str) -> None:
            reports.append((done, total, message))

    yield ModelContext(workflow_id="wf-1").with_events(Events("wf-1", "text.summaries")), reports


def test_progress_is_reported(server: LlmServer, context: Any) -> None:
    ctx, reports = context
    server.fail(500)
    run_batch(SUMMARY, items(5), lm=of(server), max_concurrent=1, ctx=ctx)
    assert [report[1] for report in reports] == [5] * len(reports)
    assert [report[0] for report in reports] == sorted(report[0] for report in reports)
    assert reports[-1] == (5, 5, "1 failed")


def test_a_cancelled_run_asks_nothing_more(server: LlmServer, context: Any) -> None:
    ctx, _ = context
    server.gate.clear()
    raised: list[BaseException] = []

    def call() -> None:
        try:
            run_batch(SUMMARY, items(100), lm=of(server), max_concurrent=2, ctx=ctx)
        except RunCancelled as error:
            raised.append(error)

    calling = threading.Thread(target=call)
    calling.start()
    until(lambda: server.under_way == 2)
    ctx.events.cancel()
    server.gate.set()
    calling.join(30)
    assert len(raised) == 1
    assert len(server.received) < 100


def test_nothing_leaves_this_machine(counting_server: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    environment = {"PATH": "", "HOME": str(tmp_path), "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        [sys.executable, str(program), counting_server],
        capture_output=True, text=True, check=False, env=environment, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Ada wrote.\n['127.0.0.1']\n"


PROGRAM = """
import sys

hosts = set()


def watch(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        hosts.add(arguments[1][0])
    elif event == "socket.getaddrinfo":
        hosts.add(arguments[0])


sys.addaudithook(watch)

from coco_flow.models import get_dspy_lm, run_batch

lm = get_dspy_lm("openai/gpt-4o-mini", api_base=sys.argv[1])
[one] = run_batch("text -> summary", [{"text": "Ada wrote."}], lm=lm)
assert one.telemetry["cost"] > 0
print(one.result.summary)
print(sorted(hosts))
"""
