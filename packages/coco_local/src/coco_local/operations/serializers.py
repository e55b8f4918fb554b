"""Serializers: projects, indexes and configs as answers on the wire."""

from __future__ import annotations

from coco_local.indexing.indexer import ProjectIndexer
from coco_local.operations.store_maintenance import StoreMaintenance
from coco_local.projects.indexes import ProjectIndexes
from coco_local.store.projects import StoredConfig
from coco_protocol.configs import ChunkingBody, ConfigBody, EmbeddingBody
from coco_protocol.projects import IndexBody, IndexList, ProjectBody, SkippedFile

__all__ = ["config_body", "index_list", "missing_vectors", "project_body"]

# Skipped files that are listed with a project; all of them are counted.
_SKIPPED_SHOWN = 20


def missing_vectors(indexer: ProjectIndexer) -> int:
    """Return how many chunks of an index have no vector of its model."""
    memory = indexer.index.memory
    return memory.chunk_count - memory.embedded_count


def project_body(project: ProjectIndexes) -> ProjectBody:
    """Return a project with the states of its active and its secondary indexes."""
    indexer = project.active
    memory = indexer.index.memory
    skipped = sorted(indexer.files.skipped.items())
    watch = indexer.watch
    return ProjectBody(
        project_id=project.project.project_id,
        name=project.project.name,
        root=str(project.project.root),
        state=indexer.state,
        config_id=project.project.config_id,
        files=len(memory.documents),
        files_total=indexer.files_total,
        chunks=memory.chunk_count,
        embedded=memory.embedded_count,
        pending_files=indexer.pending,
        skipped=len(skipped),
        skipped_files=[
            SkippedFile(path=path, reason=reason) for path, reason in skipped[:_SKIPPED_SHOWN]
        ],
        watch=watch.mode.value,
        watch_hint=watch.hint,
        indexed_at=indexer.indexed_at,
        error=indexer.error,
        standalone=project.project.standalone,
        secondary_indexes=[
            _index_body(project, config_id, found)
            for config_id, found in project.by_config()
            if config_id != project.project.config_id
        ],
    )


def index_list(project: ProjectIndexes, maintenance: StoreMaintenance) -> IndexList:
    """Return every index of a project with its size, the active one first."""
    return IndexList(
        indexes=[
            _index_body(project, config_id, found, maintenance.size_of(found))
            for config_id, found in project.by_config()
        ]
    )


def _index_body(
    project: ProjectIndexes, config_id: str, indexer: ProjectIndexer, size: int = 0
) -> IndexBody:
    memory = indexer.index.memory
    return IndexBody(
        config_id=config_id,
        fingerprint=indexer.index.config.fingerprint,
        active=indexer is project.active,
        state=indexer.state,
        files=len(memory.documents),
        chunks=memory.chunk_count,
        embedded=memory.embedded_count,
        pending_files=indexer.pending,
        index_bytes=size,
        error=indexer.error,
        notice=indexer.model.notice,
    )


def config_body(stored: StoredConfig) -> ConfigBody:
    """Return an indexing config."""
    config = stored.config
    data = config.to_dict()
    return ConfigBody(
        config_id=config.config_id,
        fingerprint=config.fingerprint,
        chunking=ChunkingBody.model_validate(data["chunking"]),
        embedding=EmbeddingBody.model_validate(data["embedding"]),
        created_at=stored.created_at,
    )
