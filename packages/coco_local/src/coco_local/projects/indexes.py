"""The indexes of one project: the one that answers, and those beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

import structlog

from coco_core.configs import DEFAULT_CONFIG, ChunkingConfig, IndexingConfig
from coco_core.errors import ConfigNotFound, Conflict
from coco_embed.static import STATIC_MODEL
from coco_embed.store import DEFAULT_MODEL
from coco_local.index.project import ProjectIndex
from coco_local.indexing.context import Shared
from coco_local.indexing.feed import ProjectFeed
from coco_local.indexing.indexer import ProjectIndexer
from coco_local.scan import ProjectScan
from coco_local.store.database import Database
from coco_local.store.indexes import Adopted, IndexStore
from coco_local.store.projects import ConfigStore, Project, ProjectStore

__all__ = ["IndexTools", "ProjectIndexes"]

log = structlog.get_logger(__name__)

# The static table has its rows by the word pieces of the model that it was fitted to.
_SAME_PIECES = frozenset({DEFAULT_MODEL, STATIC_MODEL})


@dataclass(frozen=True, slots=True)
class IndexTools:
    """What the indexes of every project are made with."""

    database: Database
    projects: ProjectStore
    configs: ConfigStore
    indexes: IndexStore
    shared: Shared
    busy: Callable[[bool], bool]
    """Whether an index that answers has more to do than a slice of work; or, with True, is not even
    compared with the disk."""


class ProjectIndexes:
    """One project with its indexes; changed by one thread at a time, read by any.

    Configs of equal content name one index: whoever compares them compares nothing.
    """

    def __init__(self, project: Project, tools: IndexTools, borders: frozenset[Path]) -> None:
        """Open every index that the project has; nothing is read yet."""
        self.project = self._with_config(project, tools)
        self.borders = borders
        self.adopted = tools.indexes.adopted(project.project_id)
        self._tools = tools
        self._feed = ProjectFeed(
            project.root, tools.shared.settings.home.cookies / project.project_id
        )
        self._known = tools.indexes.of(project.project_id)
        self._by_fingerprint: dict[str, ProjectIndexer] = {}
        self._fingerprints: dict[str, str] = {}
        for config_id in dict.fromkeys((self.project.config_id, *self._known)):
            self._reopen(config_id)

    # --- what there is -------------------------------------------------------------------------

    @property
    def active(self) -> ProjectIndexer:
        """The index that answers when a query names none."""
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
        self._tools.configs.get(config_id)
        known = ", ".join(repr(name) for name, _ in self.by_config())
        raise ConfigNotFound(
            f"The project {self.project.name!r} has no index under {config_id!r}.",
            hint=f"Build it: coco index --config {config_id}  There is one under {known}.",
        )

    # --- changes -------------------------------------------------------------------------------

    def add(self, config_id: str) -> ProjectIndexer:
        """Return the index under a config; a new one stands beside the active one, and is empty.

        Raises:
            ConfigNotFound: there is no such config.
            InvalidConfig: it names a model that does not exist.
            Unavailable: the server behind its model does not say how long its vectors are.
        """
        known = self.find(config_id)
        if known is not None:
            return known
        config = self._tools.configs.get(config_id).config
        dimension = self._tools.shared.models.dimension(config.embedding)
        self._tools.indexes.add(self.project.project_id, config_id, dimension)
        return self._open(config, dimension)

    def drop(self, config_id: str) -> ProjectIndexer | None:
        """Take an index out; returns what the caller closes and removes, if nothing else names it.

        Raises:
            ConfigNotFound: there is no index under the config.
            Conflict: it is the active one.
        """
        indexer = self.named(config_id)
        if config_id == self.project.config_id:
            raise Conflict(
                f"{config_id!r} is the index of {self.project.name!r} that answers.",
                hint="Let another one answer first: coco experiment adopt, or PUT "
                "/v1/projects/{id}/defaults.",
            )
        if self.adopted.pending_config_id == config_id:
            self.adopt(replace(self.adopted, pending_config_id=None))
        self._tools.indexes.remove(self.project.project_id, config_id)
        fingerprint = self._fingerprints.pop(config_id)
        if fingerprint in self._fingerprints.values():
            return None
        del self._by_fingerprint[fingerprint]
        return indexer

    def activate(self, config_id: str) -> None:
        """Let an index answer from now on; the one before stays beside it."""
        # A project from before there could be several has no record of its first one.
        dimension = self.active.index.memory.matrix.dimension
        self._tools.indexes.add(self.project.project_id, self.project.config_id, dimension)
        self._tools.indexes.activate(self.project.project_id, config_id)
        self.adopted = replace(self.adopted, pending_config_id=None)
        self._use(replace(self.project, config_id=config_id))

    def adopt(self, new: Adopted) -> None:
        """Remember what queries take for what they leave out, and which index will answer."""
        self._tools.indexes.adopt(self.project.project_id, new)
        self.adopted = new

    def join(self) -> None:
        """Let paths lead to a project that was apart."""
        self._tools.projects.join(self.project.project_id)
        self._use(replace(self.project, apart=False))

    def use_borders(self, borders: frozenset[Path]) -> None:
        """Leave out the projects that are registered inside this one."""
        if borders != self.borders:
            self.borders = borders
            for indexer in self.all():
                indexer.use_borders(borders)

    # --- how the indexes are tied together (coco_local.indexing.context.IndexTies) -------------

    def donors(self, indexer: ProjectIndexer) -> Sequence[ProjectIndexer]:
        """Return the other indexes that are cut in the same way."""
        cut = _cut(indexer.index.config)
        return [i for i in self.all() if i is not indexer and _cut(i.index.config) == cut]

    def gives_way(self, indexer: ProjectIndexer, *, loading: bool) -> bool:
        """Whether an index that answers comes first, or one that this one will copy from."""
        if not indexer.aside:
            return False
        if self._tools.busy(loading):
            return True
        if loading:
            return False
        earlier = takewhile(lambda other: other is not indexer, self.all())
        cut = _cut(indexer.index.config)
        # What fails is tried again later, and holds up nobody.
        return any(i.pending and i.error is None for i in earlier if _cut(i.index.config) == cut)

    def note_indexed(self, indexer: ProjectIndexer, at: float) -> None:
        """Remember when the index that answers was last up to date."""
        if not indexer.aside:
            self._tools.projects.note_indexed(self.project.project_id, at)

    # --- making one ----------------------------------------------------------------------------

    @staticmethod
    def _with_config(project: Project, tools: IndexTools) -> Project:
        """Return the project under a config that exists: versions before this one lost some."""
        try:
            tools.configs.get(project.config_id)
        except ConfigNotFound:
            log.warning("config_lost", project=project.name, config=project.config_id)
            tools.indexes.activate(project.project_id, DEFAULT_CONFIG.config_id)
            return replace(project, config_id=DEFAULT_CONFIG.config_id)
        return project

    def _reopen(self, config_id: str) -> None:
        try:
            config = self._tools.configs.get(config_id).config
        except ConfigNotFound:
            log.warning("index_without_config", project=self.project.name, config=config_id)
            return
        dimension = self._known.get(config_id)
        if dimension is None:
            dimension = self._tools.shared.models.dimension(config.embedding)
        self._open(config, dimension)

    def _open(self, config: IndexingConfig, dimension: int) -> ProjectIndexer:
        fingerprint = config.fingerprint
        found = self._by_fingerprint.get(fingerprint)
        if found is None:
            settings = self._tools.shared.settings
            index = ProjectIndex(
                index_id=f"{self.project.project_id}-{fingerprint}",
                config=config,
                database=self._tools.database,
                vectors=settings.vector_dir,
                dimension=dimension,
            )
            scan = ProjectScan(self.project.root, settings, self.borders)
            found = ProjectIndexer(
                self.project, index, scan, self._feed, shared=self._tools.shared, ties=self
            )
            found.aside = config.config_id != self.project.config_id
            self._by_fingerprint[fingerprint] = found
        self._known[config.config_id] = dimension
        self._fingerprints[config.config_id] = fingerprint
        return found

    def _use(self, project: Project) -> None:
        self.project = project
        active = self.active
        for indexer in self.all():
            indexer.project = project
            indexer.aside = indexer is not active


def _cut(config: IndexingConfig) -> tuple[ChunkingConfig, str]:
    """Return what decides where a document is cut: sizes in tokens depend on the model's pieces."""
    if config.chunking.strategy_name != "fixed_token":
        return config.chunking, ""
    name = config.embedding.model_name
    return config.chunking, DEFAULT_MODEL if name in _SAME_PIECES else name
