"""Turns one item into chunks with everything that the store wants but the vector."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from coco_core.bm25 import term_vector
from coco_core.chunking import EstimatedTokenizer, chunk_document
from coco_core.configs import ChunkingConfig
from coco_core.header import embedding_text
from coco_core.languages import detect_language, named_language
from coco_core.ports import Tokenizer
from coco_core.types import Chunk, chunk_ids
from coco_server.store.chunks import ChunkRow, DocumentRow
from coco_server.store.reuse import CutDocument
from coco_worker.items.item import Item, Part

__all__ = ["UNCHANGED", "ChunkedItem", "chunk_item", "embedding_texts"]


@dataclass(frozen=True, slots=True)
class ChunkedItem:
    """What an item becomes in the store."""

    document: DocumentRow | None
    """None when the document came with an earlier item."""
    chunks: tuple[ChunkRow, ...]
    content_bytes: int
    parsed: bool
    """Whether it was cut here, and did not arrive so."""
    reused: int = 0
    """Chunks whose vector an earlier version had."""
    unchanged: bool = False
    """Whether the base of a merge holds it as it was sent: then nothing is written."""


UNCHANGED = ChunkedItem(None, (), 0, parsed=False, unchanged=True)
"""A document that a merge leaves as it is."""


def chunk_item(
    item: Item,
    config: ChunkingConfig,
    tokenizer: Tokenizer | None,
    earlier: CutDocument | None = None,
) -> ChunkedItem:
    """Cut an item as the config says, or take its chunks as they arrived or were cut before.

    Args:
        item: what was sent.
        config: how to cut.
        tokenizer: what counts tokens; without it they are estimated.
        earlier: the same document, as an earlier version has it.
    """
    if earlier is not None:
        title, chunks = item.title or earlier.title, _cut_before(item, earlier)
        content = item.content
    elif item.parts:
        title, chunks = item.title, _arrived(item)
        content = "\0".join(part.chunk.text for part in item.parts)
    else:
        title, chunks = _chunk(item, config, tokenizer)
        content = item.content
    data = content.encode("utf-8", "replace")
    document = DocumentRow(
        doc_id=item.doc_id,
        content_hash=hashlib.blake2b(data, digest_size=16).hexdigest(),
        chunk_count=len(chunks),
        source_ref=item.source_ref or None,
        title=title or None,
        meta={} if item.parts else item.meta.extra,
        allow=item.allow,
        keeps_allow=item.keeps_allow,
        item_hash=item.hashed,
    )
    return ChunkedItem(
        document if item.first else None,
        chunks,
        len(data),
        parsed=not item.parts and earlier is None,
        reused=sum(each.vector is not None for each in chunks) if earlier is not None else 0,
    )


def embedding_texts(chunks: list[ChunkRow]) -> list[str]:
    """Return what the model reads of each chunk."""
    return [embedding_text(each.doc_id, each.chunk) for each in chunks]


def _chunk(
    item: Item, config: ChunkingConfig, tokenizer: Tokenizer | None
) -> tuple[str, tuple[ChunkRow, ...]]:
    data = item.content.encode("utf-8", "replace")
    cut = chunk_document(_path(item), data, config, tokenizer)
    ids = chunk_ids(item.doc_id, [chunk.content_hash for chunk in cut.chunks])
    rows = tuple(
        _row(item, ordinal, chunk_id, replace(chunk, language=cut.language))
        for ordinal, (chunk, chunk_id) in enumerate(zip(cut.chunks, ids, strict=True))
    )
    return item.title or cut.title, rows


def _cut_before(item: Item, earlier: CutDocument) -> tuple[ChunkRow, ...]:
    return tuple(
        replace(_row(item, ordinal, chunk_id, chunk), vector=vector)
        for ordinal, (chunk_id, chunk, vector) in enumerate(earlier.chunks)
    )


def _arrived(item: Item) -> tuple[ChunkRow, ...]:
    language = item.language and _language_name(item.language)
    language = language or detect_language(item.doc_id)
    return tuple(_arrived_chunk(item, part, language) for part in item.parts)


def _arrived_chunk(item: Item, part: Part, language: str) -> ChunkRow:
    chunk = replace(
        part.chunk,
        language=language,
        token_count=EstimatedTokenizer().count(part.chunk.text),
    )
    # The sender's ordinal tells equal texts of one document apart.
    (chunk_id,) = chunk_ids(f"{item.doc_id}#{part.ordinal}", [chunk.content_hash])
    row = _row(item, part.ordinal, chunk_id, chunk)
    return replace(row, vector=part.vector, meta=item.meta.extra)


def _row(item: Item, ordinal: int, chunk_id: str, chunk: Chunk) -> ChunkRow:
    return ChunkRow(
        doc_id=item.doc_id,
        ordinal=ordinal,
        chunk_id=chunk_id,
        chunk=chunk,
        terms=term_vector(item.doc_id, chunk),
        vector=None,
        quality=item.meta.quality_score,
        verified=item.meta.verified,
        tags=item.meta.tags,
        changed_at=item.meta.changed_at,
    )


def _path(item: Item) -> str:
    """Return a path whose name tells the language that the sender named."""
    language = named_language(item.language) if item.language else None
    if language is None or detect_language(item.doc_id) == language.name:
        return item.doc_id
    if language.extensions:
        return item.doc_id + language.extensions[0]
    if language.filenames:
        return f"{item.doc_id}/{language.filenames[0].rstrip('*')}"
    return item.doc_id


def _language_name(name: str) -> str:
    language = named_language(name)
    return language.name if language is not None else ""
