"""Fingerprints of values and calls, which decide whether a stored result may be used again.

A fingerprint depends on nothing but the value: not on the process, the order of a dict or set, the
identity of objects, or whether the program runs as `__main__` or as a module.
"""

from __future__ import annotations

import base64
import copyreg
import dataclasses
import functools
import hashlib
import math
import struct
import sys
import types
import uuid
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import PurePath
from typing import Any, NamedTuple, NoReturn

from coco_flow.components.serde import (
    DeserializeFn,
    StoredValue,
    get_param_annotation,
    make_deserialize_fn,
    qualified_name,
    strip_non_existence_type,
)

__all__ = [
    "Fingerprint",
    "MemoStateOutcome",
    "NotMemoKeyable",
    "StateFnEntry",
    "canonical_module_name",
    "fingerprint_bytes",
    "fingerprint_call",
    "make_state_deserialize_fn",
    "memo_fingerprint",
    "register_memo_key_function",
    "register_not_memo_keyable",
    "unregister_memo_key_function",
]

# 128 bits: among 2^40 values two are equal with a probability of 2^-49.
DIGEST_BYTES = 16


class Fingerprint:
    """A digest of a value: equal values have equal fingerprints in every process."""

    __slots__ = ("_digest",)

    def __init__(self, digest: bytes) -> None:
        self._digest = digest

    def as_bytes(self) -> bytes:
        """Return the digest."""
        return self._digest

    def to_base64(self) -> str:
        """Return the digest as text."""
        return base64.b64encode(self._digest).decode("ascii")

    def __bytes__(self) -> bytes:
        return self._digest

    def __str__(self) -> str:
        return self.to_base64()

    def __repr__(self) -> str:
        return f"Fingerprint({self.to_base64()!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fingerprint) and self._digest == other._digest

    def __hash__(self) -> int:
        return hash(self._digest)


class MemoStateOutcome(NamedTuple):
    """What a memo state function returns.

    Attributes:
        state: The state as it is now; the next run gets it as the previous one.
        memo_valid: Whether a result computed in the previous state may be used.
        recollect_after_run: Whether to collect the state again once the function has run.
    """

    state: Any
    memo_valid: bool = False
    recollect_after_run: bool = False


class StateFnEntry(NamedTuple):
    """A memo state function of one argument, with what decodes the previous state for it."""

    deserialize_prev: Callable[[Any], Any]
    call: Callable[[Any], Any]


class _Registered(NamedTuple):
    key_fn: Callable[[Any], Any]
    state_fn: Callable[[Any, Any], Any] | None = None


_registered: dict[type, _Registered] = {}


def register_memo_key_function(
    typ: type,
    key_fn: Callable[[Any], Any],
    *,
    state_fn: Callable[[Any, Any], Any] | None = None,
) -> None:
    """Say what of a type's values enters memo keys; the nearest registered base class counts."""
    _registered[typ] = _Registered(key_fn, state_fn)


def unregister_memo_key_function(typ: type) -> None:
    """Unregister a type."""
    _registered.pop(typ, None)


def register_not_memo_keyable(typ: type) -> None:
    """Refuse values of a third party's type as arguments of memoized functions."""
    _registered[typ] = _Registered(_refuse)


def _refuse(value: object) -> NoReturn:
    raise TypeError(
        f"A value of {type(value).__name__} cannot be used as a memoization key: it keeps state "
        "that a key would not show. Make it inside the memoized function instead."
    )


class NotMemoKeyable:
    """Base of classes whose values keep state, so that no memoized function may take them."""

    __slots__ = ()

    def __coco_memo_key__(self) -> NoReturn:
        _refuse(self)


def canonical_module_name(value: Any) -> str:
    """Return the module of a class or function by the name that it is imported by.

    A program has the module name `__main__` as a script and another one when it is imported; its
    memo must not depend on that.
    """
    module: str = value.__module__
    if module != "__main__":
        return module
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name)
    file = getattr(main, "__file__", None)
    return PurePath(file).stem if file else module


def fingerprint_bytes(data: bytes) -> Fingerprint:
    """Return the fingerprint of bytes as they are."""
    return Fingerprint(hashlib.sha256(data).digest()[:DIGEST_BYTES])


def memo_fingerprint(obj: object) -> Fingerprint:
    """Return the fingerprint of a value."""
    return fingerprint_bytes(_Encoder([]).encode(obj))


