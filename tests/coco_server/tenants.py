"""Orgs and projects for tests of the store, each by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from coco_core.bm25 import term_vector
from coco_core.configs import DEFAULT_CONFIG
from coco_core.types import Chunk, text_hash
from coco_server.store import chunks, configs, orgs, projects, sealing, versions
from coco_server.store.session import Database
from coco_server.store.versions import Version

DIMENSION = 8


@dataclass(frozen=True)
class Tenant:
    database: Database
    org_id: str
    project_id: str

    def begin(self) -> Version:
        with self.database.tenant(self.org_id) as session:
            return versions.create(session, self.project_id, DEFAULT_CONFIG.config_id)

    def fill(self, version: Version, texts: dict[str, str]) -> None:
        """Add one chunk for each text."""
        with self.database.tenant(self.org_id) as session:
            chunks.append(session, version, *rows(texts), items=len(texts))

    def seal(self, version: Version) -> Version:
        with self.database.tenant(self.org_id) as session:
            return sealing.seal(session, version)

    def build(self, texts: dict[str, str]) -> Version:
        """Build a version that is READY."""
        version = self.begin()
        self.fill(version, texts)
        return self.seal(version)

    def activate(self, version: Version, **expected: str | None) -> Version:
        with self.database.tenant(self.org_id) as session:
            return versions.activate(session, self.project_id, version.version_id, **expected)

    def version(self, version: Version) -> Version:
        """The version as it is now."""
        with self.database.tenant(self.org_id) as session:
            return versions.get(session, self.project_id, version.version_id)

    def active(self) -> str | None:
        with self.database.tenant(self.org_id) as session:
            return projects.get(session, self.project_id).active_version_id


def new_tenant(database: Database, name: str = "Acme") -> Tenant:
    with database.system() as session:
        org = orgs.create(session, name)
    with database.tenant(org.org_id) as session:
        config = DEFAULT_CONFIG
        configs.register(
            session,
            config.config_id,
            config.to_dict(),
            dimension=DIMENSION,
            fingerprint=config.fingerprint,
        )
        project = projects.register(
            session, "kb:handbook", name=name, platform="test", config_id=config.config_id
        )
    return Tenant(database, org.org_id, project.project_id)


def rows(texts: dict[str, str]) -> tuple[list[chunks.DocumentRow], list[chunks.ChunkRow]]:
    documents = [chunks.DocumentRow(doc_id, text_hash(text), 1) for doc_id, text in texts.items()]
    return documents, [
        chunks.ChunkRow(
            doc_id=doc_id,
            ordinal=0,
            chunk_id=f"{doc_id}:0",
            chunk=Chunk.plain(text),
            terms=term_vector(doc_id, Chunk.plain(text)),
            vector=vector_of(text),
        )
        for doc_id, text in texts.items()
    ]


def vector_of(text: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Not normalised: the store does that."""
    seed = int(text_hash(text)[:8], 16)
    return np.random.default_rng(seed).normal(size=DIMENSION).astype(np.float32) * 3
