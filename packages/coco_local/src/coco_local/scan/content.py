"""Reasons that only the content shows: binaries, private keys and minified bundles.

A listing opens no file but those that are called like secrets. Whatever reads one asks here with
the bytes that it has anyway.
"""

from __future__ import annotations

import re
from typing import Final

from coco_core.decoding import is_binary
from coco_local.scan.reasons import Reason
from coco_local.scan.secrets import JUDGED_BYTES, is_private_key, is_published_key

__all__ = ["refuse_content"]

# Kinds that bundlers write. Other kinds of text (CSV, SVG, prose in one line) may have long lines
# and still be worth a search.
_BUNDLED: Final = frozenset({"js", "mjs", "cjs", "css", "jsx", "html", "htm"})
_MARKUP: Final = frozenset({"html", "htm"})

# Below this a file is too small for its shape to say anything, and too small to hurt.
_SMALL: Final = 2_048

# No line of code as long as this is written by hand; bundlers break theirs here at the earliest.
_LONG_LINE: Final = 400

# Code without spaces and line ends has a mark of structure (a bracket, a semicolon, a tag) every
# ten characters or so; data, prose and encoded images have hardly any.
_DENSE: Final = 30

# A source with packed code in it, a pasted helper or a generated table, has several times as many
# lines by hand, and they are more than a small part of it.
_BY_HAND_LINES: Final = 8
_BY_HAND_PART: Final = 5

# A page with this share of text outside of its tags is there to be read, however it was written.
_PROSE_PART: Final = 10

# Literals long enough to be data: an image, a table, a text.
_LITERAL: Final = re.compile(
    rb"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|url\([^)\n]*\)|[A-Za-z0-9+/=%_]{120,}"
)
_PAGE_LITERAL: Final = re.compile(
    rb"\"data:[^\"]*\"|'data:[^']*'|url\(\s*[\"']?data:[^)]*\)|[A-Za-z0-9+/=%_]{120,}"
)
_LONG_LITERAL: Final = 200

_COMMENT: Final = re.compile(rb"/\*.*?\*/|<!--.*?-->|^[ \t]*//[^\n]*$", re.DOTALL | re.MULTILINE)
_MARKS: Final = re.compile(rb"[;{}()]|=>")
_PAGE_MARKS: Final = re.compile(rb"[;{}()<>\[\]=:]")
_NO_PROSE: Final = re.compile(
    rb"<(script|style|svg)\b.*?</\1\s*>|<[^>]*>|\s+", re.DOTALL | re.IGNORECASE
)

# What generators of source maps write; the rest of the file is for debuggers.
_SOURCE_MAP: Final = re.compile(rb"""(?:\)\]\}'\s*)?\{.*?"version"\s*:\s*3\b""", re.DOTALL)
_MAP_FIELDS: Final = re.compile(rb'"(?:sources|mappings|sections|sourcesContent)"\s*:')
_MAP_HEAD: Final = 4_096


def refuse_content(name: str, data: bytes) -> Reason | None:
    """Return why a file with this content is not indexed, None when it is.

    ``data`` may be the whole file or its first `JUDGED_BYTES`.
    """
    if is_binary(data):
        return Reason.BINARY
    data = data[:JUDGED_BYTES]
    if is_private_key(name, data):
        return Reason.SECRET
    if is_published_key(data):
        return Reason.MINIFIED
    suffix = name.rpartition(".")[2].lower()
    if suffix == "map" and _is_source_map(data):
        return Reason.MINIFIED
    if suffix in _BUNDLED and _is_minified(data, page=suffix in _MARKUP):
        return Reason.MINIFIED
    return None


def _is_source_map(data: bytes) -> bool:
    head = data[:_MAP_HEAD]
    return _SOURCE_MAP.match(head.lstrip()) is not None and _MAP_FIELDS.search(head) is not None


def _is_minified(data: bytes, *, page: bool) -> bool:
    """Whether nearly all of the code stands in lines that only a program writes."""
    if len(data) < _SMALL or max(map(len, data.split(b"\n"))) < _LONG_LINE:
        return False
    code = _COMMENT.sub(b"", data)
    lines = [line.strip() for line in code.split(b"\n") if line.strip()]
    if not page and all(len(line) >= _LONG_LINE for line in lines):
        return True
    code = (_PAGE_LITERAL if page else _LITERAL).sub(_without_data, code)
    marks = _PAGE_MARKS if page else _MARKS
    packed: list[int] = []
    by_hand: list[int] = []
    for line in filter(None, map(bytes.strip, code.split(b"\n"))):
        dense = len(line) >= _LONG_LINE and len(marks.findall(line)) * _DENSE >= len(line)
        (packed if dense else by_hand).append(len(line))
    if sum(packed) < max(_SMALL // 2, sum(by_hand)):
        return False
    if page and len(_NO_PROSE.sub(b"", code)) * _PROSE_PART >= len(code):
        return False
    few_lines = len(by_hand) < _BY_HAND_LINES * len(packed)
    return few_lines or sum(by_hand) * _BY_HAND_PART < sum(packed)


def _without_data(found: re.Match[bytes]) -> bytes:
    return found[0] if len(found[0]) < _LONG_LITERAL else b'""'