def fingerprint_call(
    func: Callable[..., object],
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
    state_methods: list[StateFnEntry],
    *,
    version: str | int | None = None,
    prefix_args: tuple[object, ...] = (),
) -> Fingerprint:
    """Return the fingerprint of a call; memo state functions of its arguments are appended."""
    encode = _Encoder(state_methods).encode
    name = getattr(func, "__qualname__", None)
    parts = [
        _function_identity(canonical_module_name(func), name, version),
        *map(encode, prefix_args),
        *map(encode, args),
        b"kw",
    ]
    for name in sorted(kwargs):
        parts += (encode(name), encode(kwargs[name]))
    return fingerprint_bytes(_framed(b"call", parts))


@functools.lru_cache(1024)
def _function_identity(module: str, name: str | None, version: str | int | None) -> bytes:
    return _Encoder([]).encode((module, name, version))


@functools.cache
def make_state_deserialize_fn(state_fn: Callable[..., Any]) -> DeserializeFn:
    """Return what decodes the previous state of a memo state function, by its annotation."""
    try:
        hint = strip_non_existence_type(get_param_annotation(state_fn, 1))
    except (NameError, ValueError, TypeError):
        # An annotation that cannot be resolved leaves the state as plain values.
        hint = Any
    return make_deserialize_fn(hint, f"prev_state param of {qualified_name(state_fn)}()")


def _state_entry(call: Callable[[Any], Any], unbound: Callable[..., Any]) -> StateFnEntry:
    decode = make_state_deserialize_fn(unbound)

    def previous(state: Any) -> Any:
        return state.get(decode) if isinstance(state, StoredValue) else state

    return StateFnEntry(previous, call)


def _framed(tag: bytes, parts: list[bytes]) -> bytes:
    """Join parts so that no two different lists of parts give the same bytes."""
    return b"%b%d:%b" % (
        tag,
        len(parts),
        b"".join([b"%d:%b" % (len(part), part) for part in parts]),
    )


