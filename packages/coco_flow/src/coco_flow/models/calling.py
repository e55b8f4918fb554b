"""Calls a model's function with what its parameters ask for."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Coroutine, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from coco_flow.models.rows import plain_data

if TYPE_CHECKING:
    from coco_flow.models.config import ModelConfig
    from coco_flow.models.context import ModelContext
    from coco_flow.models.declaration import Model
    from coco_flow.models.loading import BoundInput
    from coco_flow.models.reference import Input

__all__ = ["call_model", "merged"]


def call_model(
    declared: Model,
    inputs: list[BoundInput],
    writer: Any,
    context: ModelContext,
    config: ModelConfig | None,
) -> dict[str, Any]:
    """Call the function, and write what it returns if that is rows and not a result.

    Returns:
        The mapping that the function returned, or that of the write.
    """
    loaded = [(one.given, _loaded(one)) for one in inputs]
    try:
        return _called(declared, loaded, writer, context, config)
    finally:
        for _, given in loaded:
            # Batches that the model did not read to the end hold a cursor of the database.
            if isinstance(given, Generator):
                given.close()


def _called(
    declared: Model,
    loaded: list[tuple[Input, Any]],
    writer: Any,
    context: ModelContext,
    config: ModelConfig | None,
) -> dict[str, Any]:
    offered: dict[str, Any] = {
        "ctx": context,
        "writer": writer,
        "config": config,
        "workflow_id": context.workflow_id,
        "sources": {one.name: given for one, given in loaded if one.is_source},
    }
    parameters = inspect.signature(declared.function).parameters
    takes_all = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    arguments = {
        name: value
        for name, value in offered.items()
        if name in parameters or (takes_all and (name != "sources" or value))
    }
    arguments |= {one.name: given for one, given in loaded if not one.is_source}
    returned = declared.function(**arguments)
    if inspect.isasyncgen(returned):
        returned = _listed(returned)
    if inspect.iscoroutine(returned):
        returned = _awaited(returned)
    if returned is None:
        return {}
    if isinstance(returned, Mapping):
        # It is recorded as JSON.
        result: dict[str, Any] = plain_data(returned)
        return result
    written: dict[str, Any] = writer.write(returned)
    return written


async def _listed(rows: AsyncIterator[Any]) -> list[Any]:
    return [row async for row in rows]


def _awaited(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end: in a thread of its own if this one has a loop already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(asyncio.run, coroutine).result()


def _loaded(one: BoundInput) -> Any:
    given = one.given
    if given.kind == "lazy":
        return given.reference.bound(one)
    if given.kind == "batches":
        return one.batches(given.form)
    return one.frame(given.form)


def merged(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of several calls as those of one: numbers are added up."""
    total: dict[str, Any] = {}
    for result in results:
        for name, value in result.items():
            before = total.get(name)
            is_sum = isinstance(value, int | float) and not isinstance(value, bool)
            total[name] = value + before if is_sum and isinstance(before, int | float) else value
    return total
