"""File pipeline: reads, chunks, and analyzes one file; writes nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from coco_core.bm25 import term_vector
from coco_core.chunking import chunk_document
from coco_core.configs import ChunkingConfig
from coco_core.errors import Unreadable
from coco_core.ports import Tokenizer
from coco_core.relocation import fingerprint
from coco_core.types import Chunk, chunk_ids
from coco_local.scan import Reason, refuse_content
from coco_local.source.regular_file import open_regular
from coco_local.store.documents import PreparedChunk, PreparedDocument
from coco_local.store.embeddings import embed_key

__all__ = ["FileContent", "prepare", "prepared_chunk", "read_file"]


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file as it was at one moment."""

    data: bytes
    size: int
    mtime_ns: int
    digest: bytes
    """16 bytes of BLAKE2b"""


def read_file(path: Path, max_bytes: int) -> FileContent | None:
    """Read a regular file; None when it does not exist.

    Raises:
        Unreadable: it is no regular text file, too large, or cannot be opened.
    """
    try:
        opened = open_regular(path)
        if opened is None:
            raise Unreadable("not a regular file")
        file, before = opened
        with file:
            if before.st_size > max_bytes:
                raise Unreadable(Reason.TOO_LARGE)
            data = file.readall()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from error
    refused = refuse_content(path.name, data)
    if refused is not None:
        raise Unreadable(refused)
    # A file that grows while it is read gets the size of what was read: the next look finds a
    # difference and reads it again.
    digest = hashlib.blake2b(data, digest_size=16).digest()
    return FileContent(data, len(data), before.st_mtime_ns, digest)


def prepare(
    doc_id: str, content: FileContent, config: ChunkingConfig, tokenizer: Tokenizer | None
) -> PreparedDocument:
    """Divide a file into chunks with terms, keys and fingerprints."""
    chunked = chunk_document(doc_id, content.data, config, tokenizer)
    ids = chunk_ids(doc_id, [chunk.content_hash for chunk in chunked.chunks])
    return PreparedDocument(
        doc_id=doc_id,
        size=content.size,
        mtime_ns=content.mtime_ns,
        content_hash=content.digest,
        language=chunked.language,
        encoding=chunked.encoding,
        chunks=tuple(
            prepared_chunk(doc_id, chunk, chunk_id)
            for chunk, chunk_id in zip(chunked.chunks, ids, strict=True)
        ),
    )


def prepared_chunk(doc_id: str, chunk: Chunk, chunk_id: str) -> PreparedChunk:
    """Return a chunk with terms, keys and fingerprint."""
    return PreparedChunk(
        chunk=chunk,
        chunk_id=chunk_id,
        embed_key=embed_key(chunk),
        fingerprint=fingerprint(chunk.text),
        terms=term_vector(doc_id, chunk),
    )
