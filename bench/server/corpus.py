"""Real text and vectors of it, without a model: the Python sources of this environment.

A chunk is twenty lines of a source file. Its vector hashes the chunk's terms, weighted by their
rarity, onto 384 numbers: near texts have near vectors, and the neighborhoods are as uneven as real
ones. The same environment gives the same corpus.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coco_core.bm25 import TermVector, term_vector
from coco_core.types import Chunk, ChunkKind, Span
from coco_server.store.chunks import ChunkRow, DocumentRow

DIMENSION = 384
LINES = 20


@dataclass(frozen=True)
class Text:
    doc_id: str
    ordinal: int
    content: str


@dataclass(frozen=True)
class Corpus:
    texts: list[Text]
    terms: list[TermVector]
    vectors: NDArray[np.float32]

    def rows(self, start: int, end: int) -> list[ChunkRow]:
        return [
            ChunkRow(
                doc_id=text.doc_id,
                ordinal=text.ordinal,
                chunk_id=f"{text.doc_id}:{text.ordinal}",
                chunk=chunk_of(text),
                terms=terms,
                vector=vector,
            )
            for text, terms, vector in zip(
                self.texts[start:end], self.terms[start:end], self.vectors[start:end], strict=True
            )
        ]

    def documents(self, start: int, end: int) -> list[DocumentRow]:
        """Documents whose first chunk stands in the range; ids differ from range to range."""
        counts: dict[str, int] = {}
        for text in self.texts[start:end]:
            counts[text.doc_id] = counts.get(text.doc_id, 0) + 1
        return [DocumentRow(doc_id, "", count) for doc_id, count in counts.items()]


def texts() -> Iterator[Text]:
    """Chunks of all sources, file by file."""
    root = Path(sysconfig.get_path("purelib"))
    for path in sorted(root.rglob("*.py")):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            continue
        name = path.relative_to(root).as_posix()
        for ordinal in range(len(lines) // LINES):
            content = "\n".join(lines[ordinal * LINES : (ordinal + 1) * LINES])
            if len(content) > 200 and "\0" not in content:
                yield Text(name, ordinal, content[:2000])


def chunk_of(text: Text) -> Chunk:
    lines = (1 + text.ordinal * LINES, (1 + text.ordinal) * LINES)
    return Chunk(
        kind=ChunkKind.TEXT,
        text=text.content,
        span=Span(*lines, 0, 0),
        language="python",
        token_count=len(text.content) // 4,
    )


def terms_of(text: Text) -> TermVector:
    return term_vector(text.doc_id, Chunk.plain(text.content))


def vectors_of(terms: list[TermVector]) -> NDArray[np.float32]:
    """float32[n, 384], L2-normalised."""
    ids = np.concatenate([each.ids for each in terms])
    counts = np.concatenate([each.frequencies[:, 2] for each in terms]).astype(np.float32)
    rows = np.repeat(np.arange(len(terms)), [len(each.ids) for each in terms])
    _, inverse, documents = np.unique(ids, return_inverse=True, return_counts=True)
    rare = np.log(1 + len(terms) / documents)[inverse]
    weights = np.log1p(counts) * rare
    vectors = np.zeros((len(terms), DIMENSION), np.float32)
    # Each term points to four places, so that two terms rarely mean the same.
    for turn in range(4):
        mixed = ids * np.uint64(0x9E3779B97F4A7C15 + 2 * turn) >> np.uint64(20)
        sign = np.where(mixed & np.uint64(1), 1.0, -1.0)
        place = ((mixed >> np.uint64(1)) % np.uint64(DIMENSION)).astype(np.int64)
        np.add.at(vectors, (rows, place), (weights * sign).astype(np.float32))
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(norms, 1e-9)).astype(np.float32)


@cache
def corpus(size: int) -> Corpus:
    """The first ``size`` chunks of the environment."""
    found = list(islice(texts(), size))
    if len(found) < size:
        raise SystemExit(f"This environment has {len(found)} chunks of source, not {size}.")
    # Files follow each other by package; tenants shall not each have one package.
    order = np.random.default_rng(7).permutation(len(found))
    found = [found[i] for i in order]
    terms = [terms_of(text) for text in found]
    return Corpus(found, terms, vectors_of(terms))


@dataclass(frozen=True)
class Question:
    text: str
    vector: NDArray[np.float32]


def questions(of: Corpus, count: int, start: int = 0, end: int | None = None) -> list[Question]:
    """Questions of six words out of one chunk each, with a vector near that chunk's."""
    random = np.random.default_rng(11)
    found: list[Question] = []
    places = random.integers(start, end or len(of.texts), count)
    for place in places.tolist():
        words = [word for word in of.texts[place].content.split() if word.isidentifier()]
        picked = random.choice(words, 6) if words else ["import"]
        noise = random.normal(0, 0.03, DIMENSION)
        vector = of.vectors[place] + noise
        found.append(
            Question(" ".join(picked), (vector / np.linalg.norm(vector)).astype(np.float32))
        )
    return found
