"""Memo states: the checks of arguments and context values that decide whether a memo is valid."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

from coco_flow.components.cell import Cell
from coco_flow.components.context import ContextProvider, resolve_awaitables
from coco_flow.components.memo import States
from coco_flow.components.memo_key import MemoStateOutcome, StateFnEntry
from coco_flow.components.sentinel import NON_EXISTENCE

__all__ = [
    "StateCheck",
    "check_states",
    "check_states_blocking",
    "collect_states",
    "collect_states_blocking",
    "recollect_states",
    "recollect_states_blocking",
]

_REFUSAL = (
    "A memo state function returned an awaitable from a sync context with a running event loop. "
    "Use @fn.as_async for the decorated function instead, so that it can be awaited."
)


class StateCheck(NamedTuple):
    """What the memo state functions say about a stored result.

    Attributes:
        states: The states as they are now.
        reusable: Whether all agree that the result holds.
        changed: Whether any state differs from the stored one.
        recollect: Positions of the states to collect again once the function has run.
    """

    states: States
    reusable: bool
    changed: bool
    recollect: tuple[int, ...]


class _Asked(NamedTuple):
    """One memo state function, its previous state and what it answered."""

    context: bytes | None
    previous: Any
    answer: Any


def _ask(
    entries: Sequence[StateFnEntry], stored: Sequence[Cell] | None, context: bytes | None
) -> list[_Asked]:
    # Another number of states than stored ones: their types changed, so all are collected again.
    if stored is not None and len(stored) != len(entries):
        stored = None
    asked = []
    for index, entry in enumerate(entries):
        previous = NON_EXISTENCE if stored is None else entry.deserialize_prev(stored[index])
        asked.append(_Asked(context, previous, entry.call(previous)))
    return asked


def _ask_all(
    entries: Sequence[StateFnEntry], stored: States, provider: ContextProvider
) -> list[_Asked]:
    asked = _ask(entries, stored.positional, None)
    for digest, cells in stored.contexts.items():
        functions = provider.state_fns(digest)
        if functions is None:
            raise RuntimeError(
                "A stored result depends on the state of a context value that has no memo state "
                "function any more; update once with full_reprocess=True."
            )
        asked += _ask(functions, cells, digest)
    return asked


def _conclude(asked: list[_Asked], outcomes: list[MemoStateOutcome]) -> StateCheck:
    positional: list[Any] = []
    contexts: dict[bytes, list[Any]] = {}
    recollect = []
    reusable, changed = True, False
    for (context, previous, _), outcome in zip(asked, outcomes, strict=True):
        if context is None:
            if outcome.recollect_after_run:
                recollect.append(len(positional))
            positional.append(outcome.state)
        else:
            contexts.setdefault(context, []).append(outcome.state)
        reusable = reusable and outcome.memo_valid
        changed = changed or (previous is not NON_EXISTENCE and outcome.state != previous)
    return StateCheck(States.of(positional, contexts), reusable, changed, tuple(recollect))


async def _awaited(answers: list[Any]) -> list[Any]:
    waiting = [index for index, each in enumerate(answers) if inspect.isawaitable(each)]
    if len(waiting) == 1:
        answers[waiting[0]] = await answers[waiting[0]]
    elif waiting:
        values = await asyncio.gather(*(answers[index] for index in waiting))
        for index, value in zip(waiting, values, strict=True):
            answers[index] = value
    return answers


async def check_states(
    entries: Sequence[StateFnEntry], stored: States, provider: ContextProvider
) -> StateCheck:
    """Call the memo state functions about a stored result."""
    asked = _ask_all(entries, stored, provider)
    return _conclude(asked, await _awaited([each.answer for each in asked]))


def check_states_blocking(
    entries: Sequence[StateFnEntry], stored: States, provider: ContextProvider
) -> StateCheck:
    """Call the memo state functions about a stored result, synchronously."""
    asked = _ask_all(entries, stored, provider)
    return _conclude(asked, resolve_awaitables([each.answer for each in asked], _REFUSAL))


async def collect_states(entries: Sequence[StateFnEntry]) -> list[Any]:
    """Return the states for a result that has none yet."""
    return [
        outcome.state for outcome in await _awaited([each.call(NON_EXISTENCE) for each in entries])
    ]


def collect_states_blocking(entries: Sequence[StateFnEntry]) -> list[Any]:
    """Return the states for a result that has none yet, in plain code."""
    answers = [each.call(NON_EXISTENCE) for each in entries]
    return [outcome.state for outcome in resolve_awaitables(answers, _REFUSAL)]


async def recollect_states(entries: Sequence[StateFnEntry], check: StateCheck) -> list[Any]:
    """Return the checked states, collected again where that is needed."""
    fresh = await collect_states([entries[index] for index in check.recollect])
    return _replaced(check, fresh)


def recollect_states_blocking(entries: Sequence[StateFnEntry], check: StateCheck) -> list[Any]:
    """Return the checked states, collected again where that is needed; synchronously."""
    return _replaced(check, collect_states_blocking([entries[index] for index in check.recollect]))


def _replaced(check: StateCheck, fresh: list[Any]) -> list[Any]:
    # The states were made of values just now, so that nothing has to be decoded.
    states = [cell.get(lambda data: data) for cell in check.states.positional]
    for index, state in zip(check.recollect, fresh, strict=True):
        states[index] = state
    return states
