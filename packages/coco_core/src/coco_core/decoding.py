r"""Text decoding: a file's bytes to text, and text offsets back to byte offsets.

Order of belief: byte order mark, UTF-8, a statistical guess on a bounded sample, Windows-1252.
Only ``\n`` ends a line here, as for ripgrep and tree-sitter, so that line numbers agree with both.
"""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

import numpy as np

__all__ = ["LineIndex", "SourceText", "decode", "is_binary"]

# UTF-32 stands before UTF-16, whose little-endian mark is a prefix of it.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

# Detection is quadratic in practice; more than this does not make it surer.
_SAMPLE_BYTES = 8_192

# Fewer foreign bytes than this say nothing about an alphabet; Windows-1252 is then the best bet.
_DETECTABLE_BYTES = 24

# What git and ripgrep look at to tell binary from text.
_HEAD_BYTES = 8_192

# Share of control characters above which a file without NUL is not text (compressed, encrypted).
_CONTROL_SHARE = 0.1

_CONTROL = bytes(set(range(32)) - set(b"\t\n\v\f\r\b\x1b")) + b"\x7f"

# In a Latin alphabet fewer of the letters are foreign; detection confuses the Latin code pages.
_FOREIGN_SHARE = 0.4

# "utf-8" promises that the bytes on disk are the text's; this alias of the codec does not.
_DAMAGED_UTF8 = "utf8"

_LINE_END = 0x0A

# Characters of running text: white space, ASCII, alphabets to Hebrew and Arabic, punctuation, kana,
# ideographs, Hangul, and full-width forms. Numbers and code of machines are mostly something else.
_WIDE_TEXT = re.compile(
    "[\\t\\n\\r\\x20-\\x7e\u00a0-\u024f\u0370-\u06ff\u2010-\u203f"
    "\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff60]"
)
_WIDE_SHARE = 0.98

_FOREIGN = bytes(range(0x80, 0x100))

# Formats whose first 8 KiB may hold no NUL.
_MAGIC = (b"%PDF-", b"\x1f\x8b", b"PK\x03\x04", b"\x89PNG", b"GIF8", b"\xff\xd8\xff", b"BZh")


@dataclass(frozen=True, slots=True)
class LineIndex:
    """Where every line starts, in characters, in UTF-8 and on disk; each list ends with the length.

    The three are one list for plain ASCII, so an index costs no more than one split.
    """

    source: SourceText
    chars: list[int]
    utf8: list[int]
    disk: list[int]

    @property
    def count(self) -> int:
        """Number of lines; a last line without a line end counts, an empty one does not."""
        return len(self.chars) - 1

    def line_of_char(self, offset: int) -> int:
        """Return the 0-based line that holds a character offset."""
        return min(bisect_right(self.chars, offset) - 1, max(self.count - 1, 0))

    def line_of_utf8(self, offset: int) -> int:
        """Return the 0-based line that holds an offset into the UTF-8 text."""
        return min(bisect_right(self.utf8, offset) - 1, max(self.count - 1, 0))

    def char_of_utf8(self, offset: int) -> int:
        """Return the character offset of an offset into the UTF-8 text."""
        if self.utf8 is self.chars:
            return offset
        if offset >= self.utf8[-1]:
            return self.chars[-1]
        line = self.line_of_utf8(offset)
        raw = self.source.text[self.chars[line] : self.chars[line + 1]].encode(
            "utf-8", "surrogatepass"
        )
        inside = raw[: offset - self.utf8[line]].decode("utf-8", "ignore")
        return self.chars[line] + len(inside)

    def byte_of_char(self, offset: int) -> int:
        """Return the byte offset in the file on disk of a character offset."""
        line = self.line_of_char(offset)
        start = self.chars[line]
        if offset >= self.chars[-1]:
            return self.disk[-1]
        if offset == start:
            return self.disk[line]
        inside = self.source.encoded_length(start, offset)
        return min(self.disk[line] + inside, self.disk[line + 1])


@dataclass(frozen=True, slots=True)
class SourceText:
    """A file's decoded text: byte order mark removed, line ends untouched."""

    text: str
    encoding: str
    data: bytes = field(repr=False)
    """The file as it is on disk."""
    mark: int = 0
    """Length of the byte order mark."""

    @property
    def utf8(self) -> bytes:
        """The text as UTF-8, without a byte order mark."""
        if self.encoding == "utf-8":
            return self.data[self.mark :] if self.mark else self.data
        return self.text.encode("utf-8", "surrogatepass")

    def encoded_length(self, start: int, end: int) -> int:
        """Return how many bytes on disk a range of characters takes."""
        piece = self.text[start:end]
        if piece.isascii() and not self.encoding.startswith(("utf-16", "utf-32")):
            return len(piece)
        return len(piece.encode(self.encoding, "replace"))

    def lines(self) -> LineIndex:
        """Return the line index; it is not kept, so hold on to it."""
        if self.encoding == "utf-8":
            utf8 = _byte_starts(self.utf8)
            chars = utf8 if self.text.isascii() else _starts(self.text.split("\n"))
            disk = [start + self.mark for start in utf8] if self.mark else utf8
            return LineIndex(self, chars, utf8, disk)
        parts = self.text.split("\n")
        raw = [part.encode("utf-8", "surrogatepass") for part in parts]
        chars = _starts(parts)
        return LineIndex(self, chars, _starts(raw), self._disk(chars))

    def position(self, offset: int) -> tuple[int, int]:
        """Return the 1-based line and the byte offset on disk of a character offset."""
        index = self.lines()
        return index.line_of_char(offset) + 1, index.byte_of_char(offset)

    def _disk(self, chars: list[int]) -> list[int]:
        if not self.encoding.startswith(("utf-16", "utf-32")):
            # In every other encoding we detect, byte 0x0A is a line end and nothing else.
            starts = _starts(self.data.split(b"\n"))
            if len(starts) == len(chars):
                starts[0] = self.mark
                return starts
        ends = [self.encoded_length(a, b) for a, b in pairwise(chars)]
        starts = [min(start, len(self.data)) for start in accumulate(ends, initial=self.mark)]
        starts[-1] = len(self.data)
        return starts


