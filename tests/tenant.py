"""An org with a project in a real database, and imports into it, as the API service makes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from coco_core.configs import ChunkingConfig, EmbeddingConfig, IndexingConfig
from coco_core.plan import IndexingPlan
from coco_server.jobs import queue
from coco_server.jobs.payload import ImportFormat, IngestPayload, OnError
from coco_server.jobs.records import DONE_STATES, Job
from coco_server.store import orgs, rules, segments, versions
from coco_server.store.activations import Intent
from coco_server.store.blobs import BlobStore
from coco_server.store.session import Database
from coco_server.store.tables import in_version
from tests.coco_server.tenants import register_project
from tests.waiting import until

DIMENSION = 16

CONFIG = IndexingConfig(
    config_id="small",
    chunking=ChunkingConfig(chunk_size=64),
    embedding=EmbeddingConfig(model_name="hashing", max_tokens=64),
)


@dataclass(frozen=True)
class Tenant:
    """One org with one project."""

    database: Database
    blobs: BlobStore
    org_id: str
    project_id: str
    config: IndexingConfig = CONFIG

    @classmethod
    def create(
        cls,
        database: Database,
        blobs: BlobStore,
        *,
        config: IndexingConfig = CONFIG,
        dimension: int = DIMENSION,
        limits: Mapping[str, object] | None = None,
    ) -> Tenant:
        with database.system() as session:
            org = orgs.create(session, "Acme", limits=limits)
        with database.tenant(org.org_id) as session:
            project = register_project(session, config, dimension)
        return cls(database, blobs, org.org_id, project.project_id, config)

    def ndjson(self, items: Iterable[object]) -> str:
        """Store items; return their reference."""
        body = "".join(json.dumps(item) + "\n" for item in items).encode()
        return self.blobs.put_bytes(self.org_id, "ndjson", body).ref

    def parquet(self, table: pa.Table, **options: int) -> str:
        """Store rows; return their reference."""
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, **options)
        return self.blobs.put_bytes(self.org_id, "parquet", sink.getvalue().to_pybytes()).ref

    def rule(self, module: bytes) -> str:
        """Register a text rule without a check; return its reference."""
        stored = self.blobs.put_bytes(self.org_id, rules.MODULE_SUFFIX, module)
        with self.database.tenant(self.org_id) as session:
            return rules.register(session, "rule", stored).wasm_module_ref

    def enqueue(
        self,
        ref: str,
        *,
        format: ImportFormat = "ndjson",
        on_error: OnError = "skip",
        activate: bool = True,
        force: bool = False,
        began: Intent | None = None,
        wasm_module_ref: str | None = None,
        max_attempts: int = 5,
    ) -> Job:
        """Create a version and the job that builds it, in one transaction."""
        payload = IngestPayload(
            blob_ref=ref,
            format=format,
            plan=IndexingPlan(config=self.config),
            on_error=on_error,
            wasm_module_ref=wasm_module_ref,
            activate=activate,
            force=force,
            began=began,
        )
        with self.database.tenant(self.org_id) as session:
            version = versions.create(session, self.project_id, self.config.config_id)
            return queue.enqueue(
                session,
                project_id=self.project_id,
                kind="import",
                payload=payload.to_dict(),
                version_id=version.version_id,
                max_attempts=max_attempts,
            )

    def merge(
        self,
        ref: str,
        *,
        deletes: Iterable[str] = (),
        format: ImportFormat = "ndjson",
        on_error: OnError = "skip",
        activate: bool = True,
        max_attempts: int = 5,
    ) -> Job:
        """Create a job that merges; it makes its version when it begins."""
        payload = IngestPayload(
            blob_ref=ref,
            format=format,
            plan=IndexingPlan(config=self.config),
            on_error=on_error,
            activate=activate,
            mode="merge",
            deletes=tuple(deletes),
        )
        with self.database.tenant(self.org_id) as session:
            return queue.enqueue(
                session,
                project_id=self.project_id,
                kind="import",
                payload=payload.to_dict(),
                config_id=self.config.config_id,
                merge=True,
                max_attempts=max_attempts,
            )

    def job(self, job_id: str) -> Job:
        """Return a job as it is now."""
        with self.database.tenant(self.org_id) as session:
            return queue.get(session, self.project_id, job_id)

    def ended(self, job: Job, seconds: float = 60) -> Job:
        """Wait until a job has ended."""

        def look() -> Job | None:
            found = self.job(job.job_id)
            return found if found.state in DONE_STATES else None

        return until(look, seconds)

    def succeeded(self, job: Job) -> versions.Version:
        """Wait until a job has succeeded; return the version that answers now."""
        done = self.ended(job)
        assert done.state == "succeeded", done.error
        active = self.active()
        assert active is not None
        return active

    def version(self, version_id: str | None) -> versions.Version:
        """Return a version as it is now."""
        assert version_id is not None
        with self.database.tenant(self.org_id) as session:
            return versions.get(session, self.project_id, version_id)

    def active(self) -> versions.Version | None:
        with self.database.tenant(self.org_id) as session:
            return versions.active(session, self.project_id)

    def rows(
        self, version: versions.Version, columns: str = "doc_id, ordinal, content"
    ) -> list[Any]:
        """Return all chunks of a version that are not removed, in order."""
        with self.database.tenant(self.org_id) as session:
            removed = segments.layout(session, version).removed
            return session.connection.execute(
                in_version(
                    f"SELECT {columns} FROM {{source_chunks}} WHERE NOT chunk_key = ANY(%s) "
                    "ORDER BY doc_id, ordinal",
                    version.parts,
                ),
                (removed.tolist(),),
            ).fetchall()
