"""Embedding cache: vectors by content and model, so that a text is embedded once.

It stands in a file of its own, shared by all projects, so that a worktree, a copy or a branch
switch finds its vectors. Vectors are float16: rounding costs less than 0.001 of cosine and half the
bytes.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from coco_core.types import Chunk, FloatMatrix, FloatVector
from coco_local.store.database import Database

__all__ = ["EMBED_KEY_BYTES", "EmbeddingCache", "embed_key"]

EMBED_KEY_BYTES = 16

# SQLite's default limit of bound values is far above this; smaller batches keep statements cached.
_BATCH = 500

_VERSION = 1

_metadata = MetaData()
_embeddings = Table(
    "embeddings",
    _metadata,
    Column("model", String, primary_key=True),
    Column("key", LargeBinary, primary_key=True),
    Column("vector", LargeBinary, nullable=False),
    Column("used_at", Integer, nullable=False),
    sqlite_with_rowid=False,
)


def embed_key(chunk: Chunk) -> bytes:
    """Return the key of a chunk's embedding, `EMBED_KEY_BYTES` long.

    The path is left out on purpose: a renamed or copied file keeps its vectors, although their
    header still names the place where the text was first seen.
    """
    raw = "\0".join((chunk.content_hash, chunk.symbol, *chunk.heading_trail))
    encoded = raw.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(encoded, digest_size=EMBED_KEY_BYTES).digest()


class EmbeddingCache:
    """Vectors by model and content."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _metadata, _VERSION)

    def find(self, model: str, keys: Iterable[bytes]) -> dict[bytes, FloatVector]:
        """Return the known vectors, float32[d] each."""
        wanted = list(dict.fromkeys(keys))
        found: dict[bytes, FloatVector] = {}
        with self._database.read() as connection:
            for start in range(0, len(wanted), _BATCH):
                statement = select(_embeddings.c.key, _embeddings.c.vector).where(
                    _embeddings.c.model == model,
                    _embeddings.c.key.in_(wanted[start : start + _BATCH]),
                )
                for key, blob in connection.execute(statement):
                    found[key] = np.frombuffer(blob, np.float16).astype(np.float32)
        return found

    def add(self, model: str, keys: Sequence[bytes], vectors: FloatMatrix) -> None:
        """Remember vectors, float32[n, d], of equally many keys."""
        if not keys:
            return
        now = int(time.time())
        halves = vectors.astype(np.float16)
        rows = [
            {"model": model, "key": key, "vector": half.tobytes(), "used_at": now}
            for key, half in zip(keys, halves, strict=True)
        ]
        with self._database.write() as connection:
            connection.execute(insert(_embeddings).on_conflict_do_nothing(), rows)

    def count(self) -> int:
        """Return the number of cached vectors."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(_embeddings)).scalar_one()

    def prune(self, unused_since: float, keep: Collection[bytes], *, dry_run: bool) -> int:
        """Remove vectors from before ``unused_since`` (Unix seconds) that are not in ``keep``."""
        statement = select(_embeddings.c.key).where(_embeddings.c.used_at < int(unused_since))
        with self._database.read() as connection:
            stale = [key for key in connection.execute(statement).scalars() if key not in keep]
        if stale and not dry_run:
            with self._database.write() as connection:
                for start in range(0, len(stale), _BATCH):
                    batch = stale[start : start + _BATCH]
                    connection.execute(delete(_embeddings).where(_embeddings.c.key.in_(batch)))
            self._database.vacuum()
        return len(stale)

    def size_bytes(self) -> int:
        """Return what the cache occupies on disk."""
        return self._database.size_bytes()

    def close(self) -> None:
        """Close the file."""
        self._database.close()
