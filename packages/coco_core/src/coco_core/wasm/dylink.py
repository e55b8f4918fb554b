"""Parser of the ``dylink.0`` section: a grammar's memory and table sizes.

The older section ``dylink`` is read too: many published grammars have it and run unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

from coco_core.errors import WasmRejected

__all__ = ["Needs", "read_needs"]

_MAGIC = b"\0asm\1\0\0\0"
_CUSTOM = 0
_MEM_INFO = 1
_NEEDED = 2

# The longest LEB128 of 32 bits has five bytes.
_MAX_SHIFT = 35


@dataclass(frozen=True, slots=True)
class Needs:
    """What a dynamic module wants to find before it is loaded."""

    memory_bytes: int
    memory_align: int
    """As a power of two."""
    table_slots: int
    libraries: int
    """Other modules that must be there; no grammar has any."""


class _Reader:
    def __init__(self, data: bytes, start: int, end: int) -> None:
        if end > len(data):
            raise WasmRejected("The file is truncated in its first section.")
        self._data = data
        self.at = start
        self.end = end

    def number(self) -> int:
        value = shift = 0
        while self.at < self.end and shift < _MAX_SHIFT:
            byte = self._data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
        raise WasmRejected("The file is damaged in its first section.")

    def text(self) -> bytes:
        length = self.number()
        start, self.at = self.at, self.at + length
        if self.at > self.end:
            raise WasmRejected("The file is damaged in its first section.")
        return self._data[start : self.at]


def read_needs(wasm: bytes) -> Needs:
    """Read the section.

    Raises:
        WasmRejected: it is not WebAssembly, damaged, or not a dynamic module.
    """
    if not wasm.startswith(_MAGIC):
        raise WasmRejected("The file is not WebAssembly: it does not begin with its magic number.")
    whole = _Reader(wasm, len(_MAGIC), len(wasm))
    kind = whole.number() if whole.at < whole.end else None
    if kind != _CUSTOM:
        raise _no_grammar()
    size = whole.number()
    section = _Reader(wasm, whole.at, whole.at + size)
    name = section.text()
    if name == b"dylink":
        return Needs(section.number(), section.number(), *_table(section), section.number())
    if name != b"dylink.0":
        raise _no_grammar()
    memory, align, slots, libraries = 0, 0, 0, 0
    while section.at < section.end:
        kind = section.number()
        length = section.number()
        part = _Reader(wasm, section.at, section.at + length)
        if kind == _MEM_INFO:
            memory, align = part.number(), part.number()
            (slots,) = _table(part)
        elif kind == _NEEDED:
            libraries = part.number()
        section.at = part.end
    return Needs(memory, align, slots, libraries)


def _table(section: _Reader) -> tuple[int]:
    slots = section.number()
    section.number()  # the alignment of a table means nothing
    return (slots,)


def _no_grammar() -> WasmRejected:
    return WasmRejected(
        "The file is WebAssembly, but no tree-sitter grammar: it has no dylink section.",
        hint="`tree-sitter build --wasm` makes one.",
    )
