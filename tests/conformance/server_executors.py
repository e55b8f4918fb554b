"""Server mode's executors over the conformance corpus, on a real database."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import cache

from coco_core.search.ports import SearchExecutor
from coco_core.search.request import SearchRequest
from coco_core.types import CandidateSet, Chunk, ChunkMetadata, Definition, FloatVector, Span
from coco_server.search.pg import PgExecutor
from coco_server.search.qdrant import QdrantExecutor
from coco_server.store import (
    chunks,
    configs,
    merging,
    orgs,
    projects,
    sealing,
    segments,
    versions,
)
from coco_server.store.qdrant import QdrantVectors
from coco_server.store.session import Database, TenantSession
from coco_server.store.tables import in_version
from coco_server.store.vectors import PgVectors, VectorStore
from coco_server.store.versions import Version
from tests.conformance.corpus import DIMENSION, Document
from tests.postgres_server import fresh_database
from tests.qdrant_server import API_KEY, new_prefix, qdrant_server

ORG = "org_conformance"


class InTransaction:
    """Opens a transaction for each search, as the service does."""

    def __init__(
        self, version: Version, executor: Callable[[TenantSession, Version], SearchExecutor]
    ) -> None:
        self._version = version
        self._executor = executor

    def search(self, request: SearchRequest, query_vector: FloatVector | None) -> CandidateSet:
        with conformance_database().read_transaction(ORG) as session:
            executor = self._executor(session, self._version)
            return executor.search(request, query_vector)


@cache
def conformance_database() -> Database:
    database = Database(fresh_database()).open()
    with database.system() as session:
        orgs.create(session, "Conformance", org_id=ORG)
    with database.tenant(ORG) as session:
        configs.register(session, "default", {}, dimension=DIMENSION, fingerprint="")
    return database


def pg_segments(documents: Sequence[Document], without_vectors: frozenset[str]) -> SearchExecutor:
    """PgExecutor on a version of several segments that holds these documents."""
    return of_segments(documents, without_vectors, PgVectors(), PgExecutor)


def qdrant_segments(
    documents: Sequence[Document], without_vectors: frozenset[str]
) -> SearchExecutor:
    """QdrantExecutor on such a version."""
    vectors = qdrant_vectors()
    return of_segments(
        documents,
        without_vectors,
        vectors,
        lambda session, version: QdrantExecutor(session, version, vectors),
    )


def of_segments(
    documents: Sequence[Document],
    without_vectors: frozenset[str],
    vectors: VectorStore,
    executor: Callable[[TenantSession, Version], SearchExecutor],
) -> SearchExecutor:
    """Merge documents three times, so that most are copies of removed ones, and name their keys.

    A copy is the same text: so the weights, which are those of the first segment, are the oracle's.
    """
    what = (frozenset(each.doc_id for each in documents), without_vectors, vectors.in_database)
    if what not in _merged:
        version = built(documents, without_vectors, vectors)
        for part in (documents[::2], documents[1:3], documents[:1]):
            version = merge(version, part, without_vectors, vectors)
        _merged[what] = version
    version = _merged[what]
    with conformance_database().tenant(ORG) as session:
        rows = session.connection.execute(
            in_version("SELECT chunk_key, chunk_id FROM {source_chunks}", version.parts)
        ).fetchall()
    names = {key: int(chunk_id) for key, chunk_id in rows}
    return Renamed(InTransaction(version, executor), names)


_merged: dict[tuple[frozenset[str], frozenset[str], bool], Version] = {}


def merge(
    base: Version,
    documents: Sequence[Document],
    without_vectors: frozenset[str],
    vectors: VectorStore,
) -> Version:
    with conformance_database().tenant(ORG) as session:
        versions.activate(session, base.project_id, base.version_id)
        version = merging.begin(session, base.project_id, "default")
        for document in documents:
            rows = chunk_rows(document, with_vectors=document.doc_id not in without_vectors)
            stored = chunks.DocumentRow(document.doc_id, "", len(rows))
            chunks.append(session, version, [stored], rows, vectors=vectors)
            segments.remove_documents(session, version, [document.doc_id])
        return sealing.seal(session, version, vectors=vectors)


class Renamed:
    """Names chunks by the keys of the oracle, which a merge does not keep."""

    def __init__(self, executor: SearchExecutor, names: dict[int, int]) -> None:
        self._executor = executor
        self._names = names

    def search(self, request: SearchRequest, query_vector: FloatVector | None) -> CandidateSet:
        found = self._executor.search(request, query_vector)
        named = [
            replace(each, metadata=replace(each.metadata, key=self._names[each.metadata.key]))
            for each in found.candidates
        ]
        return replace(
            found,
            candidates=sorted(named, key=lambda each: each.metadata.key),
            promising=[self._names[key] for key in found.promising],
        )


def pg(documents: Sequence[Document], without_vectors: frozenset[str]) -> SearchExecutor:
    """PgExecutor on a version of these documents."""
    return InTransaction(built(documents, without_vectors, PgVectors()), PgExecutor)


def qdrant(documents: Sequence[Document], without_vectors: frozenset[str]) -> SearchExecutor:
    """QdrantExecutor on a version of these documents."""
    vectors = qdrant_vectors()
    return InTransaction(
        built(documents, without_vectors, vectors),
        lambda session, version: QdrantExecutor(session, version, vectors),
    )


@cache
def qdrant_vectors() -> QdrantVectors:
    opened = ExitStack()
    atexit.register(opened.close)
    url = opened.enter_context(qdrant_server())
    return opened.enter_context(closing(QdrantVectors(url, prefix=new_prefix(), api_key=API_KEY)))


_versions: dict[tuple[frozenset[str], frozenset[str], bool], Version] = {}


def built(
    documents: Sequence[Document], without_vectors: frozenset[str], vectors: VectorStore
) -> Version:
    """Load the documents into a version, each version once: hundreds of examples ask it."""
    names = frozenset(document.doc_id for document in documents)
    what = (names, without_vectors, vectors.in_database)
    if what not in _versions:
        _versions[what] = build(documents, without_vectors, vectors)
    return _versions[what]


def build(
    documents: Sequence[Document], without_vectors: frozenset[str], vectors: VectorStore
) -> Version:
    database = conformance_database()
    with database.tenant(ORG) as session:
        project = projects.register(
            session,
            f"corpus:{len(_versions)}",
            name="corpus",
            platform="test",
            config_id="default",
        )
        version = versions.create(session, project.project_id, "default")
        for document in documents:
            rows = chunk_rows(document, with_vectors=document.doc_id not in without_vectors)
            stored = chunks.DocumentRow(document.doc_id, "", len(rows))
            chunks.append(session, version, [stored], rows, vectors=vectors)
        return sealing.seal(session, version, vectors=vectors)


def chunk_rows(document: Document, *, with_vectors: bool) -> list[chunks.ChunkRow]:
    parts = zip(document.facts, document.terms, document.vectors, strict=True)
    return [
        chunks.ChunkRow(
            doc_id=document.doc_id,
            ordinal=ordinal,
            chunk_id=f"{facts.key}",
            chunk=chunk_of(facts),
            terms=terms,
            vector=vector if with_vectors else None,
            changed_at=document.changed_at,
        )
        for ordinal, (facts, terms, vector) in enumerate(parts)
    ]


def chunk_of(facts: ChunkMetadata) -> Chunk:
    return Chunk(
        kind=facts.kind,
        text=f"chunk {facts.key}",
        span=Span(facts.start_line, facts.end_line, 0, 0),
        language=facts.language,
        symbol=facts.symbol,
        definitions=tuple(Definition(path, facts.kind, 1) for path in facts.definitions),
        token_count=facts.token_count,
    )