class _Encoder:
    """Turns one value into bytes that represent it fully."""

    def __init__(self, state_methods: list[StateFnEntry]) -> None:
        self._state_methods = state_methods
        # The containers around the value at hand, to recognize a cycle.
        self._around: list[int] = []

    def encode(self, value: Any) -> bytes:
        cls: type = type(value)
        plain = _plain_encoder(cls)
        if plain is not None:
            return plain(value)
        # The most common containers have no hooks and need no further checks.
        if (cls is tuple or cls is list) and cls not in _registered:
            return self._structure(value)
        hooked = self._hooked(value)
        return hooked if hooked is not None else self._structure(value)

    def _hooked(self, value: Any) -> bytes | None:
        """Encode what the value, or a registered function, gives as its key."""
        cls = type(value)
        hook = getattr(value, "__coco_memo_key__", None)
        # The hook of a class is for its instances.
        if callable(hook) and not isinstance(value, type):
            state = getattr(value, "__coco_memo_state__", None)
            entry = None
            if callable(state):
                entry = _state_entry(state, cls.__coco_memo_state__)
            return self._key_of(cls, hook(), entry)
        for base in cls.__mro__:
            found = _registered.get(base)
            if found is not None:
                entry = None
                if found.state_fn is not None:
                    entry = _state_entry(functools.partial(found.state_fn, value), found.state_fn)
                return self._key_of(base, found.key_fn(value), entry)
        return None

    def _key_of(self, cls: type, key: Any, entry: StateFnEntry | None) -> bytes:
        if entry is not None:
            self._state_methods.append(entry)
        tag = b"key" if entry is None else b"key+state"
        return _framed(tag, [_class_name(cls), self.encode(key)])

    def _structure(self, value: Any) -> bytes:
        """Encode a container or an object by its parts."""
        if id(value) in self._around:
            # Counted from the inside: independent of what is encoded before.
            return b"up%d" % self._around[::-1].index(id(value))
        self._around.append(id(value))
        try:
            return self._parts(value)
        finally:
            self._around.pop()

    def _parts(self, value: Any) -> bytes:
        cls: type = type(value)
        if cls is tuple or cls is list or isinstance(value, Sequence):
            return _framed(b"seq", [self.encode(each) for each in value])
        if isinstance(value, PurePath):
            # By its text: taking a path apart as pickle does costs ten times as much.
            return _framed(b"path", [_class_name(cls), _text(str(value))])
        if isinstance(value, Mapping):
            items = [_framed(b"", [self.encode(k), self.encode(v)]) for k, v in value.items()]
            return _framed(b"map", sorted(items))
        if isinstance(value, AbstractSet):
            return _framed(b"set", sorted(self.encode(each) for each in value))
        if isinstance(value, type):
            return _framed(b"class", [_class_name(value)])
        if dataclasses.is_dataclass(value):
            names = [field.name for field in dataclasses.fields(value)]
            return self._fields(b"dataclass", cls, [(name, getattr(value, name)) for name in names])
        if hasattr(cls, "__pydantic_fields__"):
            fields = [(name, getattr(value, name)) for name in cls.__pydantic_fields__]
            extra = sorted((value.__pydantic_extra__ or {}).items())
            return self._fields(b"pydantic", cls, fields + extra)
        if cls.__module__ == "numpy" and hasattr(value, "tobytes") and not value.dtype.hasobject:
            parts = [value.dtype.str, list(getattr(value, "shape", ())), value.tobytes()]
            return _framed(b"array", [self.encode(each) for each in parts])
        return self._reduced(value)

    def _fields(self, tag: bytes, cls: type, fields: list[tuple[str, Any]]) -> bytes:
        parts = [self.encode(each) for pair in fields for each in pair]
        return _framed(tag, [_class_name(cls), *parts])

    def _reduced(self, value: Any) -> bytes:
        """Encode an object as pickle takes it apart, by the parts and not by pickle's bytes."""
        if isinstance(value, types.FunctionType | types.BuiltinFunctionType):
            return self._function(value)
        cls: type = type(value)
        registered = copyreg.dispatch_table.get(cls)
        try:
            reduced = registered(value) if registered else value.__reduce_ex__(4)
        except Exception as error:
            raise _unsupported(value) from error
        if isinstance(reduced, str):
            return _framed(b"global", [_text(canonical_module_name(value)), _text(reduced)])
        # Function, arguments, state, list items, dict items; the iterators must be listed.
        state, items, pairs = [*reduced[2:5], None, None, None][:3]
        parts = [*reduced[:2], state, list(items or ()), dict(pairs or ())]
        return _framed(b"object", [_class_name(cls), *(self.encode(p) for p in parts)])

    def _function(self, value: Any) -> bytes:
        """Encode a function by its name, if the name leads to it."""
        module, name = getattr(value, "__module__", None), value.__qualname__
        found: Any = sys.modules.get(module or "")
        for part in name.split("."):
            found = getattr(found, part, None)
        # A bound builtin method has no module and is not a global.
        if found is not value:
            raise _unsupported(value)
        return _framed(b"function", [_text(canonical_module_name(value)), _text(name)])


def _unsupported(value: object) -> TypeError:
    return TypeError(
        f"Unsupported type for memoization key: {type(value)!r}. "
        "Provide __coco_memo_key__() or register a memo key function."
    )


@functools.lru_cache(1024)
def _class_name(cls: type) -> bytes:
    return f"{canonical_module_name(cls)}:{cls.__qualname__}".encode()


def _text(value: str) -> bytes:
    # Names of files may hold surrogates, which UTF-8 proper refuses.
    return b"s" + str.encode(value, "utf-8", "surrogatepass")


def _float(value: float) -> bytes:
    # Every NaN counts as one; 0.0 and -0.0 differ.
    return b"fnan" if math.isnan(value) else b"f" + struct.pack("!d", value)


@functools.lru_cache(1024)
def _plain_encoder(cls: type) -> Callable[[Any], bytes] | None:
    return next((encode for base, encode in _PLAIN.items() if issubclass(cls, base)), None)


# In the order in which a subclass's base is looked for: bool is a subclass of int.
_PLAIN: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: b"n",
    bool: lambda value: b"t1" if value else b"t0",
    # Hexadecimal, because decimal digits are limited in number.
    int: lambda value: b"i%x" % value,
    float: _float,
    str: _text,
    bytes: lambda value: b"b" + value,
    bytearray: lambda value: b"b" + bytes(value),
    memoryview: lambda value: b"b" + bytes(value),
    Fingerprint: lambda value: b"d" + bytes(value),
    uuid.UUID: lambda value: b"u" + value.bytes,
}
