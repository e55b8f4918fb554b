"""Reuse of chunks that another index of the project made of the same content."""

from __future__ import annotations

from coco_core.types import Chunk, ChunkKind, Definition, Span, text_hash
from coco_local.index.project import ProjectIndex
from coco_local.indexing.pipeline import FileContent, prepared_chunk
from coco_local.source.reader import SourceFile
from coco_local.store.documents import ChunkPlace, PreparedChunk, PreparedDocument

__all__ = ["reuse_chunks"]


def reuse_chunks(index: ProjectIndex, doc_id: str, content: FileContent) -> PreparedDocument | None:
    """Return what ``index`` made of the file, if it knows this very content.

    Places, names and hashes come from its store; terms are counted in the text once more, which
    costs less than reading them for one file.
    """
    entry = index.memory.documents.get(doc_id)
    if entry is None or entry.document.content_hash != content.digest:
        return None
    document = entry.document
    places = index.store.document_places(doc_id)
    # It may be replaced at this moment: then what is read here is another version's, or half.
    if len(places) != len(entry.rows) or any(p.document_key != document.key for p in places):
        return None
    file = SourceFile(doc_id, content.data, content.size, content.mtime_ns, document.encoding)
    chunks = [_chunk(doc_id, place, file) for place in places]
    whole = tuple(chunk for chunk in chunks if chunk is not None)
    if len(whole) < len(chunks):
        return None
    return PreparedDocument(
        doc_id=doc_id,
        size=content.size,
        mtime_ns=content.mtime_ns,
        content_hash=content.digest,
        language=document.language,
        encoding=document.encoding,
        chunks=whole,
    )


def _chunk(doc_id: str, place: ChunkPlace, file: SourceFile) -> PreparedChunk | None:
    text = file.text_at(place)
    if text is None or text_hash(text) != place.content_hash:
        return None
    chunk = Chunk(
        kind=ChunkKind(place.kind),
        text=text,
        span=Span(place.start_line, place.end_line, place.start_byte, place.end_byte),
        language=place.language,
        symbol=place.symbol,
        signature=place.signature,
        definitions=tuple(
            Definition(path, ChunkKind(kind), line) for path, kind, line in place.definitions
        ),
        heading_trail=place.heading_trail,
        fragment=place.fragment,
        token_count=place.token_count,
        content_hash=place.content_hash,
    )
    return prepared_chunk(doc_id, chunk, place.chunk_id)
