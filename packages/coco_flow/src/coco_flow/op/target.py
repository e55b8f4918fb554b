"""Custom targets: a class of static methods becomes a target connector."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, get_args, get_origin

from coco_flow.errors import DefinitionError
from coco_flow.op.arguments import required_method, trimmed_arguments
from coco_flow.op.signatures import signature_of
from coco_flow.op.spec import TargetSpec
from coco_flow.ports import Compatibility, ExportSchema, SetupChange, TargetBatch

__all__ = ["TargetStateCompatibility", "target_connector"]

C = TypeVar("C", bound=type)

TargetStateCompatibility = Compatibility
"""The public name of `Compatibility`."""


def target_connector(
    *,
    spec_cls: type[Any],
    persistent_key_type: Any = Any,
    setup_state_cls: type[Any] | None = None,
) -> Callable[[C], C]:
    """Make a target of the decorated class.

    Its methods are static, sync or async, and take only as many of these arguments as they declare:
    `get_persistent_key(spec, target_name)`, `apply_setup_change(key, previous, current)`,
    `mutate(*batches)` with one batch `(prepared spec, {key: value or None})` for each target, and
    optionally `get_setup_state(spec, key_fields_schema, value_fields_schema, index_options)`,
    `check_state_compatibility(desired, existing)`, `prepare(spec, setup_state, key_fields_schema,
    value_fields_schema)`, `describe(key)`.

    Args:
        spec_cls: The spec, a subclass of TargetSpec.
        persistent_key_type: The type of the key that identifies the target from run to run.
        setup_state_cls: What `get_setup_state` returns; the spec's class by default.
    """
    if not (isinstance(spec_cls, type) and issubclass(spec_cls, TargetSpec)):
        raise DefinitionError(f"Expected a TargetSpec, got {spec_cls!r}.")

    def decorate(cls: C) -> C:
        from coco_flow.targets.registry import register_target

        adapter = _CustomTarget(cls, persistent_key_type, setup_state_cls or spec_cls)
        register_target(spec_cls, adapter)
        return cls

    return decorate


class _OpenTarget:
    """One target during an update: the prepared spec and the decoders of its rows."""

    def __init__(
        self,
        prepared: Any,
        key: Callable[[Any], Any],
        value: Callable[[Any], Any],
    ) -> None:
        self.prepared = prepared
        self.key = key
        self.value = value


class _CustomTarget:
    """Adapts a user's class to the engine."""

    def __init__(self, cls: type, key_type: Any, state_cls: type[Any]) -> None:
        self._cls = cls
        self._key_type = key_type
        self._state_cls = state_cls
        self._get_key = required_method(cls, "get_persistent_key")
        self._apply = required_method(cls, "apply_setup_change")
        self._mutate = required_method(cls, "mutate")
        self._row_types = _mutation_types(cls, self._mutate)

    def persistent_key(self, spec: Any, target_name: str, _flow_name: str, _namespace: str) -> Any:
        """Return the user's key as JSON."""
        from coco_flow.types.dump import dump_engine_object

        args = trimmed_arguments(self._get_key, 1, spec=spec, target_name=target_name)
        return dump_engine_object(self._get_key(*args))

    def setup_state(self, spec: Any, schema: ExportSchema) -> Any:
        """Return the user's setup state as JSON."""
        from coco_flow.types.dump import dump_engine_object

        return dump_engine_object(self._state_of(spec, schema))

    def compatibility(self, desired: Any, existing: Any) -> Compatibility:
        """Ask the user's class; by default only an equal state keeps all rows."""
        check = getattr(self._cls, "check_state_compatibility", None)
        if check is None:
            same = desired == existing
            return Compatibility.COMPATIBLE if same else Compatibility.PARTIALLY_COMPATIBLE
        found = check(self._loaded_state(desired), self._loaded_state(existing))
        return Compatibility(getattr(found, "value", found))

    async def apply_setup(self, changes: Sequence[SetupChange]) -> None:
        """Call the user's method once for each state that may exist."""
        from coco_flow.types.dump import load_engine_object

        for change in changes:
            key = load_engine_object(self._key_type, change.key)
            current = self._loaded_state(change.current)
            for previous in change.previous:
                result = self._apply(key, self._loaded_state(previous), current)
                if inspect.isawaitable(result):
                    await result

    def describe(self, key: Any) -> str:
        """Return the user's description, or the key."""
        from coco_flow.types.dump import load_engine_object

        describe = getattr(self._cls, "describe", None)
        loaded = load_engine_object(self._key_type, key)
        return str(loaded) if describe is None else str(describe(loaded))

    async def open(self, spec: Any, _key: Any, schema: ExportSchema) -> _OpenTarget:
        """Call `prepare` and choose the decoders."""
        from coco_flow.types.analysis import analyze_type_info
        from coco_flow.types.decode import make_engine_key_decoder, make_engine_struct_decoder

        key_type, value_type = self._row_types
        prepare = getattr(self._cls, "prepare", None)
        prepared = spec
        if prepare is not None:
            args = trimmed_arguments(
                prepare, 1, spec=spec, setup_state=self._state_of(spec, schema),
                key_fields_schema=list(schema.key), value_fields_schema=list(schema.value),
            )  # fmt: skip
            prepared = prepare(*args)
            if inspect.isawaitable(prepared):
                prepared = await prepared
        return _OpenTarget(
            prepared,
            make_engine_key_decoder(["<key>"], list(schema.key), analyze_type_info(key_type)),
            make_engine_struct_decoder(
                ["<value>"], list(schema.value), analyze_type_info(value_type)
            ),
        )

    def group(self, target: _OpenTarget) -> object:
        """Let each target be written separately, so that a failure affects only it."""
        return id(target)

    async def write(self, batches: Sequence[TargetBatch]) -> None:
        """Pass the rows to `mutate`, decoded to the annotated types; None deletes."""
        decoded = []
        for batch in batches:
            target: _OpenTarget = batch.target
            rows: dict[Any, Any] = {
                target.key(key): target.value(list(value)) for key, value in batch.upserts
            }
            rows.update((target.key(key), None) for key in batch.deletes)
            decoded.append((target.prepared, rows))
        result = self._mutate(*decoded)
        if inspect.isawaitable(result):
            await result

    def close(self, _target: _OpenTarget) -> None:
        """Nothing to release: the user's class keeps what it opens."""

    def _state_of(self, spec: Any, schema: ExportSchema) -> Any:
        get_state = getattr(self._cls, "get_setup_state", None)
        state = spec
        if get_state is not None:
            args = trimmed_arguments(
                get_state, 1, spec=spec, key_fields_schema=list(schema.key),
                value_fields_schema=list(schema.value), index_options=schema.index,
            )  # fmt: skip
            state = get_state(*args)
        if not isinstance(state, self._state_cls):
            raise DefinitionError(
                f"get_setup_state() of {self._cls.__name__!r} must return an instance of "
                f"{self._state_cls.__name__}, got {type(state).__name__}."
            )
        return state

    def _loaded_state(self, state: Any) -> Any:
        from coco_flow.types.dump import load_engine_object

        return None if state is None else load_engine_object(self._state_cls, state)


