"""Typed serialization of stored values: results of functions, states and tracking records.

The first byte says how the rest is encoded: 0x01 msgpack (plain values, dataclasses, NamedTuples),
0x02 msgpack of a Pydantic model's JSON form, 0x80 pickle. Pickle is written only for classes that
their author marked with `serialize_by_pickle` and for a few types that msgpack lacks; it is read
only through a list of allowed classes, so that a state file cannot run code.
"""

from __future__ import annotations

import datetime
import functools
import inspect
import io
import pathlib
import pickle
import sys
import threading
import types
import typing
import uuid
import warnings
from collections.abc import Callable, Collection
from typing import Any, TypeAlias, TypeVar

import msgspec

from coco_flow.components.sentinel import NonExistenceType

__all__ = [
    "DeserializationError",
    "DeserializeFn",
    "StoredValue",
    "allow_unpickle",
    "deserialize",
    "enable_strict_serialize",
    "get_deserialize_fn",
    "get_param_annotation",
    "make_deserialize_fn",
    "qualified_name",
    "serialize",
    "serialize_by_pickle",
    "strip_non_existence_type",
    "unpickle_safe",
    "unwrap_element_type",
]

T = TypeVar("T")
C = TypeVar("C", bound=type)

DeserializeFn: TypeAlias = Callable[[bytes | memoryview], Any]
"""Turns stored bytes into a value of the type that it was made for."""

MSGPACK = 0x01
PYDANTIC = 0x02
# The first byte of every pickle since protocol 2.
PICKLE = 0x80
# msgpack's extension type of a pickled value inside another value.
PICKLE_EXT = 100
PICKLE_PROTOCOL = 5


class DeserializationError(Exception):
    """Stored bytes do not fit the type that they are read as."""


def _with_subclasses(cls: type) -> list[type]:
    below: list[type] = type.__subclasses__(cls)
    return [cls, *(each for sub in below for each in _with_subclasses(sub))]


_PATHS = _with_subclasses(pathlib.PurePath)
_UNPICKLED_BUILTINS: tuple[type, ...] = (
    bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset,
    type(None), type,
)  # fmt: skip
_UNPICKLED_STDLIB: tuple[type, ...] = (
    *_PATHS,
    uuid.UUID,
    datetime.datetime,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    datetime.timezone,
)

UNPICKLE_SAFE: dict[tuple[str, str], object] = {
    (each.__module__, each.__qualname__): each for each in _UNPICKLED_BUILTINS + _UNPICKLED_STDLIB
}
"""What a pickle may name, by module and qualified name."""

PICKLED_TYPES: set[type] = {type, complex, *_PATHS}
"""Types whose values are written as pickle."""


@functools.cache
def _allow_numpy() -> None:
    """Let arrays be pickled; called when the first one is met, so that NumPy is not imported."""
    import numpy as np

    PICKLED_TYPES.update((np.ndarray, np.dtype))
    for cls in (np.ndarray, *_with_subclasses(np.dtype)):
        UNPICKLE_SAFE[(cls.__module__, cls.__qualname__)] = cls
    # Modules of the function that makes an array of a buffer, before and since NumPy 2.
    from_buffer = np._core.numeric._frombuffer  # type: ignore[attr-defined]
    UNPICKLE_SAFE[("numpy.core.numeric", "_frombuffer")] = from_buffer
    UNPICKLE_SAFE[("numpy._core.numeric", "_frombuffer")] = from_buffer


def _is_pickled(cls: type) -> bool:
    if cls.__module__ == "numpy" or cls.__module__.startswith("numpy."):
        _allow_numpy()
    return cls in PICKLED_TYPES


def unpickle_safe(cls: C) -> C:
    """Allow a class to be read from pickles (a decorator)."""
    UNPICKLE_SAFE[(cls.__module__, cls.__qualname__)] = cls
    return cls


def allow_unpickle(module: str, qualname: str, value: object) -> None:
    """Allow a global that is not a class, such as a function that rebuilds values."""
    UNPICKLE_SAFE[(module, qualname)] = value


def serialize_by_pickle(cls: C) -> C:
    """Write values of this class as pickle, and allow them to be read (a decorator)."""
    kind = _native_kind(cls)
    if kind is not None:
        warnings.warn(
            f"@serialize_by_pickle on {cls.__qualname__} (a {kind}) has no effect where a value "
            f"of it is inside another value: msgpack encodes a {kind} natively. "
            f"Leave the decorator out if the fields are of types that msgpack knows.",
            stacklevel=2,
        )
    PICKLED_TYPES.add(cls)
    return unpickle_safe(cls)


