"""Check of a body's first bytes: a compressed file is refused before any of it is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator

from coco_core.errors import UnsupportedMediaType
from coco_server.jobs.payload import ImportFormat

__all__ = ["checked_pieces"]

_PARQUET = b"PAR1"

# What these formats begin with; no JSON in UTF-8 does.
_OTHERS: dict[bytes, str] = {
    b"\x1f\x8b": "compressed with gzip",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"PK\x03\x04": "a zip archive",
    _PARQUET: "Parquet",
    b"\0asm": "a WebAssembly module",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
_LONGEST = max(map(len, _OTHERS))


async def checked_pieces(pieces: AsyncIterator[bytes], media: ImportFormat) -> AsyncIterator[bytes]:
    """Yield the pieces of a body that begins as its media type says.

    Raises:
        UnsupportedMediaType: it is something else.
    """
    first = b""
    async for piece in pieces:
        first += piece
        if len(first) >= _LONGEST:
            break
    if first:
        _require(first, media)
        yield first
    async for piece in pieces:
        yield piece


def _require(first: bytes, media: ImportFormat) -> None:
    if media == "parquet":
        if first.startswith(_PARQUET):
            return
        raise UnsupportedMediaType(
            "The body does not begin as Parquet does.",
            hint="Send one Parquet file, not encrypted and not compressed as a whole.",
        )
    found = next((name for magic, name in _OTHERS.items() if first.startswith(magic)), None)
    if found is not None:
        raise UnsupportedMediaType(
            f"The body is {found}, and its content type says {media}.",
            hint="Send JSON in UTF-8, uncompressed, or Parquet with the content type "
            "application/vnd.apache.parquet.",
        )