def _mutation_types(cls: type, mutate: Callable[..., Any]) -> tuple[Any, Any]:
    """Return the annotated types of keys and values, Any where there are none."""
    parameters = list(inspect.signature(mutate).parameters.values())
    if len(parameters) != 1 or parameters[0].kind is not inspect.Parameter.VAR_POSITIONAL:
        raise DefinitionError(
            f"Method {cls.__name__}.mutate must have exactly one parameter, in the form *args."
        )
    annotation = _resolved(mutate, parameters[0])
    if annotation is inspect.Parameter.empty or annotation is Any:
        return Any, Any
    args = get_args(annotation)
    if get_origin(annotation) is not tuple or len(args) != 2:
        raise DefinitionError(
            f"Method {cls.__name__}.mutate(*args): the parameter must be a tuple of 2 elements "
            f"(tuple[SpecType, dict[KeyType, ValueType | None]]), got {annotation!r}."
        )
    if args[1] is Any:
        return Any, Any
    rows = get_args(args[1])
    if len(rows) != 2:
        raise DefinitionError(
            f"Method {cls.__name__}.mutate(*args): the second element must be a dict with key and "
            f"value types, got {args[1]!r}."
        )
    return rows[0], rows[1]


def _resolved(mutate: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    annotation = parameter.annotation
    if isinstance(annotation, str):
        annotation = signature_of(mutate).parameters[parameter.name].annotation
    return annotation
