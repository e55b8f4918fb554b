"""From the bytes of a file to its chunks: the one way in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from coco_core.chunking.code import cut_code
from coco_core.chunking.labels import label_code, plain_chunks
from coco_core.chunking.layout import CharRange, Layout, lay_out
from coco_core.chunking.outline import outline_of
from coco_core.chunking.readers import READERS
from coco_core.chunking.sections import cut_sections, label_sections
from coco_core.chunking.text import cut_fixed, cut_lines, cut_recursive, with_overlap, without_blank
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
    layout = lay_out(source, config, tokenizer)
    reader = READERS.get(tongue.name)
    sections = reader(layout) if reader is not None else None
    if sections is not None:
        pieces = _fixed_pieces(layout, config) or cut_sections(layout, sections)
        return ChunkedDocument(
            tongue.name,
            tuple(label_sections(layout, tongue, sections, pieces)),
            sections.title,
            sections.metadata,
            parsed=True,
            encoding=source.encoding,
        )
    chunks = _parsed_chunks(layout, tongue, config)
    if chunks is not None:
        return ChunkedDocument(tongue.name, tuple(chunks), parsed=True, encoding=source.encoding)
    pieces = _fixed_pieces(layout, config) or _text_pieces(layout)
    return ChunkedDocument(
        tongue.name,
        tuple(plain_chunks(layout, tongue, pieces)),
        encoding=source.encoding,
    )


def _parsed_chunks(layout: Layout, tongue: Language, config: ChunkingConfig) -> list[Chunk] | None:
    if len(layout.source.data) > _MAX_PARSED_BYTES:
        return None
    grammar = grammar_for(tongue.name)
    if grammar is None:
        return None
    utf8 = layout.source.utf8
    syntax = grammar.parse(utf8)
    if syntax is None:
        return None
    outline = outline_of(layout, utf8, syntax)
    pieces = _fixed_pieces(layout, config) or cut_code(layout, outline, syntax)
    return label_code(layout, tongue, outline, pieces)


def _fixed_pieces(layout: Layout, config: ChunkingConfig) -> list[CharRange] | None:
    if config.strategy_name == "fixed_token":
        return cut_fixed(layout)
    if config.strategy_name == "recursive_char":
        return cut_recursive(layout)
    return None


def _text_pieces(layout: Layout) -> list[CharRange]:
    size = max(layout.size - layout.overlap, 1)
    pieces = cut_lines(layout, 0, layout.lines.count, size)
    return with_overlap(layout, without_blank(layout.text, pieces))
