"""Server mode's executors over the conformance corpus, on a real database."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from coco_core.intent import SearchIntent
from coco_core.plan import Wanted
from coco_core.ports import SearchExecutor
from coco_core.query import Query
from coco_core.types import ExecutorAnswer, FloatVector
from coco_server.search.pg import PgExecutor
from coco_server.store import chunks, configs, orgs, projects, sealing, versions
from coco_server.store.session import Database
from coco_server.store.versions import Version
from tests.conformance.corpus import DIMENSION, Document
from tests.postgres_server import fresh_database

ORG = "org_conformance"


class PgInTransaction:
    """Opens a transaction for each search, as the service does."""

    def __init__(self, database: Database, version: Version) -> None:
        self._database = database
        self._version = version

    def search(
        self,
        intent: SearchIntent,
        query: Query,
        query_vector: FloatVector | None,
        wanted: Wanted,
    ) -> ExecutorAnswer:
        with self._database.tenant(ORG) as session:
            return PgExecutor(session, self._version).search(intent, query, query_vector, wanted)


@cache
def conformance_database() -> Database:
    database = Database(fresh_database()).open()
    with database.system() as session:
        orgs.create(session, "Conformance", org_id=ORG)
    with database.tenant(ORG) as session:
        configs.register(session, "default", {}, dimension=DIMENSION, fingerprint="")
    return database


def pg(documents: Sequence[Document], without_vectors: frozenset[str]) -> SearchExecutor:
    """Build each version once: hundreds of examples ask the same one."""
    database = conformance_database()
    what = (frozenset(document.doc_id for document in documents), without_vectors)
    if what not in _versions:
        _versions[what] = build(database, documents, without_vectors)
    return PgInTransaction(database, _versions[what])


_versions: dict[tuple[frozenset[str], frozenset[str]], Version] = {}


def build(
    database: Database, documents: Sequence[Document], without_vectors: frozenset[str]
) -> Version:
    """Load the documents into a version, one batch for each."""
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
            chunks.append(session, version, [stored], rows)
        return sealing.seal(session, version)


def chunk_rows(document: Document, *, with_vectors: bool) -> list[chunks.ChunkRow]:
    parts = zip(document.facts, document.terms, document.vectors, strict=True)
    return [
        chunks.ChunkRow(
            doc_id=document.doc_id,
            ordinal=ordinal,
            chunk_id=f"{facts.key}",
            content=f"chunk {facts.key}",
            content_hash="",
            terms=terms,
            vector=vector if with_vectors else None,
            kind=facts.kind,
            language=facts.language,
            symbol=facts.symbol,
            definitions=facts.definitions,
            start_line=facts.start_line,
            end_line=facts.end_line,
            token_count=facts.token_count,
            changed_at=document.changed_at,
        )
        for ordinal, (facts, terms, vector) in enumerate(parts)
    ]
