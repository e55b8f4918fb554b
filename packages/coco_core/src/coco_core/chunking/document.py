"""Entry point of chunking: a file's bytes in, its chunks out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from coco_core.chunking.chunk_builder import build_code_chunks, build_plain_chunks
from coco_core.chunking.code import split_code
from coco_core.chunking.line_table import CharRange, LineTable, measure_lines
from coco_core.chunking.outline import outline_of
from coco_core.chunking.readers import READERS
from coco_core.chunking.sections import label_sections, split_sections
from coco_core.chunking.text import (
    split_fixed,
    split_lines,
    split_recursive,
    with_overlap,
    without_blank,
)
from coco_core.configs import ChunkingConfig
from coco_core.decoding import decode
from coco_core.languages import Language, detect_language, language
from coco_core.languages.grammars import grammar_for
from coco_core.ports import Tokenizer
from coco_core.types import Chunk

__all__ = ["ChunkedDocument", "chunk_document"]

# Generated files above this are not worth a parse; they are cut as text.
_MAX_PARSED_BYTES = 4_194_304

# What detection may need of the content: a shebang, a mode line, the includes of a header.
_HEAD_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class ChunkedDocument:
    """A document and its chunks, in order; without overlap they concatenate to the decoded file.

    A file of nothing but white space has no chunks.
    """

    language: str
    chunks: tuple[Chunk, ...]
    title: str = ""
    metadata: Mapping[str, object] = field(default_factory=dict)
    """Front matter of a document."""
    parsed: bool = False
    """False when the file was cut as plain text."""
    encoding: str = "utf-8"


def chunk_document(
    path: str, data: bytes, config: ChunkingConfig, tokenizer: Tokenizer | None = None
) -> ChunkedDocument:
    """Cut a file; any input has an answer.

    Args:
        path: the file's path with ``/``; its name tells the language.
        data: the file as it is on disk.
        config: strategy, size and overlap.
        tokenizer: counts tokens; without it they are estimated.
    """
    source = decode(data)
    tongue = language(detect_language(path, data[:_HEAD_BYTES]))
    if not source.text or source.text.isspace():
        return ChunkedDocument(tongue.name, (), encoding=source.encoding)
    table = measure_lines(source, config, tokenizer)
    reader = READERS.get(tongue.name)
    sections = reader(table) if reader is not None else None
    if sections is not None:
        pieces = _fixed_pieces(table, config) or split_sections(table, sections)
        return ChunkedDocument(
            tongue.name,
            tuple(label_sections(table, tongue, sections, pieces)),
            sections.title,
            sections.metadata,
            parsed=True,
            encoding=source.encoding,
        )
    chunks = _parsed_chunks(table, tongue, config)
    if chunks is not None:
        return ChunkedDocument(tongue.name, tuple(chunks), parsed=True, encoding=source.encoding)
    pieces = _fixed_pieces(table, config) or _text_pieces(table)
    return ChunkedDocument(
        tongue.name,
        tuple(build_plain_chunks(table, tongue, pieces)),
        encoding=source.encoding,
    )


def _parsed_chunks(
    table: LineTable, tongue: Language, config: ChunkingConfig
) -> list[Chunk] | None:
    if len(table.source.data) > _MAX_PARSED_BYTES:
        return None
    grammar = grammar_for(tongue.name)
    if grammar is None:
        return None
    utf8 = table.source.utf8
    syntax = grammar.parse(utf8)
    if syntax is None:
        return None
    outline = outline_of(table, utf8, syntax)
    pieces = _fixed_pieces(table, config) or split_code(table, outline, syntax)
    return build_code_chunks(table, tongue, outline, pieces)


def _fixed_pieces(table: LineTable, config: ChunkingConfig) -> list[CharRange] | None:
    if config.strategy_name == "fixed_token":
        return split_fixed(table)
    if config.strategy_name == "recursive_char":
        return split_recursive(table)
    return None


def _text_pieces(table: LineTable) -> list[CharRange]:
    size = max(table.size - table.overlap, 1)
    pieces = split_lines(table, 0, table.lines.count, size)
    return with_overlap(table, without_blank(table.text, pieces))
