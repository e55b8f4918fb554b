"""Reasons that only the content shows: binaries and minified bundles behind harmless names.

A listing opens no file. Whoever reads one asks here with the bytes that he has anyway.
"""

from __future__ import annotations

from typing import Final

from coco_core.decoding import is_binary
from coco_local.scan.reasons import Reason

__all__ = ["HEAD_BYTES", "refuse_content"]

HEAD_BYTES: Final = 8_192
"""As much as git and ripgrep look at."""

# Hand-written lines of these languages stay far below; a bundler's are tens of thousands long.
# Other kinds of text (CSV, SVG, prose in one line) may have long lines and still be worth a search.
_BUNDLED: Final = frozenset({"js", "mjs", "cjs", "css", "jsx", "html", "htm"})
_MINIFIED_LINE: Final = 500

# Below this a file is too small for its shape to say anything, and too small to hurt.
_SMALL: Final = 2_048

# What generators of data for machines write into the first line.
_GENERATED_SUFFIXES: Final = frozenset({"map"})


def refuse_content(name: str, head: bytes) -> Reason | None:
    """Return why a file with this head is not indexed, None when it is.

    ``head`` may be the whole file; only its first bytes are looked at.
    """
    head = head[:HEAD_BYTES]
    if is_binary(head):
        return Reason.BINARY
    suffix = name.rpartition(".")[2].lower()
    if suffix in _GENERATED_SUFFIXES and head.lstrip()[:10].startswith(b'{"version"'):
        return Reason.MINIFIED
    # A license comment may stand before the code: what counts is the mean of what was seen.
    lines = head.count(b"\n") + 1
    if suffix in _BUNDLED and len(head) >= max(_SMALL, lines * _MINIFIED_LINE):
        return Reason.MINIFIED
    return None
