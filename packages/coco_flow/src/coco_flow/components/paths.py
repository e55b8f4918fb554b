"""Stable keys and paths, which identify a component from one run to the next.

A path is kept in an encoding whose byte order is the order of the paths and in which a parent is a
prefix of its children, so that SQLite can scan a subtree as a range.
"""

from __future__ import annotations

import struct
import uuid
from typing import Any, TypeAlias, Union

__all__ = [
    "ROOT_PATH",
    "StableKey",
    "StablePath",
    "Symbol",
    "decode_key",
    "decode_keys",
    "encode_key",
    "parent_and_key",
    "render_key",
    "render_path",
    "split_keys",
]


class Symbol:
    """A key that names something in the program and never equals a string of the data."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def name(self) -> str:
        """The symbol's name."""
        return self._name

    def __repr__(self) -> str:
        return f"Symbol({self._name})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Symbol) and self._name == other._name

    def __hash__(self) -> int:
        return hash((Symbol, self._name))

    def __coco_memo_key__(self) -> str:
        return self._name


StableKey: TypeAlias = Union[  # noqa: UP007 - an alias that refers to itself needs the old form
    bool, int, str, bytes, uuid.UUID, Symbol, tuple["StableKey", ...], None
]
"""What may name a component, a target state or a persistent state."""

# Tags in the order in which keys of different types sort; 0 and 1 are left for ends and escapes.
NONE, SYMBOL, BOOL, INT, STR, BYTES, UUID, TUPLE = range(2, 10)
END = b"\x00"
# Zero bytes inside a text are escaped so that the end mark sorts before every continuation.
ESCAPED = b"\x00\xff"

_INT = struct.Struct(">Q")
_SIGN = 1 << 63


def encode_key(key: Any) -> bytes:
    """Return the encoding of one key; lists count as tuples."""
    if isinstance(key, str):
        return b"\x06" + key.encode("utf-8", "surrogatepass").replace(END, ESCAPED) + END
    if key is None:
        return b"\x02"
    if isinstance(key, bool):
        return b"\x04\x01" if key else b"\x04\x00"
    if isinstance(key, int):
        if not -_SIGN <= key < _SIGN:
            raise OverflowError(f"A stable key must fit 64 bits; {key} does not. Use a string.")
        return b"\x05" + _INT.pack(key + _SIGN)
    if isinstance(key, Symbol):
        return b"\x03" + key.name.encode("utf-8", "surrogatepass").replace(END, ESCAPED) + END
    if isinstance(key, bytes):
        return b"\x07" + key.replace(END, ESCAPED) + END
    if isinstance(key, tuple | list):
        return b"\x09" + b"".join(encode_key(each) for each in key) + END
    if isinstance(key, uuid.UUID):
        return b"\x08" + key.bytes
    raise TypeError(
        f"Unsupported StableKey Python type {type(key).__name__}, of {key!r}: a key is None, a "
        "bool, int, str, bytes, UUID or Symbol, or a tuple of these."
    )


def _decode_text(data: bytes, start: int) -> tuple[bytes, int]:
    """Read escaped bytes up to their end mark."""
    end = data.index(END, start)
    while data[end + 1 : end + 2] == b"\xff":
        end = data.index(END, end + 2)
    return data[start:end].replace(ESCAPED, END), end + 1


def _decode_at(data: bytes, at: int) -> tuple[Any, int]:
    tag = data[at]
    at += 1
    if tag in (STR, SYMBOL, BYTES):
        raw, at = _decode_text(data, at)
        if tag == BYTES:
            return raw, at
        text = raw.decode("utf-8", "surrogatepass")
        return (text if tag == STR else Symbol(text)), at
    if tag == NONE:
        return None, at
    if tag == BOOL:
        return data[at] == 1, at + 1
    if tag == INT:
        return _INT.unpack_from(data, at)[0] - _SIGN, at + 8
    if tag == UUID:
        return uuid.UUID(bytes=data[at : at + 16]), at + 16
    if tag == TUPLE:
        items = []
        while data[at] != 0:
            item, at = _decode_at(data, at)
            items.append(item)
        return tuple(items), at + 1
    raise ValueError(f"The state file holds a key of the unknown kind {tag}.")


def decode_key(data: bytes) -> Any:
    """Return the key that `encode_key` encoded."""
    return _decode_at(data, 0)[0]


def decode_keys(data: bytes) -> list[Any]:
    """Return the keys of an encoded path."""
    keys, at = [], 0
    while at < len(data):
        key, at = _decode_at(data, at)
        keys.append(key)
    return keys


def split_keys(path: bytes) -> tuple[bytes, ...]:
    """Return the encoded keys of an encoded path."""
    keys, at = [], 0
    while at < len(path):
        _, end = _decode_at(path, at)
        keys.append(path[at:end])
        at = end
    return tuple(keys)


def parent_and_key(path: bytes) -> tuple[bytes, bytes]:
    """Split an encoded path into its parent and its last key, both encoded."""
    last = split_keys(path)[-1]
    return path[: -len(last)], last


_ESCAPES = {"\t": "\\t", "\r": "\\r", "\n": "\\n", "'": "\\'", '"': '\\"', "\\": "\\\\"}


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    return char if " " <= char <= "~" else f"\\u{{{ord(char):x}}}"


def _escaped_byte(byte: int) -> str:
    char = chr(byte)
    if char in _ESCAPES:
        return _ESCAPES[char]
    return char if " " <= char <= "~" else f"\\x{byte:02x}"


def render_key(key: Any) -> str:
    """Return a key as it is shown to people: `"text"`, `@symbol`, `[1,2]`."""
    if isinstance(key, str):
        return '"' + "".join(map(_escaped, key)) + '"'
    if isinstance(key, Symbol):
        return f"@{key.name}"
    if key is None:
        return "null"
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, bytes):
        return 'b"' + "".join(map(_escaped_byte, key)) + '"'
    if isinstance(key, tuple):
        return "[" + ",".join(map(render_key, key)) + "]"
    return str(key)


def render_path(path: bytes) -> str:
    """Return an encoded path as it is shown to people."""
    return "".join(f"/{render_key(key)}" for key in decode_keys(path)) or "/"


class StablePath:
    """The position of a component in the tree of an app."""

    __slots__ = ("_encoded",)

    def __init__(self, path: StablePath | None = None) -> None:
        self._encoded: bytes = b"" if path is None else path._encoded

    @classmethod
    def from_encoded(cls, encoded: bytes) -> StablePath:
        """Return the path with this encoding."""
        path = cls()
        path._encoded = encoded
        return path

    @property
    def encoded(self) -> bytes:
        """The encoding, a prefix of that of every descendant."""
        return self._encoded

    def concat(self, part: StableKey) -> StablePath:
        """Return the path of a child."""
        return StablePath.from_encoded(self._encoded + encode_key(part))

    concat_part = concat
    __truediv__ = concat

    def parts(self) -> list[Any]:
        """Return the keys from the root to here."""
        return decode_keys(self._encoded)

    def to_string(self) -> str:
        """Return the path as it is shown to people."""
        return render_path(self._encoded)

    def __str__(self) -> str:
        return self.to_string()

    def __repr__(self) -> str:
        return self.to_string()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StablePath) and self._encoded == other._encoded

    def __lt__(self, other: StablePath) -> bool:
        return self._encoded < other._encoded

    def __hash__(self) -> int:
        return hash(self._encoded)

    def __coco_memo_key__(self) -> bytes:
        return self._encoded


ROOT_PATH = StablePath()
