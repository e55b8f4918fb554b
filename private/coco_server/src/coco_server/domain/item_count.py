"""Item count of an import, taken before it is parsed, for quotas and progress."""

from __future__ import annotations

import io

from coco_core.errors import InvalidInput
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
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(file).num_rows)
    except (pa.ArrowInvalid, OSError) as error:
        raise InvalidInput(
            f"The body is not Parquet: {str(error)[:200]}.", hint="Send one complete file."
        ) from error
