"""The indexes of one project: the active one, which answers, and secondary ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import structlog

from coco_core.configs import DEFAULT_CONFIG, ChunkingConfig, IndexingConfig
from coco_core.errors import ConfigNotFound, Conflict
from coco_embed.static import STATIC_MODEL
from coco_embed.store import DEFAULT_MODEL
from coco_local.git.owner import repository_of
from coco_local.index.project import ProjectIndex
from coco_local.indexing.context import IndexContext
from coco_local.indexing.feed import ProjectFeed
from coco_local.indexing.indexer import ProjectIndexer
from coco_local.scan import ProjectScan
from coco_local.store.database import Database
from coco_local.store.indexes import IndexStore, StoredDefaults
from coco_local.store.projects import ConfigStore, Project, ProjectStore

__all__ = ["IndexDeps", "ProjectIndexes"]

log = structlog.get_logger(__name__)

# The static table has its rows by the word pieces of the model that it was fitted to.
_SAME_PIECES = frozenset({DEFAULT_MODEL, STATIC_MODEL})


@dataclass(frozen=True, slots=True)
class IndexDeps:
    """What the indexes of every project depend on."""

    database: Database
    projects: ProjectStore
    configs: ConfigStore
    indexes: IndexStore
    context: IndexContext
    busy: Callable[[bool], bool]
    """Whether an active index has more to do than a slice of work; or, with True, is not even
    compared with the disk."""
    relatives: Callable[[ProjectIndexes], Sequence[ProjectIndexes]]
    """The projects whose files are other work trees of the same repository."""


class ProjectIndexes:
    """One project with its indexes; changed by one thread at a time, read by any.

    Configs of equal content name one index: whoever compares them compares nothing.
    """

    def __init__(self, project: Project, deps: IndexDeps) -> None:
        """Open every index that the project has; nothing is read yet."""
        self.project = self._with_config(project, deps)
        self.repository = repository_of(project.root)
        """What all work trees of the project's repository share; None without one."""
        self.defaults = deps.indexes.defaults(project.project_id)
        self._deps = deps
        self._feed = ProjectFeed(
            project.root, deps.context.settings.home.cookies / project.project_id
        )
        self._known = deps.indexes.of(project.project_id)
        self._by_fingerprint: dict[str, ProjectIndexer] = {}
        self._fingerprints: dict[str, str] = {}
        for config_id in dict.fromkeys((self.project.config_id, *self._known)):
            self._reopen(config_id)

    # --- what there is -------------------------------------------------------------------------

    @property
    def active(self) -> ProjectIndexer:
        """The index that a query goes to when it names none."""
        return self._by_fingerprint[self._fingerprints[self.project.config_id]]

    def all(self) -> list[ProjectIndexer]:
        """Return every index, the active one first."""
        active = self.active
        return [active, *(i for i in list(self._by_fingerprint.values()) if i is not active)]

    def by_config(self) -> list[tuple[str, ProjectIndexer]]:
        """Return every config that names an index, with the index; the active one's first."""
        known = sorted(self._fingerprints, key=lambda name: name != self.project.config_id)
        return [(name, self._by_fingerprint[self._fingerprints[name]]) for name in known]

    def find(self, config_id: str) -> ProjectIndexer | None:
        """Return the index under a config, if there is one."""
        fingerprint = self._fingerprints.get(config_id)
        return self._by_fingerprint[fingerprint] if fingerprint is not None else None

    def named(self, config_id: str | None) -> ProjectIndexer:
        """Return the index under a config; None names the active one.

        Raises:
            ConfigNotFound: there is no such config, or no index under it.
        """
        found = self.active if config_id is None else self.find(config_id)
        if found is not None:
            return found
        assert config_id is not None
        self._deps.configs.get(config_id)
        known = ", ".join(repr(name) for name, _ in self.by_config())
        raise ConfigNotFound(
            f"The project {self.project.name!r} has no index under {config_id!r}.",
            hint=f"Build it: coco index --config {config_id}  There is one under {known}.",
        )

    # --- changes -------------------------------------------------------------------------------

    def add(self, config_id: str) -> ProjectIndexer:
        """Return the index under a config; a new one is secondary, and empty.

        Raises:
            ConfigNotFound: there is no such config.
            InvalidConfig: it names a model that does not exist.
            Unavailable: the server behind its model does not say how long its vectors are.
        """
        known = self.find(config_id)
        if known is not None:
            return known
        config = self._deps.configs.get(config_id).config
        dimension = self._deps.context.models.dimension(config.embedding)
        self._deps.indexes.add(self.project.project_id, config_id, dimension)
        return self._open(config, dimension)

    def drop(self, config_id: str) -> ProjectIndexer | None:
        """Drop an index; returns what the caller closes and removes, if no other config names it.

        Raises:
            ConfigNotFound: there is no index under the config.
            Conflict: it is the active one.
        """
        indexer = self.named(config_id)
        if config_id == self.project.config_id:
            raise Conflict(
                f"{config_id!r} is the active index of {self.project.name!r}.",
                hint="Activate another one first: coco experiment adopt, or PUT "
                "/v1/projects/{id}/defaults.",
            )
        if self.defaults.pending_config_id == config_id:
            self.set_defaults(replace(self.defaults, pending_config_id=None))
        self._deps.indexes.remove(self.project.project_id, config_id)
        fingerprint = self._fingerprints.pop(config_id)
        if fingerprint in self._fingerprints.values():
            return None
        del self._by_fingerprint[fingerprint]
        return indexer

    def activate(self, config_id: str) -> None:
        """Make an index the active one; the one before becomes secondary."""
        # A project from before there could be several has no record of its first one.
        dimension = self.active.index.memory.matrix.dimension
        self._deps.indexes.add(self.project.project_id, self.project.config_id, dimension)
        self._deps.indexes.activate(self.project.project_id, config_id)
        self.defaults = replace(self.defaults, pending_config_id=None)
        self._use(replace(self.project, config_id=config_id))

    def set_defaults(self, new: StoredDefaults) -> None:
        """Store what queries take for what they leave out, and which index will be active."""
        self._deps.indexes.set_defaults(self.project.project_id, new)
        self.defaults = new

    def join(self) -> None:
        """Let paths lead to a project that was standalone."""
        self._deps.projects.join(self.project.project_id)
        self._use(replace(self.project, standalone=False))

    # --- coordination (coco_local.indexing.context.IndexCoordinator) ---------------------------

    def chunk_sources(self, indexer: ProjectIndexer) -> Sequence[ProjectIndexer]:
        """Return the other indexes with the same chunks, also of other work trees."""
        key = _chunking_key(indexer.index.config)
        projects = [self, *self._deps.relatives(self)]
        others = [i for project in projects for i in project.all() if i is not indexer]
        return [i for i in others if _chunking_key(i.index.config) == key]

    def should_defer(self, indexer: ProjectIndexer, *, loading: bool) -> bool:
        """Whether an active index comes first, or one whose chunks this one will reuse."""
        if not indexer.secondary:
            return False
        if self._deps.busy(loading):
            return True
        if loading:
            return False
        earlier = takewhile(lambda other: other is not indexer, self.all())
        key = _chunking_key(indexer.index.config)
        # An index that fails is tried again later, and must not block the others.
        return any(
            i.pending and i.error is None for i in earlier if _chunking_key(i.index.config) == key
        )

    def record_indexed(self, indexer: ProjectIndexer, at: float) -> None:
        """Store when the active index was last up to date."""
        if not indexer.secondary:
            self._deps.projects.record_indexed(self.project.project_id, at)

    # --- making one ----------------------------------------------------------------------------

    @staticmethod
    def _with_config(project: Project, deps: IndexDeps) -> Project:
        """Return the project under a config that exists: versions before this one lost some."""
        try:
            deps.configs.get(project.config_id)
        except ConfigNotFound:
            log.warning("config_lost", project=project.name, config=project.config_id)
            deps.indexes.activate(project.project_id, DEFAULT_CONFIG.config_id)
            return replace(project, config_id=DEFAULT_CONFIG.config_id)
        return project

    def _reopen(self, config_id: str) -> None:
        try:
            config = self._deps.configs.get(config_id).config
        except ConfigNotFound:
            log.warning("index_without_config", project=self.project.name, config=config_id)
            return
        dimension = self._known.get(config_id)
        if dimension is None:
            dimension = self._deps.context.models.dimension(config.embedding)
        self._open(config, dimension)

    def _open(self, config: IndexingConfig, dimension: int) -> ProjectIndexer:
        fingerprint = config.fingerprint
        found = self._by_fingerprint.get(fingerprint)
        if found is None:
            settings = self._deps.context.settings
            index = ProjectIndex(
                index_id=f"{self.project.project_id}-{fingerprint}",
                config=config,
                database=self._deps.database,
                vectors=settings.vector_dir,
                dimension=dimension,
            )
            scan = ProjectScan(self.project.root, settings)
            found = ProjectIndexer(
                self.project, index, scan, self._feed, context=self._deps.context, coordinator=self
            )
            found.secondary = config.config_id != self.project.config_id
            self._by_fingerprint[fingerprint] = found
        self._known[config.config_id] = dimension
        self._fingerprints[config.config_id] = fingerprint
        return found

    def _use(self, project: Project) -> None:
        self.project = project
        active = self.active
        for indexer in self.all():
            indexer.project = project
            indexer.secondary = indexer is not active


def _chunking_key(config: IndexingConfig) -> tuple[ChunkingConfig, str]:
    """Return what decides about chunks: sizes in tokens depend on the model's word pieces."""
    if config.chunking.strategy_name != "fixed_token":
        return config.chunking, ""
    name = config.embedding.model_name
    return config.chunking, DEFAULT_MODEL if name in _SAME_PIECES else name