def _native_kind(cls: type) -> str | None:
    """Name the kind of a class whose values msgspec encodes without asking."""
    if hasattr(cls, "__dataclass_fields__"):
        return "dataclass"
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return "NamedTuple"
    return "msgspec.Struct" if issubclass(cls, msgspec.Struct) else None


class _RestrictedUnpickler(pickle.Unpickler):
    """Reads a pickle that names nothing but what is allowed."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "numpy" or module.startswith("numpy."):
            _allow_numpy()
        try:
            return UNPICKLE_SAFE[(module, name)]
        except KeyError:
            raise pickle.UnpicklingError(
                f"Forbidden global during unpickling: {module}.{name}. "
                "Mark the class with @unpickle_safe if its pickles can be trusted."
            ) from None


_strict = False


def enable_strict_serialize() -> None:
    """Refuse to write a pickle that could not be read again; for tests."""
    global _strict  # noqa: PLW0603 - one switch for the process
    _strict = True


class _StrictPickler(pickle.Pickler):
    """Writes only what `_RestrictedUnpickler` reads."""

    def reducer_override(self, value: Any) -> Any:
        cls = value if isinstance(value, type) else type(value)
        if cls.__module__ != "builtins":
            _is_pickled(cls)
            if (cls.__module__, cls.__qualname__) not in UNPICKLE_SAFE:
                raise pickle.PicklingError(
                    f"Type not registered for safe unpickling: {cls.__module__}.{cls.__qualname__}"
                )
        return NotImplemented


def pickle_dumps(value: Any) -> bytes:
    """Pickle a value; in strict mode only if it can be read again."""
    if not _strict:
        return pickle.dumps(value, PICKLE_PROTOCOL)
    buffer = io.BytesIO()
    _StrictPickler(buffer, PICKLE_PROTOCOL).dump(value)
    return buffer.getvalue()


def _unpickle(data: bytes | memoryview) -> Any:
    return _RestrictedUnpickler(io.BytesIO(data)).load()


def _is_pydantic_class(cls: Any) -> bool:
    # A value of a Pydantic model cannot exist before Pydantic is imported.
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(cls, type) and issubclass(cls, pydantic.BaseModel)


def enc_hook(value: Any) -> Any:
    """Encode what msgspec cannot: opted-in pickles and Pydantic models."""
    cls = type(value)
    if _is_pickled(cls) or (cls.__module__, cls.__qualname__) in UNPICKLE_SAFE:
        return msgspec.msgpack.Ext(PICKLE_EXT, pickle_dumps(value))
    if _is_pydantic_class(cls):
        return value.model_dump(mode="json")
    raise NotImplementedError(
        f"Cannot serialize {cls.__name__}: use a dataclass, NamedTuple or Pydantic model, "
        f"or mark the class with @serialize_by_pickle."
    )


def ext_hook(code: int, data: memoryview) -> Any:
    """Decode a pickled value inside another value."""
    if code == PICKLE_EXT:
        return _unpickle(data)
    raise ValueError(f"Unknown extension code: {code}")


def dec_hook(wanted: Any, value: Any) -> Any:
    """Rebuild a Pydantic model; a pickled value is there already."""
    return wanted.model_validate(value) if _is_pydantic_class(wanted) else value


ENCODER = msgspec.msgpack.Encoder(enc_hook=enc_hook)


def serialize(value: Any) -> bytes:
    """Encode a value; its class decides how."""
    cls = type(value)
    if _is_pickled(cls):
        return pickle_dumps(value)
    if _is_pydantic_class(cls):
        return bytes([PYDANTIC]) + ENCODER.encode(value.model_dump(mode="json"))
    return bytes([MSGPACK]) + ENCODER.encode(value)


def deserialize(data: bytes | memoryview, type_hint: Any = Any) -> Any:
    """Decode a value as the given type; without one, dataclasses come back as dicts."""
    return get_deserialize_fn(type_hint)(data)


class _Deserializer:
    """Decodes values of one type; the parts that it needs are built once."""

    def __init__(self, type_hint: Any, source_label: str | None) -> None:
        self._type_hint = type_hint
        self._source_label = source_label
        self._decoder: msgspec.msgpack.Decoder[Any] | None = None
        self._decoder_error: DeserializationError | None = None
        self._adapter: Any = None
        self._lock = threading.Lock()
        try:
            self._decoder = msgspec.msgpack.Decoder(
                type=type_hint, ext_hook=ext_hook, dec_hook=dec_hook
            )
        except Exception as error:  # noqa: BLE001 - raised once a value needs the decoder
            # A value that is pickled can still be read, so only a value in msgpack is an error.
            self._decoder_error = self._no_decoder(error)

    def _no_decoder(self, cause: Exception) -> DeserializationError:
        hint = ""
        if isinstance(cause, TypeError) and "union" in str(cause).lower():
            hint = (
                " A union may hold one custom class, besides None: "
                "make each alternative a tagged msgspec.Struct."
            )
        error = DeserializationError(f"Cannot build msgspec Decoder for {self._type_hint!r}.{hint}")
        error.__cause__ = cause
        return error

    def __call__(self, data: bytes | memoryview) -> Any:
        view = memoryview(data)
        kind = view[0]
        if kind == MSGPACK:
            if self._decoder is None:
                raise self._error("Cannot deserialize msgspec payload") from self._decoder_error
            return self._attempt("msgspec", self._decoder.decode, view[1:])
        if kind == PYDANTIC:
            return self._attempt("pydantic", self._from_model, view[1:])
        if kind == PICKLE:
            return self._attempt("pickle", _unpickle, view)
        raise self._error(f"Unknown routing byte: {kind:#x}")

    def _attempt(self, kind: str, decode: DeserializeFn, view: memoryview) -> Any:
        try:
            return decode(view)
        except Exception as error:
            raise self._error(f"Failed to deserialize {kind} payload") from error

    def _from_model(self, view: bytes | memoryview) -> Any:
        value = msgspec.msgpack.decode(view, ext_hook=ext_hook)
        if self._type_hint is Any:
            return value
        with self._lock:
            if self._adapter is None:
                import pydantic

                self._adapter = pydantic.TypeAdapter(self._type_hint)
        return self._adapter.validate_python(value)

    def _error(self, message: str) -> DeserializationError:
        where = "" if self._source_label is None else f", source={self._source_label}"
        return DeserializationError(f"{message} (type_hint={self._type_hint!r}{where})")


def make_deserialize_fn(type_hint: Any, source_label: str | None = None) -> DeserializeFn:
    """Return a function that decodes values of one type; errors quote the label."""
    return _Deserializer(type_hint, source_label)


@functools.cache
def _cached_deserializer(type_hint: Any, source_label: str | None) -> DeserializeFn:
    return make_deserialize_fn(type_hint, source_label)


def get_deserialize_fn(type_hint: Any, source_label: str | None = None) -> DeserializeFn:
    """Return the function for a type, made once."""
    try:
        return _cached_deserializer(type_hint, source_label)
    except TypeError:
        # An annotation such as Annotated[int, [1]] cannot be a key.
        return make_deserialize_fn(type_hint, source_label)


class StoredValue:
    """A value in its stored form, decoded when its type is known."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def data(self) -> bytes:
        """The encoded value."""
        return self._data

    def get(self, deserialize_fn: Callable[[bytes], T], /) -> T:
        """Decode the value."""
        return deserialize_fn(self._data)


