"""Reuse of chunks that another index made of the same content, in the project or a work tree."""

from __future__ import annotations

from dataclasses import replace

from coco_local.index.project import ProjectIndex
from coco_local.indexing.pipeline import FileContent, prepared_chunk
from coco_local.source.reader import SourceFile
from coco_local.store.documents import IndexedChunk, PreparedChunk, PreparedDocument

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
    known = index.store.document_chunks(doc_id)
    # It may be replaced at this moment: then what is read here is another version's, or half.
    if len(known) != len(entry.rows) or any(c.document_key != document.key for c in known):
        return None
    file = SourceFile(doc_id, content.data, content.size, content.mtime_ns, document.encoding)
    chunks = [_chunk(doc_id, chunk, file) for chunk in known]
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


def _chunk(doc_id: str, known: IndexedChunk, file: SourceFile) -> PreparedChunk | None:
    text = file.text_of(known.chunk)
    if text is None:
        return None
    return prepared_chunk(doc_id, replace(known.chunk, text=text), known.chunk_id)
