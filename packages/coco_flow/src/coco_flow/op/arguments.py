"""Calls of user methods that may declare fewer parameters than the engine offers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from coco_flow.errors import DefinitionError

__all__ = ["required_method", "trimmed_arguments"]


def required_method(cls: type, name: str) -> Callable[..., Any]:
    """Return a method of a connector class.

    Raises:
        DefinitionError: It is not there, or not a method.
    """
    method = getattr(cls, name, None)
    if not (inspect.isfunction(method) or inspect.ismethod(method)):
        raise DefinitionError(f"Method {name}() is required for {cls.__name__!r}.")
    return method


def trimmed_arguments(method: Callable[..., Any], required: int, **offered: Any) -> list[Any]:
    """Return as many of the offered arguments, by position, as the method declares.

    Raises:
        DefinitionError: The method takes keyword-only parameters, or fewer than `required`.
    """
    parameters = inspect.signature(method).parameters.values()
    for parameter in parameters:
        if parameter.kind not in (
            inspect.Parameter.POSITIONAL_ONLY,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
        ):
            raise DefinitionError(
                f"Method {method.__name__} should only have positional parameters; "
                f"{parameter.name!r} is {parameter.kind.description}."
            )
    if len(parameters) < required:
        names = ", ".join(list(offered)[:required])
        raise DefinitionError(f"Method {method.__name__} must take at least: {names}.")
    return list(offered.values())[: len(parameters)]
