"""Streaming JSON scanner: finds values in bytes, without decoding, in bounded memory.

A JSON parser would give up a whole import at its first misspelt number, and would hold an item of
any size in memory. Here only strings and brackets are followed, so that every element of the array
can be judged on its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from coco_core.errors import Unreadable

__all__ = ["JsonScanner"]

_SPACE = re.compile(rb"[ \t\r\n]*+")
_SCALAR = re.compile(rb'[^ \t\r\n,:"\[\]{}]*+')
# To the next string or bracket.
_PLAIN = re.compile(rb'[^"\[\]{}]*+')
# To the end of a string; an escape is only taken when both of its bytes are there.
_STRING = re.compile(rb'(?:[^"\\]++|\\[\x00-\xff])*+')

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_QUOTE, _OPEN = b'"', b"[{"


class JsonScanner:
    """A cursor over JSON; `what` names the text in messages."""

    def __init__(self, read: Callable[[], bytes], *, what: str) -> None:
        """Scan what ``read`` returns piece by piece; an empty piece is the end."""
        self._read = read
        self._what = what
        self._buffer = b""
        self._place = 0
        self._before = 0
        self._ended = False
        self._kept: list[bytes] | None = None
        self._kept_bytes = 0
        self._most = 0

    @property
    def position(self) -> int:
        """Bytes before the cursor."""
        return self._before + self._place

    def skip_mark(self) -> None:
        """Skip the byte order mark that some editors put before a text; call this first."""
        if self._fill() and self._buffer.startswith(_BYTE_ORDER_MARK):
            self._place = len(_BYTE_ORDER_MARK)

    def peek(self) -> bytes:
        """Skip white space and return the next byte, or nothing at the end."""
        while True:
            self._advance(_SPACE)
            if self._place < len(self._buffer):
                return self._buffer[self._place : self._place + 1]
            if not self._fill():
                return b""

    def expect(self, wanted: bytes) -> bytes:
        """Take one of the bytes in ``wanted`` after white space.

        Raises:
            Unreadable: another byte or the end is there.
        """
        found = self.peek()
        if not found or found not in wanted:
            raise self.broken(f"{' or '.join(repr(chr(byte)) for byte in wanted)} is missing")
        self._place += 1
        return found

    def value(self, most: int) -> bytes | None:
        """Take one value and return its bytes; None when it has more than ``most``.

        Raises:
            Unreadable: there is no value, or the text ends inside it.
        """
        first = self.peek()
        self._kept, self._kept_bytes, self._most = [], 0, most
        if first == _QUOTE:
            self._string()
        elif first and first in _OPEN:
            self._container()
        else:
            self._run(_SCALAR)
            if not self._kept_bytes:
                raise self.broken("a value is missing")
        kept, self._kept = self._kept, None
        return None if kept is None or self._kept_bytes > most else b"".join(kept)

    def broken(self, problem: str) -> Unreadable:
        """Return the error that says where the text is broken."""
        where = "at its end" if self._ended and self._place >= len(self._buffer) else ""
        return Unreadable(
            f"{self._what} is not valid JSON: {problem} {where or f'at byte {self.position}'}.",
            hint="Send a complete JSON array, or NDJSON, in which a broken line costs only itself.",
        )

    def _container(self) -> None:
        depth = 0
        while True:
            self._run(_PLAIN)
            if self._here() == _QUOTE:
                self._string()
            elif self._byte() in _OPEN:
                depth += 1
            else:
                depth -= 1
                if depth == 0:
                    return

    def _string(self) -> None:
        self._byte()
        while True:
            self._run(_STRING)
            if self._byte() == _QUOTE:
                return
            # A backslash at the end of what was there; what it escapes has come by now.
            self._byte()

    def _run(self, pattern: re.Pattern[bytes]) -> None:
        """Take what matches, over as many pieces as it covers."""
        while True:
            start = self._place
            self._advance(pattern)
            self._keep(self._buffer[start : self._place])
            if self._place < len(self._buffer) or not self._fill():
                return

    def _here(self) -> bytes:
        if self._place >= len(self._buffer) and not self._fill():
            raise self.broken("it ends inside a value")
        return self._buffer[self._place : self._place + 1]

    def _byte(self) -> bytes:
        byte = self._here()
        self._place += 1
        self._keep(byte)
        return byte

    def _keep(self, piece: bytes) -> None:
        self._kept_bytes += len(piece)
        if self._kept is not None and piece:
            if self._kept_bytes > self._most:
                self._kept = None
            else:
                self._kept.append(piece)

    def _advance(self, pattern: re.Pattern[bytes]) -> None:
        found = pattern.match(self._buffer, self._place)
        if found is not None:
            self._place = found.end()

    def _fill(self) -> bool:
        """Bring the next piece; only called when the buffer is used up."""
        if self._ended:
            return False
        self._before += len(self._buffer)
        self._buffer = self._read()
        self._place = 0
        self._ended = not self._buffer
        return not self._ended
