"""Item count of an import, taken before it is parsed, for quotas and progress."""

from __future__ import annotations

import io
import os

from coco_core.parquet_footer import FOOTER_TAIL_BYTES, footer_bytes, read_counts
from coco_server.domain.json_splitter import ItemsSplitter
from coco_server.jobs.payload import ImportFormat

__all__ = ["count_items"]

_PIECE_BYTES = 1 << 20


def count_items(file: io.RawIOBase, kind: ImportFormat) -> int:
    """Return the number of items; of Parquet, only the footer is read.

    Raises:
        InvalidInput: it is not what ``kind`` says.
    """
    if kind == "parquet":
        return _rows(file)
    if kind == "ndjson":
        return _lines(file)
    splitter = ItemsSplitter()
    splitter.feed(b'{"items":')
    while piece := file.read(_PIECE_BYTES):
        splitter.feed(piece)
    return splitter.items


def _lines(file: io.RawIOBase) -> int:
    """Count the lines that are not empty; JSON has no line ends within an item."""
    count, open_line = 0, False
    while piece := file.read(_PIECE_BYTES):
        lines = piece.split(b"\n")
        for line in lines[:-1]:
            count += open_line or bool(line.strip())
            open_line = False
        open_line = open_line or bool(lines[-1].strip())
    return count + open_line


def _rows(file: io.RawIOBase) -> int:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - FOOTER_TAIL_BYTES))
    length = footer_bytes(file.read(FOOTER_TAIL_BYTES) or b"", size)
    file.seek(size - FOOTER_TAIL_BYTES - length)
    return read_counts(file.read(length) or b"", size).rows
