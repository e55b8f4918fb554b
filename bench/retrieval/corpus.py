"""A repository's chunks, terms and vectors in arrays, kept in a folder between runs.

Empty the folder after a change of the chunker, the analyzer or the embedder.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.retrieval.codesearch import Repository, repositories
from coco_core.bm25 import CorpusStats, TermVector, term_scores, term_vector
from coco_core.chunking import chunk_document
from coco_core.configs import ChunkingConfig
from coco_core.header import embedding_text, split_identifiers
from coco_core.languages import LanguageKind, detect_language, named_language
from coco_core.ports import Embedder
from coco_core.query import Query
from coco_core.search.promising import promising_chunks
from coco_core.search.request import SearchRequest
from coco_core.tokens import term_id
from coco_core.types import (
    Candidate,
    CandidateSet,
    Chunk,
    ChunkMetadata,
    FloatMatrix,
    FloatVector,
)
from coco_embed.onnx import OnnxEmbedder
from coco_embed.store import DEFAULT_MODEL, ModelStore

# What the product indexes: source code, documents, configuration; no data, no lock files.
_KINDS = (LanguageKind.CODE, LanguageKind.DOCS, LanguageKind.CONFIG)

_LARGEST_FILE = 1 << 20


@dataclass(frozen=True, slots=True)
class Prepared:
    """What of a repository goes to a file."""

    metadata: list[ChunkMetadata]
    terms: list[TermVector]
    embedding_texts: list[str]
    texts: list[str]


@dataclass
class Corpus:
    """An executor over one repository; without vectors it answers by keywords."""

    metadata: Sequence[ChunkMetadata]
    terms: Sequence[TermVector]
    vectors: FloatMatrix | None = None
    query_vectors: dict[str, FloatVector] = field(default_factory=dict)
    embedding_texts: Sequence[str] = ()
    texts: Sequence[str] = ()

    def __post_init__(self) -> None:
        ids = np.concatenate([vector.ids for vector in self.terms])
        rows = np.repeat(np.arange(len(self.terms)), [len(vector.ids) for vector in self.terms])
        frequencies = np.concatenate([vector.frequencies for vector in self.terms])
        order = np.argsort(ids, kind="stable")
        self._ids, self._rows, self._frequencies = ids[order], rows[order], frequencies[order]
        self._lengths = np.array([vector.lengths for vector in self.terms], dtype=np.float32)
        self._stats = CorpusStats(len(self.terms), self._lengths.mean(axis=0))
        self._defining: dict[str, list[int]] = {}
        for row, each in enumerate(self.metadata):
            for path in each.definitions:
                name = path.rpartition(".")[2].casefold()
                self._defining.setdefault(name, []).append(row)

    def query_vector(self, text: str) -> FloatVector | None:
        """Return the vector of a question of the set."""
        return self.query_vectors.get(text.strip())

    def search(self, request: SearchRequest, query_vector: FloatVector | None) -> CandidateSet:
        """Find and score candidates, as any `SearchExecutor` does; none is filtered."""
        query, limits = request.query, request.limits
        keyword = self._keyword(query)
        holding = {term: self._postings(term)[0] for term in query.wording.terms}
        promising = promising_chunks(query.wording, holding, keyword, None, len(self.metadata))
        picked = set(promising.rows)
        picked |= {int(row) for row in _best(keyword, limits.keyword) if keyword[row] > 0}
        vector = None
        if self.vectors is not None and query_vector is not None and limits.vector:
            vector = self.vectors @ query_vector
            picked.update(_best(vector, limits.vector).tolist())
        for name in limits.definitions:
            picked.update(self._defining.get(name.casefold(), ()))
        named = set(self._postings(query.name)[0].tolist()) if query.name else set()
        return CandidateSet(
            [
                Candidate(
                    self.metadata[row],
                    float(keyword[row]),
                    None if vector is None else float(vector[row]),
                    exact_name_match=row in named,
                )
                for row in sorted(picked)
            ],
            vector_coverage=0.0 if vector is None else 1.0,
            total=len(self.metadata),
            filtered=len(self.metadata),
            frequencies=promising.frequencies,
            promising=promising.rows,
        )

    def texts_of(self, candidates: Sequence[Candidate]) -> list[str]:
        """Return the texts of candidates, in order."""
        return [self.texts[each.metadata.key] for each in candidates]

    def _keyword(self, query: Query) -> FloatVector:
        scores = np.zeros(len(self.metadata), dtype=np.float32)
        for term in query.terms:
            rows, frequencies = self._postings(term)
            if len(rows):
                scores[rows] += term_scores(
                    self._stats, len(rows), frequencies, self._lengths[rows]
                )
        return scores

    def _postings(self, term: str) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        number = np.uint64(term_id(term))
        low, high = np.searchsorted(self._ids, [number, number + np.uint64(1)])
        return self._rows[low:high], self._frequencies[low:high]


def _best(scores: FloatVector, count: int) -> NDArray[np.int64]:
    return np.argsort(-scores, kind="stable")[:count]


def corpora(
    questions: Path, checkouts: Path, cache: Path, models: Path | None, only: set[str]
) -> Iterator[tuple[Repository, Corpus]]:
    """Yield each repository with its corpus; what the cache lacks is made and kept there."""
    cache.mkdir(parents=True, exist_ok=True)
    embedder = _embedder(models) if models is not None else None
    for repository in repositories(questions, checkouts, only):
        prepared = _prepared(repository, cache)
        corpus = Corpus(
            prepared.metadata,
            prepared.terms,
            embedding_texts=prepared.embedding_texts,
            texts=prepared.texts,
        )
        if embedder is not None:
            corpus.vectors = _vectors(repository, prepared, embedder, cache)
            corpus.query_vectors = {
                text: embedder.embed_query(split_identifiers(text))
                for text in (str(question["query"]).strip() for question in repository.questions)
            }
        yield repository, corpus


def _embedder(models: Path) -> Embedder:
    installed = ModelStore(models).find(DEFAULT_MODEL)
    if installed is None:
        raise SystemExit(f"{DEFAULT_MODEL} is not installed in {models}; run: coco setup")
    return OnnxEmbedder(installed)


def _prepared(repository: Repository, cache: Path) -> Prepared:
    kept = cache / f"{repository.name}.prepared"
    if kept.exists():
        return Prepared(*pickle.loads(kept.read_bytes()))
    prepared = Prepared([], [], [], [])
    for doc_id, chunk in _chunks(repository.root):
        _add(prepared, doc_id, chunk)
    kept.write_bytes(
        pickle.dumps((prepared.metadata, prepared.terms, prepared.embedding_texts, prepared.texts))
    )
    return prepared


def _vectors(
    repository: Repository, prepared: Prepared, embedder: Embedder, cache: Path
) -> FloatMatrix:
    kept = cache / f"{repository.name}.npy"
    if kept.exists():
        vectors: FloatMatrix = np.load(kept).astype(np.float32)
        return vectors
    print(f"{repository.name}: embedding {len(prepared.metadata)} chunks", flush=True)
    distinct = {text: place for place, text in enumerate(dict.fromkeys(prepared.embedding_texts))}
    rows = [distinct[text] for text in prepared.embedding_texts]
    made = embedder.embed_documents(list(distinct))[rows]
    np.save(kept, made.astype(np.float16))
    return made


def _chunks(root: Path) -> Iterator[tuple[str, Chunk]]:
    for path in sorted(root.rglob("*")):
        if not path.is_file() or ".git/" in path.as_posix() or path.stat().st_size > _LARGEST_FILE:
            continue
        doc_id = path.relative_to(root).as_posix()
        data = path.read_bytes()
        known = named_language(detect_language(doc_id, data[:1024]))
        if b"\0" in data[:4096] or known is None or known.kind not in _KINDS:
            continue
        for chunk in chunk_document(doc_id, data, ChunkingConfig()).chunks:
            yield doc_id, chunk


def _add(prepared: Prepared, doc_id: str, chunk: Chunk) -> None:
    prepared.metadata.append(ChunkMetadata.of(len(prepared.metadata), doc_id, chunk))
    prepared.terms.append(term_vector(doc_id, chunk))
    prepared.embedding_texts.append(embedding_text(doc_id, chunk))
    prepared.texts.append(chunk.text)
