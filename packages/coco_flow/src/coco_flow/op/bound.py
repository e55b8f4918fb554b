"""Functions bound to their arguments in a flow, with converters chosen once."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from coco_flow.errors import DefinitionError
from coco_flow.op.code_digest import code_digest
from coco_flow.op.definition import Argument, FunctionDefinition
from coco_flow.op.options import OpArgs
from coco_flow.types.analysis import SequenceType, analyze_type_info
from coco_flow.types.codec import digest, pack_any
from coco_flow.types.decode import make_engine_value_decoder
from coco_flow.types.dump import dump_engine_object
from coco_flow.types.encode import IDENTITY, make_engine_value_encoder
from coco_flow.types.schema import EnrichedValueType, encode_enriched_type_info

__all__ = ["BoundArgument", "BoundFunction", "bind_function"]

Converter = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class BoundArgument:
    """How one argument is passed to the user's code.

    Attributes:
        keyword: None if it is passed by position.
        decode: From engine value to annotated type; None if nothing is to be done.
        required: True if the parameter cannot take None: then None skips the call.
    """

    keyword: str | None
    decode: Converter | None
    required: bool


@dataclass(slots=True)
class BoundFunction:
    """One use of a function in a flow."""

    kind: str
    options: OpArgs
    spec: Any
    arguments: tuple[BoundArgument, ...]
    result_type: EnrichedValueType
    encode: Converter | None
    identity: bytes
    executor: Any
    call: Callable[..., Any]
    is_async: bool
    _prepared: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def prepare(self) -> None:
        """Run the executor's `prepare` once, before its first call; from any thread."""
        if self._prepared:
            return
        with self._lock:
            if self._prepared:
                return
            prepare = getattr(self.executor, "prepare", None)
            if prepare is not None:
                from coco_flow.runtime import run_maybe_async

                run_maybe_async(prepare)
            self._prepared = True


def bind_function(
    definition: FunctionDefinition,
    spec: Any,
    args: Sequence[Argument],
    kwargs: Mapping[str, Argument],
) -> BoundFunction:
    """Implement `FunctionDefinition.bind`."""
    options = definition.options
    matched = _matched(definition, args, kwargs)
    attributes: dict[str, Any] = {}
    may_be_none = False
    bound: list[BoundArgument] = []
    for keyword, name, parameter, argument in matched:
        if options.arg_relationship is not None and options.arg_relationship[1] == name:
            attributes[options.arg_relationship[0].value] = argument.origin
        info = _analyzed(parameter.annotation, definition, f"parameter {name!r}")
        nullable = info.nullable
        if options.batching:
            if not isinstance(info.variant, SequenceType):
                raise DefinitionError(
                    f"{definition.kind}: expected arguments for batching function to be a list "
                    f"type, got {parameter.annotation!r} for {name!r}."
                )
            info = analyze_type_info(info.variant.elem_type)
            nullable = info.nullable
        decode = make_engine_value_decoder([name], argument.type.type, info)
        may_be_none = may_be_none or (not nullable and argument.type.nullable)
        bound.append(BoundArgument(keyword, None if decode is IDENTITY else decode, not nullable))
    if getattr(definition.implementation, "none_of_nothing", False):
        may_be_none = may_be_none or all(argument.type.nullable for *_, argument in matched)
    executor = _executor(definition, spec)
    result_type, encode = _result(definition, executor, may_be_none, attributes)
    call = executor.call if definition.is_plain_function else executor.__call__
    return BoundFunction(
        kind=definition.kind,
        options=options,
        spec=spec,
        arguments=tuple(bound),
        result_type=result_type,
        encode=encode,
        identity=_identity(
            definition, spec, executor, [keyword for keyword, *_ in matched], result_type
        ),
        executor=executor,
        call=call,
        is_async=inspect.iscoroutinefunction(call),
    )


def _executor(definition: FunctionDefinition, spec: Any) -> Any:
    if definition.options.gpu:
        from coco_flow.engine.worker_process import process_executor

        return process_executor(definition, spec)
    return definition.make(spec)


