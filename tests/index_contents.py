"""What an index holds once its daemon has ended, for comparing two indexes of the same files."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from coco_local.home import CocoHome
from coco_local.store.lance import LanceStore

# Of the only model that these tests embed with.
_DIMENSION = 384


@dataclass(frozen=True, slots=True)
class ChunkRecord:
    """A chunk as both stores know it together; keys are left out, for they differ by history."""

    chunk_id: str
    start_line: int
    end_line: int
    content_hash: str
    terms: bytes


@dataclass(frozen=True, slots=True)
class IndexContents:
    """All chunks of one index by document, in order."""

    documents: dict[str, tuple[ChunkRecord, ...]]
    orphans: int
    """Rows of LanceDB that no chunk owns."""
    vectors: int

    @property
    def chunks(self) -> int:
        return sum(map(len, self.documents.values()))


def index_contents(home: Path, fingerprint: str = "") -> IndexContents:
    """Read an index of a home whose daemon does not run: the only one, or that of a config.

    A chunk without exactly one row of terms fails here: it could never be found.
    """
    places = CocoHome(home)
    (directory,) = (path for path in places.vectors.glob(f"*{fingerprint}") if path.is_dir())
    lance = LanceStore(directory, _DIMENSION)
    assert not lance.rebuilt
    terms = dict(_terms(lance))
    vectors = lance.load_vectors().keys.tolist()
    assert len(vectors) == len(set(vectors)), "a chunk has two vectors"
    documents: dict[str, list[ChunkRecord]] = {}
    known: set[int] = set()
    with closing(sqlite3.connect(places.database)) as connection:
        for doc_id, key, *fields in connection.execute(_QUERY, (directory.name,)):
            records = documents.setdefault(os.fsdecode(doc_id), [])
            if key is not None:
                known.add(key)
                chunk_id, start_line, end_line, content_hash = fields
                found = ChunkRecord(chunk_id, start_line, end_line, content_hash, terms[key])
                records.append(found)
    return IndexContents(
        {doc_id: tuple(records) for doc_id, records in documents.items()},
        orphans=len((terms.keys() | set(vectors)) - known),
        vectors=len(known & set(vectors)),
    )


_QUERY = """
    SELECT documents.doc_id, chunks.key, chunk_id, start_line, end_line, chunks.content_hash
    FROM documents LEFT JOIN chunks ON chunks.document_key = documents.key
    WHERE index_id = ?
    ORDER BY documents.doc_id, chunks.key
"""


def _terms(lance: LanceStore) -> Iterator[tuple[int, bytes]]:
    table = lance.load_terms()
    keys = table.keys.tolist()
    assert len(keys) == len(set(keys)), "a chunk has two rows of terms"
    for row, key in enumerate(keys):
        part = slice(int(table.indptr[row]), int(table.indptr[row + 1]))
        raw = table.ids[part].tobytes() + table.frequencies[part].tobytes()
        yield key, hashlib.blake2b(raw + table.lengths[row].tobytes(), digest_size=8).digest()
