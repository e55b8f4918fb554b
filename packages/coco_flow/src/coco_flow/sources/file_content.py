"""Contents of files as rows: their schema, and text from bytes."""

from __future__ import annotations

import codecs

from coco_flow.errors import RowFailed
from coco_flow.ports import Row, SourceSchema
from coco_flow.types.schema import BasicValueType, EnrichedValueType, FieldSchema

__all__ = ["FileContent", "basic_field", "content_field", "decode_text"]

# CocoIndex's name of the attribute that refers to the field with the file's name.
_CONTENT_FILENAME = "cocoindex.io/content_filename"

# A byte-order mark decides the encoding; none of these begins another.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class FileContent:
    """How a source of files presents them: one key field, one content field."""

    __slots__ = ("_binary", "_strict", "options", "schema")

    def __init__(self, *, binary: bool, strict: bool = False) -> None:
        """Present bytes, or text; `strict` refuses what is not text in its encoding."""
        self._binary = binary
        self._strict = strict
        self.schema = SourceSchema(
            key=(basic_field("filename", "Str"),), value=(content_field(binary, filename_index=0),)
        )
        self.options = {"binary": binary, "strict": strict}

    def row(self, data: bytes, filename: str) -> Row:
        """Return the value fields of a file.

        Raises:
            RowFailed: The content is not text, and should be.
        """
        return [data if self._binary else decode_text(data, filename, strict=self._strict)]


def basic_field(name: str, kind: str, *, nullable: bool = False) -> FieldSchema:
    """Return a field of a basic type."""
    return FieldSchema(name, EnrichedValueType(BasicValueType(kind), nullable=nullable))


def content_field(binary: bool, *, filename_index: int) -> FieldSchema:
    """Return the content's field, which refers to the row's field that holds its file name."""
    reference = {_CONTENT_FILENAME: {"local": {"fields_idx": [filename_index]}}}
    kind = BasicValueType("Bytes" if binary else "Str")
    return FieldSchema("content", EnrichedValueType(kind, attrs=reference))


def decode_text(data: bytes, filename: str, *, strict: bool = False) -> str:
    """Decode by the byte-order mark, else as UTF-8; what is not valid becomes U+FFFD.

    Raises:
        RowFailed: `strict` is set and the bytes are not valid in their encoding.
    """
    encoding = "utf-8"
    for mark, marked in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            encoding, data = marked, data[len(mark) :]
            break
    try:
        return data.decode(encoding, "strict" if strict else "replace")
    except UnicodeDecodeError as error:
        raise RowFailed(
            f"{filename!r} is not valid {encoding.upper()}: {error.reason} at byte {error.start}.",
            hint="Exclude the file, read it with binary=True, or leave out strict=True.",
        ) from error
