"""What the readers of Office files share: they are zip archives of XML, which may be damaged."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

from coco_core.errors import CocoError, Unreadable

__all__ = ["OfficeKind", "office_kind", "reading"]

OfficeKind = str

# What is packed smaller than that by a factor of thousands is an attack, or at least no document.
_LARGEST_UNPACKED = 1024 * 1024 * 1024
_MAIN_PARTS = {"word/": "DOCX", "ppt/": "PPTX", "xl/": "XLSX"}


def office_kind(content: bytes) -> OfficeKind | None:
    """Return which kind of Office file an archive is; None if it is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
    except Exception:  # noqa: BLE001 - what is damaged raises anything; here it is only no archive
        return None
    for start, kind in _MAIN_PARTS.items():
        if any(name.startswith(start) for name in names):
            return kind
    return None


@contextmanager
def reading(content: bytes, kind: OfficeKind) -> Iterator[io.BytesIO]:
    """Yield the file for a reader, and make whatever the reader raises an error of the row.

    Raises:
        Unreadable: The file is damaged, or no file of this kind.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > _LARGEST_UNPACKED:
            raise Unreadable(
                f"The {kind} file unpacks to {size} bytes; at most {_LARGEST_UNPACKED} are read.",
                hint="Split the document.",
            )
        yield io.BytesIO(content)
    except CocoError:
        raise
    except Exception as error:
        # Readers of damaged files raise what they stumble over: KeyError, XMLSyntaxError, and more.
        raise Unreadable(
            f"The {kind} file cannot be read: {type(error).__name__}: {error}.",
            hint=f"Check that it is a complete {kind} file; open it and save it again.",
        ) from error