def _matched(
    definition: FunctionDefinition, args: Sequence[Argument], kwargs: Mapping[str, Argument]
) -> list[tuple[str | None, str, inspect.Parameter, Argument]]:
    """Return (keyword or None, parameter name, parameter, argument), positional ones first."""
    matched: list[tuple[str | None, str, inspect.Parameter, Argument]] = []
    rest = list(definition.parameters)
    for number, argument in enumerate(args):
        if not rest or rest[0][1].kind in (
            inspect.Parameter.KEYWORD_ONLY,
            inspect.Parameter.VAR_KEYWORD,
        ):
            raise DefinitionError(
                f"{definition.kind}: too many arguments passed in: {len(args)} > {number}."
            )
        name, parameter = rest[0]
        matched.append((None, name, parameter, argument))
        if parameter.kind is not inspect.Parameter.VAR_POSITIONAL:
            rest.pop(0)
    rest = [item for item in rest if item[1].kind is not inspect.Parameter.VAR_POSITIONAL]
    open_names = {
        name: parameter
        for name, parameter in rest
        if parameter.kind
        in (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    }
    any_keyword = next((p for _, p in rest if p.kind is inspect.Parameter.VAR_KEYWORD), None)
    for keyword, argument in kwargs.items():
        found = open_names.get(keyword, any_keyword)
        if found is None:
            known = ", ".join(name for name, _ in definition.parameters)
            raise DefinitionError(
                f"{definition.kind}: unexpected keyword argument passed in: {keyword!r}.",
                hint=f"Its parameters are: {known}.",
            )
        matched.append((keyword, keyword, found, argument))
    missing = [
        name
        for name, parameter in rest
        if parameter.default is inspect.Parameter.empty
        and parameter.kind is not inspect.Parameter.VAR_KEYWORD
        and name not in kwargs
    ]
    if missing:
        raise DefinitionError(f"{definition.kind}: missing arguments: {', '.join(missing)}.")
    return matched


def _result(
    definition: FunctionDefinition, executor: Any, nullable: bool, attributes: dict[str, Any]
) -> tuple[EnrichedValueType, Converter | None]:
    analyze = getattr(executor, "analyze", None)
    if analyze is not None:
        from coco_flow.runtime import run_maybe_async

        annotation = run_maybe_async(analyze)
        if isinstance(annotation, EnrichedValueType):
            result = EnrichedValueType(
                annotation.type,
                annotation.nullable or nullable,
                {**(annotation.attrs or {}), **attributes} or None,
            )
            return result, _encoder(definition, None)
    elif definition.returns is inspect.Signature.empty:
        raise DefinitionError(
            f"Function {definition.kind!r} has no return annotation.",
            hint="Annotate what it returns: the types of a flow are known before any data is read.",
        )
    else:
        annotation = definition.returns
        if definition.options.batching:
            info = _analyzed(annotation, definition, "return value")
            if not isinstance(info.variant, SequenceType):
                raise DefinitionError(
                    f"{definition.kind}: expected return type for batching function to be a list "
                    f"type, got {annotation!r}."
                )
            annotation = info.variant.elem_type
    info = analyze_type_info(annotation, nullable=nullable, extra_attrs=attributes)
    try:
        encoded = encode_enriched_type_info(info)
    except ValueError as error:
        raise DefinitionError(
            f"{definition.kind}: the return type {annotation!r} is not specific: {error}"
        ) from error
    return EnrichedValueType.decode(encoded), _encoder(definition, info)


def _encoder(definition: FunctionDefinition, info: Any) -> Converter | None:
    if getattr(definition.implementation, "returns_engine_values", False):
        return None
    if info is None:
        # `analyze` gave an engine type; the annotation says what the code really returns.
        info = analyze_type_info(definition.returns)
        if definition.options.batching and isinstance(info.variant, SequenceType):
            info = analyze_type_info(info.variant.elem_type)
    encode = make_engine_value_encoder(info)
    return None if encode is IDENTITY else encode


def _analyzed(annotation: Any, definition: FunctionDefinition, what: str) -> Any:
    if annotation is inspect.Parameter.empty:
        annotation = Any
    try:
        return analyze_type_info(annotation)
    except ValueError as error:
        raise DefinitionError(f"{definition.kind}, {what}: {error}") from error


def _identity(
    definition: FunctionDefinition,
    spec: Any,
    executor: Any,
    keywords: list[str | None],
    result_type: EnrichedValueType,
) -> bytes:
    """Return the digest of all that decides a result besides arguments, without module paths."""
    version = definition.options.behavior_version
    code = b"" if version is not None else code_digest(definition.implementation)
    own = getattr(executor, "cache_identity", None)
    described = [
        definition.kind,
        dump_engine_object(spec) if own is None else own(),
        version,
        keywords,
        result_type.encode(),
    ]
    return digest(pack_any(described), code)
