"""Cursors of pages: opaque to callers, so that a wrong one is seen and not taken for a place."""

from __future__ import annotations

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode

from coco_core.errors import InvalidInput

__all__ = ["cursor_behind", "read_cursor"]

_SUM_BYTES = 4


def cursor_behind(last: str) -> str:
    """Return the cursor of the page that follows the one that ends with this id."""
    data = last.encode()
    return urlsafe_b64encode(_checksum(data) + data).rstrip(b"=").decode()


def read_cursor(cursor: str) -> str:
    """Return the id that a page follows; empty for no cursor.

    The id need not exist any more: documents go while their list is read.

    Raises:
        InvalidInput: `cursor_behind` made no such cursor.
    """
    if not cursor:
        return ""
    last = _id_in(cursor)
    if last and cursor == cursor_behind(last):
        return last
    raise InvalidInput(
        f"The cursor {cursor[:100]!r} is none that a list of documents has given.",
        hint="Send the next_cursor of the page before as it is, or begin without a cursor.",
    )


def _id_in(cursor: str) -> str | None:
    try:
        return urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))[_SUM_BYTES:].decode()
    except ValueError:
        # No base 64, or no text in it.
        return None


def _checksum(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(_SUM_BYTES, "big")
