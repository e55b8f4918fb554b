"""Orgs and projects for tests of the store, each by itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from coco_core.bm25 import term_vector
from coco_core.configs import DEFAULT_CONFIG, IndexingConfig
from coco_core.types import Chunk, FloatVector, text_hash
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
from coco_server.store.session import Database, TenantSession
from coco_server.store.vectors import PgVectors, VectorStore
from coco_server.store.versions import Version

DIMENSION = 8


@dataclass(frozen=True)
class Tenant:
    database: Database
    org_id: str
    project_id: str
    vectors: VectorStore = field(default_factory=PgVectors)

    def session(self) -> AbstractContextManager[TenantSession]:
        return self.database.tenant(self.org_id)

    def begin(self) -> Version:
        with self.session() as session:
            return versions.create(session, self.project_id, DEFAULT_CONFIG.config_id)

    def begin_merge(self) -> Version:
        with self.session() as session:
            return merging.begin(session, self.project_id, DEFAULT_CONFIG.config_id)

    def fill(self, version: Version, texts: dict[str, str]) -> None:
        """Add one chunk for each text; a merge replaces the documents of these names."""
        with self.session() as session:
            chunks.append(session, version, *rows(texts), items=len(texts), vectors=self.vectors)
            segments.remove_documents(session, version, list(texts))

    def seal(self, version: Version) -> Version:
        with self.session() as session:
            return sealing.seal(session, version, vectors=self.vectors)

    def build(self, texts: dict[str, str]) -> Version:
        version = self.begin()
        self.fill(version, texts)
        return self.seal(version)

    def merge(
        self, texts: dict[str, str], deletes: Collection[str] = (), *, activate: bool = True
    ) -> Version:
        version = self.begin_merge()
        self.fill(version, texts)
        with self.session() as session:
            segments.remove_documents(session, version, list(deletes))
        ready = self.seal(version)
        if not activate:
            return ready
        with self.session() as session:
            active = merging.activate(session, ready, None)
        assert active is not None
        return active

    def activate(self, version: Version, **expected: str | None) -> Version:
        with self.session() as session:
            return versions.activate(session, self.project_id, version.version_id, **expected)

    def version(self, version: Version) -> Version:
        """The version as it is now."""
        with self.session() as session:
            return versions.get(session, self.project_id, version.version_id)

    def active(self) -> str | None:
        with self.session() as session:
            return projects.get(session, self.project_id).active_version_id


def new_tenant(database: Database, name: str = "Acme") -> Tenant:
    with database.system() as session:
        org = orgs.create(session, name)
    with database.tenant(org.org_id) as session:
        project = register_project(session, DEFAULT_CONFIG, name=name)
    return Tenant(database, org.org_id, project.project_id)


def register_project(
    session: TenantSession,
    config: IndexingConfig,
    dimension: int = DIMENSION,
    *,
    source_ref: str = "kb:one",
    name: str = "One",
) -> projects.Project:
    """Register a config, and a project with it."""
    register_config(session, config, dimension)
    return projects.register(
        session, source_ref, name=name, platform="test", config_id=config.config_id
    )


def register_config(
    session: TenantSession, config: IndexingConfig, dimension: int = DIMENSION
) -> None:
    fields = config.to_dict()
    configs.register(
        session, config.config_id, fields, dimension=dimension, fingerprint=config.fingerprint
    )


def rows(
    texts: Mapping[str, str], allow: Mapping[str, tuple[str, ...]] | None = None
) -> tuple[list[chunks.DocumentRow], list[chunks.ChunkRow]]:
    """Return documents with a chunk each; ``allow`` has the lists of those that have one."""
    lists = allow or {}
    documents = [
        chunks.DocumentRow(doc_id, text_hash(text), 1, allow=lists.get(doc_id))
        for doc_id, text in texts.items()
    ]
    return documents, [chunk_row(doc_id, text, vector_of(text)) for doc_id, text in texts.items()]


def chunk_row(doc_id: str, text: str, vector: FloatVector, **more: Any) -> chunks.ChunkRow:
    """Return the only chunk of a document."""
    return chunks.ChunkRow(
        doc_id=doc_id,
        ordinal=0,
        chunk_id=f"{doc_id}:0",
        chunk=Chunk.plain(text),
        # The beginning of a long text is enough to be found by.
        terms=term_vector(doc_id, Chunk.plain(text[:1000])),
        vector=vector,
        **more,
    )


def vector_of(text: str) -> FloatVector:
    """Not normalised: the store does that."""
    seed = int(text_hash(text)[:8], 16)
    return np.random.default_rng(seed).normal(size=DIMENSION).astype(np.float32) * 3
