"""The paths in git's index: what is tracked, ignored or not."""

from __future__ import annotations

import os
import struct

__all__ = ["UnknownIndex", "tracked_paths"]


class UnknownIndex(Exception):
    """The index is of a kind that is not read here; ``git ls-files`` knows."""


_HEADER = struct.Struct(">4sII")
# An extended entry carries two more bytes of flags.
_EXTENDED = 0x4000
_NAME_LENGTH = 0x0FFF
# Ten numbers of four bytes stand before the object's hash.
_STAT_BYTES = 40
_SHA1_BYTES = 20
_PREFIX_COMPRESSED = 4


def tracked_paths(data: bytes, *, hash_bytes: int = _SHA1_BYTES) -> set[str]:
    """Return all paths of an index of version 2 to 4, relative to the top of the work tree."""
    try:
        signature, version, count = _HEADER.unpack_from(data)
        if signature != b"DIRC" or version not in {2, 3, 4}:
            raise UnknownIndex(f"signature {signature!r}, version {version}")
        paths, end = _entries(data, version, count, hash_bytes)
        _refuse_split(data, end, hash_bytes)
    except (struct.error, IndexError, ValueError) as error:
        raise UnknownIndex(f"not an index: {error}") from error
    return paths


def _entries(data: bytes, version: int, count: int, hash_bytes: int) -> tuple[set[str], int]:
    paths: set[str] = set()
    at = _HEADER.size
    previous = b""
    for _ in range(count):
        flags_at = at + _STAT_BYTES + hash_bytes
        flags = data[flags_at] << 8 | data[flags_at + 1]
        name_at = flags_at + (4 if flags & _EXTENDED else 2)
        if version == _PREFIX_COMPRESSED:
            cut, name_at = _varint(data, name_at)
            end = data.index(0, name_at)
            name = previous[: len(previous) - cut] + data[name_at:end]
            previous = name
            at = end + 1
        else:
            length = flags & _NAME_LENGTH
            end = name_at + length if length < _NAME_LENGTH else data.index(0, name_at)
            name = data[name_at:end]
            # Entries are padded with one to eight NULs to a multiple of eight bytes.
            at += (end - at + 8) & ~7
        paths.add(os.fsdecode(name))
    return paths, at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    byte = data[at]
    value = byte & 127
    while byte & 128:
        at += 1
        byte = data[at]
        value = ((value + 1) << 7) + (byte & 127)
    return value, at + 1


def _refuse_split(data: bytes, at: int, hash_bytes: int) -> None:
    """A ``link`` extension says that most entries stand in another file."""
    while at + 8 <= len(data) - hash_bytes:
        if data[at : at + 4] == b"link":
            raise UnknownIndex("split index")
        at += 8 + int.from_bytes(data[at + 4 : at + 8], "big")
