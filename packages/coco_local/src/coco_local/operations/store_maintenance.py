"""Store maintenance: sizes, pruning, orphans."""

from __future__ import annotations

import shutil
import time

from coco_embed.disk_usage import disk_usage
from coco_local.indexing.indexer import ProjectIndexer
from coco_local.projects.registry import ProjectRegistry
from coco_local.settings import Settings
from coco_local.store.database import Database
from coco_local.store.documents import DocumentStore
from coco_local.store.embeddings import EmbeddingCache
from coco_protocol.system import PruneData, PruneRequest

__all__ = ["StoreMaintenance"]

# Embeddings that no index uses are kept this long by default: a branch may come back.
_KEEP_DAYS = 30.0


class StoreMaintenance:
    """Measures the stores, and removes what no project needs."""

    def __init__(
        self,
        database: Database,
        cache: EmbeddingCache,
        registry: ProjectRegistry,
        settings: Settings,
    ) -> None:
        self._database = database
        self._cache = cache
        self._registry = registry
        self._vectors = settings.vector_dir
        self._sized_at = 0.0
        self._lance_bytes = 0

    def index_bytes(self) -> int:
        """Return what all stores occupy on disk; LanceDB is measured every few seconds."""
        now = time.monotonic()
        if now - self._sized_at > 10.0:
            self._sized_at = now
            self._lance_bytes = disk_usage(self._vectors)
        return self._database.size_bytes() + self._cache.size_bytes() + self._lance_bytes

    def store_stats(self) -> dict[str, int]:
        """Return counts of LanceDB's rows, versions and fragments over all projects."""
        indexers = self._registry.indexers()
        totals = {"lance_rows": 0, "lance_versions": 0, "lance_fragments": 0, "unflushed": 0}
        totals["indexes"] = len(indexers)
        for indexer in indexers:
            totals["unflushed"] += indexer.index.unflushed
            stats = indexer.index.lance_stats()
            if stats is not None:
                totals["lance_rows"] += stats.rows
                totals["lance_versions"] += stats.versions
                totals["lance_fragments"] += stats.fragments
        totals["cached_embeddings"] = self._cache.count()
        return totals

    def size_of(self, indexer: ProjectIndexer) -> int:
        """Return what an index occupies: its tables, and its share of the database.

        Its checkpoint is left out: it comes and goes with stops and quiet moments, and a
        comparison of two indexes would say which of them had one.
        """
        chunks = sum(i.index.memory.chunk_count for i in self._registry.indexers())
        share = indexer.index.memory.chunk_count / chunks if chunks else 0.0
        tables = (self._vectors / indexer.index.index_id).glob("*.lance")
        return sum(map(disk_usage, tables)) + round(share * self._database.size_bytes())

    def remove_index(self, indexer: ProjectIndexer) -> None:
        """Remove everything that was stored for an index."""
        indexer.index.store.delete_all()
        shutil.rmtree(self._vectors / indexer.index.index_id, ignore_errors=True)

    def prune(self, request: PruneRequest) -> PruneData:
        """Remove unused embeddings and the indexes of projects that are no longer registered."""
        days = request.older_than_days if request.older_than_days is not None else _KEEP_DAYS
        before = self._cache.size_bytes()
        in_use = {key for i in self._registry.indexers() for key in i.index.embed_keys()}
        embeddings = self._cache.prune(time.time() - days * 86_400, in_use, dry_run=request.dry_run)
        freed = before - self._cache.size_bytes()
        indexes = documents = 0
        if request.orphans:
            kept = {indexer.index.index_id for indexer in self._registry.indexers()}
            indexes, documents, size = self._prune_orphans(kept, dry_run=request.dry_run)
            freed += size
        return PruneData(
            embeddings=embeddings,
            indexes=indexes,
            documents=documents,
            bytes=max(0, freed),
            dry_run=request.dry_run,
        )

    def _prune_orphans(self, kept: set[str], *, dry_run: bool) -> tuple[int, int, int]:
        orphaned = {
            path.name: disk_usage(path)
            for path in (self._vectors.iterdir() if self._vectors.is_dir() else ())
            if path.is_dir() and path.name not in kept
        }
        ids = DocumentStore.index_ids(self._database) - kept
        documents = 0
        for index_id in ids | orphaned.keys():
            store = DocumentStore(self._database, index_id)
            documents += store.count()
            if not dry_run:
                store.delete_all()
                shutil.rmtree(self._vectors / index_id, ignore_errors=True)
        return len(ids | orphaned.keys()), documents, sum(orphaned.values())
