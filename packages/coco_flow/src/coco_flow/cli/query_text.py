"""Query handlers on the command line: how they are shown, and how their arguments are read."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from coco_flow.errors import DefinitionError

if TYPE_CHECKING:
    from coco_flow.query_handler import QueryHandler

__all__ = ["arguments_from", "signature_of"]


def signature_of(handler: QueryHandler) -> str:
    """Return a handler with its parameters as they are written in Python."""
    parameters = ", ".join(map(str, handler.parameters.values()))
    return f"{handler.name}({parameters})"


def arguments_from(handler: QueryHandler, words: Sequence[str]) -> dict[str, Any]:
    """Read ``--name value``, ``--name=value``, ``--flag``, ``--no-flag`` and bare values in order.

    Raises:
        UsageError: A word cannot be understood, or the handler does not take these arguments.
    """
    parameters = handler.parameters
    given: dict[str, Any] = {}
    bare: list[str] = []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if not word.startswith("--") or word == "--":
            bare.append(word)
            continue
        name, equals, value = word[2:].partition("=")
        name = name.replace("-", "_")
        is_flag = name not in parameters and name.removeprefix("no_") in parameters
        if is_flag and not equals:
            name, value = name.removeprefix("no_"), "false"
        elif not equals and _is_truth(parameters.get(name)) and not _is_truth_value(waiting):
            value = "true"
        elif not equals:
            if not waiting:
                raise click.UsageError(f"--{name} needs a value.")
            value = waiting.pop(0)
        _add(given, name, value)
    free = [name for name in parameters if name not in given]
    if len(bare) > len(free):
        raise click.UsageError(f"Query handler {handler.name!r} has no parameter for {bare[-1]!r}.")
    given.update(zip(free, bare, strict=False))
    try:
        return handler.arguments_of(given)
    except DefinitionError as error:
        hint = f" {error.hint}" if error.hint else ""
        raise click.UsageError(f"{error.message}{hint}") from error


def _add(given: dict[str, Any], name: str, value: str) -> None:
    """Keep a value; an option that is given again makes a list."""
    if name not in given:
        given[name] = value
    elif isinstance(given[name], list):
        given[name].append(value)
    else:
        given[name] = [given[name], value]


def _is_truth(parameter: inspect.Parameter | None) -> bool:
    return parameter is not None and parameter.annotation in (bool, "bool")


def _is_truth_value(words: Sequence[str]) -> bool:
    return bool(words) and words[0].lower() in ("true", "false", "1", "0", "yes", "no")