def qualified_name(fn: Any) -> str:
    """Return `module.qualname` of a function or method, or its repr if it has no name."""
    name: str | None = getattr(fn, "__qualname__", None) or getattr(fn, "__name__", None)
    if name is None:
        return repr(fn)
    module: str | None = getattr(fn, "__module__", None)
    return name if module is None else f"{module}.{name}"


def get_param_annotation(func: Any, position: int) -> Any:
    """Return the annotation of the parameter at a position, or Any if it has none."""
    parameters = list(inspect.signature(func).parameters)
    if position >= len(parameters):
        return Any
    return inspect.get_annotations(func, eval_str=True).get(parameters[position], Any)


def strip_non_existence_type(hint: Any) -> Any:
    """Take NonExistenceType out of a union: it is never stored."""
    if typing.get_origin(hint) not in (types.UnionType, typing.Union):
        return hint
    rest = tuple(each for each in typing.get_args(hint) if each is not NonExistenceType)
    return typing.Union[rest] if rest else Any  # noqa: UP007 - the parts are known at run time


def unwrap_element_type(hint: Any) -> Any:
    """Return the type of the elements of `Collection[T]` and its like, or Any."""
    origin = typing.get_origin(hint)
    if not (isinstance(origin, type) and issubclass(origin, Collection)):
        return Any
    parts = typing.get_args(hint)
    return parts[0] if parts else Any
