"""Query handlers: functions of a flow that answer questions about its targets."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar, Union, get_args, get_origin

from coco_flow.errors import DefinitionError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from coco_flow.index import VectorSimilarityMetric

__all__ = [
    "QueryHandler",
    "QueryHandlerInfo",
    "QueryHandlerResultFields",
    "QueryInfo",
    "QueryOutput",
]

R = TypeVar("R")


@dataclass
class QueryHandlerResultFields:
    """Which fields of a result are its embedding and its score."""

    embedding: list[str] = field(default_factory=list)
    score: str | None = None


@dataclass
class QueryHandlerInfo:
    """What tools may show of a handler."""

    result_fields: QueryHandlerResultFields | None = None


@dataclass
class QueryInfo:
    """How a query was interpreted: its embedding and the metric of comparison."""

    embedding: list[float] | NDArray[np.float32] | None = None
    similarity_metric: VectorSimilarityMetric | None = None


@dataclass
class QueryOutput(Generic[R]):
    """What a handler returns."""

    results: list[R]
    query_info: QueryInfo = field(default_factory=QueryInfo)


# Conversions of text, as the command line and a URL give it.
_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True)
class QueryHandler:
    """A registered handler."""

    name: str
    function: Callable[..., Any]
    result_fields: QueryHandlerResultFields | None

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """The handler's parameters by name, annotations resolved where they can be."""
        return dict(inspect.signature(self.function, eval_str=True).parameters)

    def arguments_of(self, given: dict[str, Any]) -> dict[str, Any]:
        """Convert arguments given as text by the parameters' annotations, and check them.

        Raises:
            DefinitionError: A name is unknown, a required one missing, or a value not convertible.
        """
        parameters = self.parameters
        for name in given:
            if name not in parameters:
                raise DefinitionError(
                    f"Query handler {self.name!r} has no parameter {name!r}.",
                    hint=f"It takes: {', '.join(parameters) or 'none'}.",
                )
        missing = [
            name
            for name, parameter in parameters.items()
            if parameter.default is inspect.Parameter.empty and name not in given
        ]
        if missing:
            raise DefinitionError(
                f"Query handler {self.name!r} needs: {', '.join(missing)}.",
                hint="Pass each as --NAME VALUE, or as a query parameter.",
            )
        return {name: _converted(self.name, parameters[name], given[name]) for name in given}

    def __call__(self, **arguments: Any) -> QueryOutput[Any]:
        """Call the handler; asynchronous ones run on coco_flow's loop."""
        from coco_flow.runtime import run_maybe_async

        output = run_maybe_async(lambda: self.function(**arguments))
        if not isinstance(output, QueryOutput):
            raise DefinitionError(
                f"Query handler {self.name!r} returned {type(output).__name__}, not QueryOutput.",
                hint="Return QueryOutput(results=[…]).",
            )
        return output


def _converted(handler: str, parameter: inspect.Parameter, value: Any) -> Any:
    annotation = _without_none(parameter.annotation)
    if get_origin(annotation) is list:
        (item,) = get_args(annotation)
        values = value if isinstance(value, list) else [value]
        return [_converted_text(handler, parameter.name, item, each) for each in values]
    return _converted_text(handler, parameter.name, annotation, value)


def _converted_text(handler: str, name: str, annotation: Any, value: Any) -> Any:
    if not isinstance(value, str) or annotation not in (bool, int, float):
        return value
    try:
        return _BOOLEANS[value.lower()] if annotation is bool else annotation(value)
    except (ValueError, KeyError):
        raise DefinitionError(
            f"Query handler {handler!r}: {name}={value!r} is not "
            f"{'a truth value' if annotation is bool else annotation.__name__}."
        ) from None


def _without_none(annotation: Any) -> Any:
    """Return an annotation such as ``int | None`` without None."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, UnionType):
        others = [each for each in get_args(annotation) if each is not type(None)]
        return _without_none(others[0]) if len(others) == 1 else annotation
    return annotation
