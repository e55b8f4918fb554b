"""Functions of flows: how user code becomes an operation with known types.

`@function` turns a plain annotated function into an operation, `@executor_class` a class whose
parameters are a spec. Both keep what they decorate usable as ordinary Python.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from coco_flow.errors import DefinitionError
from coco_flow.op.options import OpArgs
from coco_flow.op.signatures import enclosing_names, signature_of
from coco_flow.op.spec import EmptyFunctionSpec, FunctionSpec, OpCategory
from coco_flow.types.schema import resolve_forward_ref

if TYPE_CHECKING:
    from coco_flow.op.bound import BoundFunction
    from coco_flow.types.schema import EnrichedValueType

__all__ = [
    "Argument",
    "FunctionDefinition",
    "definition_of",
    "executor_class",
    "function",
]

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)

_DEFINITION = "__coco_flow_function__"


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument as the flow's analysis sees it: its type, and where its value comes from."""

    type: EnrichedValueType
    origin: Any = None


@dataclass(frozen=True, slots=True)
class FunctionDefinition:
    """A registered function: its kind, options and signature, and how to make its executor."""

    kind: str
    options: OpArgs
    parameters: tuple[tuple[str, inspect.Parameter], ...]
    returns: Any
    make: Callable[[Any], Any]
    implementation: Callable[..., Any] | type
    is_plain_function: bool = False

    def bind(
        self, spec: Any, args: Sequence[Argument], kwargs: Mapping[str, Argument]
    ) -> BoundFunction:
        """Match arguments with parameters and analyze all types.

        Raises:
            DefinitionError: The arguments or types do not fit; it names function and argument.
        """
        from coco_flow.op.bound import bind_function

        return bind_function(self, spec, args, kwargs)


def function(**options: Any) -> Callable[[F], F]:
    """Make an operation of a function with annotated parameters and return type.

    Takes the fields of `OpArgs` as keywords.
    """
    op_args = _checked_options(options)

    def decorate(fn: F) -> F:
        kind = "".join(word.capitalize() for word in fn.__name__.split("_"))
        signature = signature_of(fn)
        definition = FunctionDefinition(
            kind=kind,
            options=op_args,
            parameters=tuple(signature.parameters.items()),
            returns=signature.return_annotation,
            make=lambda _spec: _PlainExecutor(fn),
            implementation=fn,
            is_plain_function=True,
        )
        _check_batching(definition)
        setattr(fn, _DEFINITION, definition)
        return fn

    return decorate


def executor_class(**options: Any) -> Callable[[C], C]:
    """Make an operation of a class with a `spec: SomeSpec` annotation and `__call__`.

    Optional methods: `analyze()` returns the result type when it depends on the spec, `prepare()`
    runs once before the first call; both may be async. `cache_identity()` is called after
    `analyze` and returns what decides results besides the arguments, as plain data; without it that
    is the whole spec, keys included. Class attributes: `returns_engine_values = True` says that
    results need no conversion, `none_of_nothing = True` that the result is None when all arguments
    are.
    """
    op_args = _checked_options(options)

    def decorate(cls: C) -> C:
        annotation = inspect.get_annotations(cls).get("spec")
        if annotation is None:
            raise DefinitionError(
                f"Class {cls.__name__!r} has no `spec` annotation.",
                hint="Add `spec: YourSpec`, where YourSpec derives from FunctionSpec.",
            )
        spec_cls = _spec_class(cls, annotation)
        if getattr(spec_cls, "_op_category", None) is not OpCategory.FUNCTION:
            raise DefinitionError(
                f"The spec {spec_cls!r} of {cls.__name__!r} is not a FunctionSpec.",
                hint="Let it derive from coco_flow.op.FunctionSpec.",
            )
        signature = signature_of(cls.__call__)
        definition = FunctionDefinition(
            kind=spec_cls.__name__,
            options=op_args,
            parameters=tuple(signature.parameters.items())[1:],
            returns=signature.return_annotation,
            make=lambda spec: _made_executor(cls, spec),
            implementation=cls,
        )
        _check_batching(definition)
        setattr(spec_cls, _DEFINITION, definition)
        return cls

    return decorate


def definition_of(function_or_spec: Any) -> tuple[FunctionDefinition, Any]:
    """Return the definition and the spec of what a user passes to `transform`.

    Raises:
        DefinitionError: It is neither a decorated function nor the spec of an executor class.
    """
    definition = getattr(function_or_spec, _DEFINITION, None)
    if isinstance(function_or_spec, FunctionSpec):
        if definition is None:
            raise DefinitionError(
                f"There is no executor for the spec {type(function_or_spec).__name__!r}.",
                hint="Import the module whose @executor_class implements it.",
            )
        return definition, function_or_spec
    if definition is None:
        name = getattr(function_or_spec, "__name__", repr(function_or_spec))
        raise DefinitionError(
            f"{name!r} is not a function of flows.",
            hint="Decorate it with @coco_flow.op.function(), or pass the instance of a spec.",
        )
    return definition, EmptyFunctionSpec()


class _PlainExecutor:
    """Runs a decorated function."""

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.call = fn


def _made_executor(cls: type, spec: Any) -> Any:
    executor = cls()
    executor.spec = spec
    return executor


def _checked_options(options: dict[str, Any]) -> OpArgs:
    try:
        return OpArgs(**options)
    except TypeError as error:
        known = ", ".join(OpArgs.__dataclass_fields__)
        raise DefinitionError(f"{error}.", hint=f"Known options: {known}.") from None


def _check_batching(definition: FunctionDefinition) -> None:
    if definition.options.batching and len(definition.parameters) != 1:
        names = ", ".join(name for name, _ in definition.parameters)
        raise DefinitionError(
            f"Batching is only supported for single argument functions; {definition.kind!r} "
            f"takes ({names}).",
            hint="Take one list argument; put what is constant into a spec.",
        )


def _spec_class(cls: type, annotation: Any) -> Any:
    if not isinstance(annotation, str):
        return annotation
    module = inspect.getmodule(cls)
    names = {**enclosing_names(), **(vars(module) if module else {})}
    return names[annotation] if annotation in names else resolve_forward_ref(annotation)
