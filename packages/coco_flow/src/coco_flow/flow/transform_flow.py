"""Transform flows: logic shared by flows and by queries, which call it on single values."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args, get_origin

from coco_flow.errors import DefinitionError
from coco_flow.flow.builder import Definition
from coco_flow.flow.slices import DataSlice
from coco_flow.graph.model import FieldRef, Scope
from coco_flow.op.signatures import signature_of

if TYPE_CHECKING:
    from coco_flow.types.schema import EnrichedValueType

__all__ = ["TransformFlow", "transform_flow"]

T = TypeVar("T")


class TransformFlow(Generic[T]):
    """A function of slices that returns a slice; no source, target or state is involved.

    Called with slices it becomes part of the flow that is being defined; `eval` runs it on values.
    """

    def __init__(self, flow_fn: Callable[..., DataSlice[T]], /, name: str | None = None) -> None:
        self._function = flow_fn
        self.name = name or flow_fn.__name__
        self._parameters = _parameters(flow_fn)
        self._lock = threading.Lock()
        self._compiled: _Compiled | None = None
        self.__doc__ = flow_fn.__doc__
        self.__name__ = flow_fn.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> DataSlice[T]:
        """Make the function's operations part of the flow that the slices belong to."""
        return self._function(*args, **kwargs)

    def eval(self, /, *args: Any, **kwargs: Any) -> Any:
        """Return the result for one set of values.

        Raises:
            DefinitionError: An argument is missing or unknown.
            Exception: What a function raised, unchanged.
        """
        return self._built()(self._bound(args, kwargs))

    async def eval_async(self, /, *args: Any, **kwargs: Any) -> Any:
        """Do what `eval` does, without blocking the loop."""
        return await asyncio.to_thread(self.eval, *args, **kwargs)

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        signature = inspect.signature(self._function)
        try:
            bound = signature.bind_partial(*args, **kwargs)
        except TypeError as error:
            raise DefinitionError(f"Transform flow {self.name!r}: {error}.") from None
        bound.apply_defaults()
        missing = [name for name in self._parameters if name not in bound.arguments]
        if missing:
            raise DefinitionError(
                f"Transform flow {self.name!r}: missing input {', '.join(map(repr, missing))}."
            )
        return [bound.arguments[name] for name in self._parameters]

    def _built(self) -> _Compiled:
        with self._lock:
            if self._compiled is None:
                self._compiled = _Compiled(self.name, self._function, self._parameters)
            return self._compiled


class _Compiled:
    """The transform flow's graph, compiled."""

    def __init__(
        self, name: str, function: Callable[..., DataSlice[Any]], parameters: dict[str, Any]
    ) -> None:
        from coco_flow.engine.compile import compile_scope
        from coco_flow.engine.frames import reader_of
        from coco_flow.types.analysis import analyze_type_info
        from coco_flow.types.encode import make_engine_value_encoder
        from coco_flow.types.schema import EnrichedValueType, encode_enriched_type_info

        definition = Definition(name)
        scope = definition.graph.root = Scope(name)
        self._encoders = []
        slices = {}
        for parameter, annotation in parameters.items():
            info = analyze_type_info(annotation)
            self._encoders.append(make_engine_value_encoder(info))
            value_type = EnrichedValueType.decode(encode_enriched_type_info(info))
            made = scope.add_field(parameter, value_type)
            ref = FieldRef(scope, made.slot, made.type, (parameter,))
            slices[parameter] = DataSlice[Any](definition, ref)
        result = function(**slices)
        if not isinstance(result, DataSlice):
            raise DefinitionError(
                f"Transform flow {name!r} must return a slice, got {type(result).__name__}."
            )
        output = definition.value_of(result)
        self._run = compile_scope(scope, [], name)
        self._read = reader_of(output, scope)
        self._decode = _result_decoder(function, output.type)
        self._slots = scope.slots

    def __call__(self, arguments: list[Any]) -> Any:
        from coco_flow.engine.frames import Batch, RowState
        from coco_flow.engine.memo import MemoSession

        row = RowState((), b"", None, None, collectors=0)
        frame: list[Any] = [row]
        frame += [
            None if value is None else encode(value)
            for encode, value in zip(self._encoders, arguments, strict=True)
        ]
        frame += [None] * (self._slots - len(frame))
        self._run([frame], Batch(MemoSession(None)))
        if row.error is not None:
            raise row.error
        return self._decode(self._read(frame))


def transform_flow() -> Callable[[Callable[..., DataSlice[T]]], TransformFlow[T]]:
    """Make a transform flow of the decorated function of `DataSlice[…]` parameters."""

    def decorate(function: Callable[..., DataSlice[T]]) -> TransformFlow[T]:
        return TransformFlow(function)

    return decorate


def _parameters(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the value types of the parameters.

    Raises:
        DefinitionError: A parameter cannot be passed by name, or has no `DataSlice[T]` annotation.
    """
    found: dict[str, Any] = {}
    for name, parameter in signature_of(function).parameters.items():
        if parameter.kind not in (
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            inspect.Parameter.KEYWORD_ONLY,
        ):
            raise DefinitionError(
                f"Parameter {name!r} of transform flow {function.__name__!r} cannot be passed by "
                "name.",
                hint="Use ordinary or keyword-only parameters.",
            )
        args = get_args(parameter.annotation)
        if get_origin(parameter.annotation) is not DataSlice or len(args) != 1:
            raise DefinitionError(
                f"Parameter {name!r} of transform flow {function.__name__!r} has no value type "
                f"annotation.",
                hint="Annotate it as DataSlice[T], with T the type of its values.",
            )
        found[name] = args[0]
    return found


def _result_decoder(
    function: Callable[..., Any], result_type: EnrichedValueType
) -> Callable[[Any], Any]:
    from coco_flow.types.analysis import analyze_type_info
    from coco_flow.types.decode import make_engine_value_decoder

    annotation = signature_of(function).return_annotation
    args = get_args(annotation) if get_origin(annotation) is DataSlice else ()
    target = args[0] if args else Any
    return make_engine_value_decoder([], result_type.type, analyze_type_info(target))