def decode(data: bytes) -> SourceText:
    """Decode a file; any input has a text."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decode_marked(data, encoding, len(mark))
    wide = _wide_encoding(data) if b"\0" in data[:_HEAD_BYTES] else None
    if wide is not None:
        return _decode_marked(data, wide, 0)
    try:
        return SourceText(data.decode("utf-8"), "utf-8", data)
    except UnicodeDecodeError:
        pass
    if _is_damaged_utf8(data):
        return SourceText(data.decode("utf-8", "replace"), _DAMAGED_UTF8, data)
    for guess in (_detected(data), "cp1252"):
        if guess is None:
            continue
        try:
            return SourceText(data.decode(guess), guess, data)
        except (UnicodeDecodeError, LookupError):
            continue
    return SourceText(data.decode("latin-1"), "latin-1", data)


def is_binary(data: bytes) -> bool:
    """Tell from the head of a file whether it is anything but text."""
    head = data[:_HEAD_BYTES]
    if not head:
        return False
    if head.startswith(_MAGIC):
        return True
    if any(head.startswith(mark) for mark, _ in _MARKS):
        return False
    if 0 in head:
        return _wide_encoding(head) is None
    return len(head) - len(head.translate(None, _CONTROL)) > len(head) * _CONTROL_SHARE


def _starts(parts: Sequence[str] | Sequence[bytes]) -> list[int]:
    """Return where each part starts when joined by one line end, and the whole length."""
    starts = list(accumulate((len(part) + 1 for part in parts), initial=0))
    starts[-1] -= 1
    if not parts[-1]:
        starts.pop()
    return starts


def _byte_starts(data: bytes) -> list[int]:
    """Return where each line of bytes starts, and the whole length."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == _LINE_END) + 1
    starts = [0, *ends.tolist()]
    if starts[-1] != len(data):
        starts.append(len(data))
    return starts


def _decode_marked(data: bytes, encoding: str, mark: int) -> SourceText:
    body = data[mark:]
    try:
        return SourceText(body.decode(encoding), encoding, data, mark)
    except UnicodeDecodeError:
        name = _DAMAGED_UTF8 if encoding == "utf-8" else encoding
        return SourceText(body.decode(encoding, "replace"), name, data, mark)


def _wide_encoding(data: bytes) -> str | None:
    """Recognize UTF-16 without a mark: mostly Latin text has a NUL in every second byte."""
    head = data[: _HEAD_BYTES & ~1]
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if half < 2:
        return None
    if 2 * max(even, odd) < half or min(even, odd) * 20 > half:
        return _wide_script(head)
    encoding = "utf-16-le" if odd > even else "utf-16-be"
    try:
        head[: len(head) & ~3].decode(encoding)
    except UnicodeDecodeError:
        return None
    return encoding


def _wide_script(head: bytes) -> str | None:
    """Recognize UTF-16 of another script: only its spaces and line ends have a NUL."""
    shares = {}
    for encoding in ("utf-16-le", "utf-16-be"):
        # The last character may be cut.
        text = head.decode(encoding, "ignore")
        spaced = "\n" in text or " " in text
        shares[encoding] = spaced * len(_WIDE_TEXT.findall(text)) / (len(head) // 2)
    best = max(shares, key=lambda encoding: shares[encoding])
    return best if shares[best] >= _WIDE_SHARE > min(shares.values()) else None


def _is_damaged_utf8(data: bytes) -> bool:
    """Tell UTF-8 with a few broken places from another encoding."""
    text = data.decode("utf-8", "surrogateescape")
    if text.isascii():
        return False
    foreign = [char for char in text if char > "\x7f"]
    broken = sum("\udc80" <= char <= "\udcff" for char in foreign)
    return broken * 4 <= len(foreign)


def _detected(data: bytes) -> str | None:
    sample = _foreign_sample(data)
    foreign = len(sample) - len(sample.translate(None, _FOREIGN))
    letters = foreign + sum(chr(byte).isalpha() for byte in sample if byte < 0x80)
    if foreign < _DETECTABLE_BYTES or foreign < letters * _FOREIGN_SHARE:
        return None
    # Few files need it; importing it takes 50 ms of every start.
    import charset_normalizer

    match = charset_normalizer.from_bytes(sample).best()
    return match.encoding if match is not None else None


def _foreign_sample(data: bytes) -> bytes:
    """Return up to the sample's size of lines that hold anything but ASCII."""
    lines: list[bytes] = []
    size = 0
    for line in data.split(b"\n"):
        if not line.isascii():
            lines.append(line[:_SAMPLE_BYTES])
            size += len(lines[-1]) + 1
            if size >= _SAMPLE_BYTES:
                break
    return b"\n".join(lines)
