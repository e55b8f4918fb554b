"""Calls of DSPy programs for many items at a time, each with its result, error and telemetry."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from coco_core.errors import CocoError
from coco_flow.errors import DefinitionError, RunCancelled
from coco_flow.models.dspy_errors import concerns_all_items, error_of
from coco_flow.models.dspy_lm import get_dspy_lm, load_dspy

if TYPE_CHECKING:
    from coco_flow.models.context import ModelContext

__all__ = ["ItemResult", "program_of", "run_batch"]

# How soon a cancelled run is noticed while answers are waited for.
_CANCEL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What came of one item.

    Attributes:
        item: The inputs.
        result: The prediction, or None if the item failed.
        error: Why it failed, or None.
        telemetry: What the calls cost, as `apply_dspy_telemetry` takes it: `model_name`,
            `tokens_prompt`, `tokens_completion`, `cost` (US dollars, None if it is not known),
            `execution_time` (seconds). An answer from DSPy's cache has no tokens and no cost.
    """

    item: Mapping[str, Any]
    result: Any = None
    error: CocoError | None = None
    telemetry: dict[str, Any] = field(default_factory=dict)


def run_batch(
    program: Any,
    items: Iterable[Mapping[str, Any]],
    *,
    lm: Any = None,
    predictor_class: Any = None,
    max_concurrent: int = 8,
    ctx: ModelContext | None = None,
) -> list[ItemResult]:
    """Call a DSPy program for each item, some at a time, and return the results in order.

    An item that fails stops no other, except when the next would fail for the same reason: once a
    key is refused or missing, the remaining items are not sent and have the same error.

    Args:
        program: A signature (a class, or text such as "text -> summary") or a module.
        items: The inputs of each call, by field.
        lm: The language model. Default: the module's or DSPy's own, else `get_dspy_lm()`.
        predictor_class: What is made of a signature. Default: `dspy.Predict`.
        max_concurrent: Calls at a time. DSPy's settings are the same in all of them.
        ctx: Where progress is reported; cancelling its run stops further calls.

    Raises:
        DefinitionError: `program` is neither signature nor module.
        InvalidSetting: No language model or key is set.
        RunCancelled: The run was cancelled.
        ExtraMissing: DSPy is not installed.
    """
    if max_concurrent < 1:
        raise DefinitionError(f"max_concurrent is {max_concurrent}; it must be at least 1.")
    module = program_of(program, predictor_class)
    inputs = [_inputs(item) for item in items]
    if not inputs:
        return []
    calls = _Calls(module, _chosen_lm(module, lm))
    with ThreadPoolExecutor(max_concurrent, thread_name_prefix="coco-dspy") as pool:
        futures = [
            # A thread has DSPy's settings only in a copy of this context.
            pool.submit(contextvars.copy_context().run, calls.call, one)
            for one in inputs
        ]
        try:
            _follow(futures, ctx)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [future.result() for future in futures]


def _follow(futures: Sequence[Future[ItemResult]], ctx: ModelContext | None) -> None:
    """Wait for all, and report how many are there."""
    pending = set(futures)
    failed = 0
    while pending:
        ended, pending = wait(pending, _CANCEL_SECONDS, FIRST_COMPLETED)
        failed += sum(future.result().error is not None for future in ended)
        if ctx is None:
            continue
        ctx.check_cancelled()
        if ended:
            message = f"{failed} failed" if failed else ""
            ctx.progress(len(futures) - len(pending), len(futures), message)


def program_of(program: Any, predictor_class: Any = None) -> Any:
    """Return the module of a signature, or the module that is given.

    Raises:
        DefinitionError: It is neither.
    """
    dspy = load_dspy()
    if isinstance(program, dspy.Module):
        return program
    is_signature = isinstance(program, type) and issubclass(program, dspy.Signature)
    if not is_signature and not isinstance(program, str):
        raise DefinitionError(
            f"{program!r} is no program of DSPy.",
            hint='Give a class of dspy.Signature, a text such as "text -> summary", or a module.',
        )
    try:
        return (predictor_class or dspy.Predict)(program)
    except ValueError as error:
        raise DefinitionError(f"{program!r} is no signature of DSPy: {error}") from error


def _inputs(item: Any) -> Mapping[str, Any]:
    if isinstance(item, Mapping):
        return item
    if hasattr(item, "inputs") and hasattr(item, "toDict"):
        # A dspy.Example may have answers too, which are no inputs.
        example = item.inputs() if getattr(item, "_input_keys", None) else item
        return dict(example.toDict())
    raise DefinitionError(f"{item!r} is no item.", hint='Give the inputs by field: {"text": "…"}.')


def _chosen_lm(module: Any, lm: Any) -> Any:
    """Return the language model of the calls, or None if each predictor has its own."""
    if lm is not None:
        return lm
    predictors = module.predictors()
    if predictors and all(getattr(one, "lm", None) is not None for one in predictors):
        return None
    return load_dspy().settings.lm or get_dspy_lm()


class _Calls:
    """Calls a module from several threads, until an error concerns all further calls."""

    def __init__(self, module: Any, lm: Any) -> None:
        self._module = module
        self._settings = {"track_usage": True} if lm is None else {"track_usage": True, "lm": lm}
        self._lock = threading.Lock()
        self._fatal: CocoError | None = None

    def call(self, inputs: Mapping[str, Any]) -> ItemResult:
        """Call the module for one item."""
        with self._lock:
            if self._fatal is not None:
                return ItemResult(inputs, error=self._fatal)
        recording = _recording_class()(self._module)
        started = time.monotonic()
        result, error = None, None
        try:
            with load_dspy().context(**self._settings):
                result = recording(**inputs)
        except RunCancelled:
            raise
        except Exception as raised:  # noqa: BLE001 - any error of a call fails its item
            error = error_of(raised)
            if concerns_all_items(error):
                with self._lock:
                    self._fatal = error
        seconds = time.monotonic() - started
        return ItemResult(inputs, result, error, _telemetry(recording.history, result, seconds))


@cache
def _recording_class() -> Any:
    """Return the class of modules that call another one, so that its calls are in `history`."""
    dspy = load_dspy()

    class Recording(dspy.Module):  # type: ignore[misc, name-defined]
        def __init__(self, module: Any) -> None:
            super().__init__()
            self.module = module

        def forward(self, **inputs: Any) -> Any:
            return self.module(**inputs)

    return Recording


def _telemetry(history: Sequence[Mapping[str, Any]], result: Any, seconds: float) -> dict[str, Any]:
    """Return what the calls of one item cost."""
    usages = [(entry["model"], entry["usage"], entry["cost"]) for entry in history]
    if not usages:
        # DSPy's history is switched off; the prediction has the usage by model.
        usage: Mapping[str, Any] = getattr(result, "get_lm_usage", dict)() or {}
        usages = [(model, figures, None) for model, figures in usage.items()]
    # An answer from the cache has the cost that it once had, and no usage.
    costs = [cost for _, usage, cost in usages if usage and cost is not None]
    return {
        "model_name": usages[-1][0] if usages else None,
        "tokens_prompt": _sum(usages, "prompt_tokens", "input_tokens"),
        "tokens_completion": _sum(usages, "completion_tokens", "output_tokens"),
        "cost": sum(costs) if costs else None,
        "execution_time": seconds,
    }


def _sum(usages: Sequence[tuple[str, Mapping[str, Any], Any]], *names: str) -> int | None:
    found = [usage[name] for _, usage, _ in usages for name in names if usage.get(name) is not None]
    return sum(found) if found else None
