"""Project registry, and the lookup of a project by path."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import structlog

from coco_core.errors import PathRefused, ProjectNotFound
from coco_core.globs import literal_head
from coco_embed.store import DEFAULT_MODEL
from coco_local.git.owner import Owner, command_path, owner_of, repository_in
from coco_local.indexing.context import IndexContext
from coco_local.indexing.indexer import ProjectIndexer
from coco_local.monitoring.jobs import Job, JobRegistry
from coco_local.projects.importing import Contents, part_of, project_root
from coco_local.projects.indexes import IndexDeps, ProjectIndexes
from coco_local.store.database import Database
from coco_local.store.indexes import IndexStore
from coco_local.store.projects import ConfigStore, Project, ProjectStore

__all__ = ["ProjectRegistry", "Registration"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Registration:
    """What became of a directory that was registered."""

    project: ProjectIndexes
    created: bool
    notices: tuple[str, ...] = ()
    """What its user may not expect."""


class ProjectRegistry:
    """Projects with their indexes; thread-safe."""

    def __init__(
        self, database: Database, configs: ConfigStore, jobs: JobRegistry, context: IndexContext
    ) -> None:
        self._configs = configs
        self._jobs = jobs
        self._context = context
        self._store = ProjectStore(database)
        self._deps = IndexDeps(
            database=database,
            projects=self._store,
            configs=configs,
            indexes=IndexStore(database),
            context=context,
            busy=lambda loading: any(
                not i.backlog.wait_scanned(0) if loading else i.backlog.is_large
                for i in self.active()
                # One that fails is tried again later, and must not block the others.
                if i.error is None
            ),
            relatives=self._relatives,
        )
        self._lock = threading.RLock()
        self._projects: dict[str, ProjectIndexes] = {}

    def open(self) -> None:
        """Make the indexes of every registered project; nothing is read yet."""
        projects = self._store.all()
        with self._lock:
            for project in projects:
                self._projects[project.project_id] = ProjectIndexes(project, self._deps)

    def all(self) -> list[ProjectIndexes]:
        """Return the projects in the order of their names."""
        with self._lock:
            return sorted(self._projects.values(), key=lambda p: (p.project.name, p.project.root))

    def active(self) -> list[ProjectIndexer]:
        """Return the active index of every project."""
        return [project.active for project in self.all()]

    def indexers(self) -> list[ProjectIndexer]:
        """Return every index of every project, the active ones first."""
        projects = [project.all() for project in self.all()]
        return [*(p[0] for p in projects), *(i for p in projects for i in p[1:])]

    def get(self, project_id: str) -> ProjectIndexes:
        """Return a project by its id or its unambiguous name.

        Raises:
            ProjectNotFound: there is none.
        """
        with self._lock:
            found = self._projects.get(project_id)
            named = [p for p in self._projects.values() if p.project.name == project_id]
        if found is not None:
            return found
        if len(named) == 1:
            return named[0]
        raise ProjectNotFound(
            f"There is no project {project_id!r}.", hint="List them with: coco projects"
        )

    def owner(self, place: Path) -> Owner[Project]:
        """Return which project answers for a place, or why none does."""
        with self._lock:
            projects = [known.project for known in self._projects.values()]
        return owner_of(projects, place)

    def holding(self, place: Path) -> ProjectIndexes | None:
        """Return the innermost project whose root stands in ``place``, taken as it is written.

        A standalone one holds it only where no other does.
        """
        with self._lock:
            holding = [p for p in self._projects.values() if place.is_relative_to(p.project.root)]
        return max(
            holding,
            key=lambda p: (not p.project.standalone, len(p.project.root.parts)),
            default=None,
        )

    def check_inside(self, project: Project, doc_ids: Iterable[str]) -> None:
        """Refuse names of files that lie in a repository of its own inside a project.

        Raises:
            PathRefused: one does; the hint names who answers for it.
        """
        for doc_id in doc_ids:
            place = project.root / doc_id
            repository = repository_in(project.root, place)
            if repository is None:
                continue
            found = self.owner(place).project
            raise PathRefused(
                f"{doc_id!r} lies in {str(repository)!r}, a git repository of its own: the project "
                f"{project.name!r} does not have its files.",
                hint=f"Ask the project {found.name!r} ({found.root}) for it."
                if found is not None and found.root != project.root
                else f"Index it: coco import {command_path(repository)}",
                details={"repository": str(repository)},
            )

    def check_globs(self, project: Project, globs: Iterable[str]) -> None:
        """Refuse globs that can only mean files of a repository of its own inside a project.

        Raises:
            PathRefused: see `check_inside`.
        """
        heads = (literal_head(glob) for glob in globs)
        self.check_inside(project, [head for head in heads if head])

    def resolve(self, project_id: str | None, path: str | None) -> ProjectIndexes:
        """Return the named project, the one around ``path``, or the only one.

        Raises:
            ProjectNotFound: nothing fits, or several do and none was named.
        """
        if project_id is not None:
            return self.get(project_id)
        if path is not None:
            owner = self.owner(Path(path).expanduser())
            if owner.project is None:
                raise owner.refusal() or ProjectNotFound(
                    f"{path!r} is in no registered project.",
                    hint=f"Register it with: coco import {command_path(path)}",
                )
            return self.get(owner.project.project_id)
        known = self.all()
        known = [project for project in known if not project.project.standalone] or known
        if len(known) == 1:
            return known[0]
        if not known:
            raise ProjectNotFound(
                "No project is registered.", hint="Register one with: coco import PATH"
            )
        names = ", ".join(repr(project.project.name) for project in known)
        raise ProjectNotFound(
            "Several projects are registered and none was named.",
            hint=f"Name one of {names}, or give a path.",
        )

    def register(
        self,
        path: str,
        name: str | None = None,
        config_id: str | None = None,
        *,
        standalone: bool = False,
    ) -> Registration:
        """Register a directory; returns the project that its files are in.

        A directory whose files a project around it has already is no project of its own, unless it
        shall be ``standalone``. A standalone one becomes a project like any other when it is
        registered without that.

        Raises:
            InvalidInput: it is no directory that can be a project.
            ConfigNotFound: the indexing config is not known.
            InvalidConfig: it names a model that does not exist.
        """
        wanted = config_id or self._context.settings.config_id
        config = self._configs.get(wanted).config
        dimension = self._context.models.dimension(config.embedding)
        root, around, notices = self.examine(path, standalone=standalone)
        if around is not None:
            return Registration(self.get(around.project_id), False, notices)
        with self._lock:
            for known in self._projects.values():
                if known.project.root == root:
                    if known.project.standalone and not standalone:
                        known.join()
                    return Registration(known, False, notices)
            project = self._store.add(
                root, name or self._free_name(root), wanted, standalone=standalone
            )
            self._deps.indexes.add(project.project_id, wanted, dimension)
            opened = ProjectIndexes(project, self._deps)
            self._projects[project.project_id] = opened
        log.info("project_registered", project=project.project_id, root=str(root))
        return Registration(opened, True, notices)

    def examine(
        self, path: str, *, standalone: bool = False
    ) -> tuple[Path, Project | None, tuple[str, ...]]:
        """Return a directory's root, the project that it is a part of, and notices for its user.

        Raises:
            InvalidInput: it is no directory that can be a project.
        """
        root = project_root(path)
        if standalone:
            return root, None, ()
        settings = self._context.settings
        projects = [known.project for known in self.all()]
        around = part_of(root, projects, settings)
        if around is not None and all(project.root != root for project in projects):
            return root, around, (_part_notice(root, around),)
        contents = Contents(root, settings)
        contents.refuse_empty()
        return root, None, tuple(contents.notices(projects))

    def forget(self, project_id: str) -> ProjectIndexes:
        """Remove a project from the registry; the caller closes and removes its indexes."""
        with self._lock:
            project = self.get(project_id)
            del self._projects[project.project.project_id]
            self._store.remove(project.project.project_id)
        self.close_unused_models()
        return project

    def changing(self) -> AbstractContextManager[object]:
        """Return the lock under which the indexes of projects are changed."""
        return self._lock

    def add_index(self, project: ProjectIndexes, config_id: str | None) -> ProjectIndexer:
        """Return the index under a config, made as a secondary one if it is not there yet.

        Raises:
            ConfigNotFound, InvalidConfig, Unavailable: see `ProjectIndexes.add`.
        """
        if config_id is None:
            return project.active
        with self._lock:
            indexer = project.add(config_id)
        self.rebuild_changed_models()
        return indexer

    def drop_index(self, project: ProjectIndexes, config_id: str) -> ProjectIndexer | None:
        """Drop an index; the caller closes and removes it.

        Raises:
            ConfigNotFound, Conflict: see `ProjectIndexes.drop`.
        """
        with self._lock:
            gone = project.drop(config_id)
        self.close_unused_models()
        return gone

    def rebuild_changed_models(self) -> None:
        """Rebuild the indexes whose registered model gives other vectors than they hold."""
        for indexer in self.indexers():
            model = indexer.model
            if model.embedder is None or model.embedding.model_name == DEFAULT_MODEL:
                # The built-in model's files have fixed checksums: they never change.
                continue
            if not self._deps.indexes.embedded_by(indexer.index.index_id, model.embedder.name):
                indexer.backlog.request_rebuild()
        self._context.wake()

    def close_unused_models(self) -> None:
        """Close the models that no index needs any more."""
        with self._lock:
            self._context.models.keep_only({i.model for i in self.indexers()})

    def index_job(self, indexer: ProjectIndexer) -> Job:
        """Ask for a comparison of an index with the disk, as a job."""
        job = self._jobs.create("index", indexer.project.project_id)
        indexer.request_rescan(job)
        return job

    def _relatives(self, project: ProjectIndexes) -> list[ProjectIndexes]:
        # Asked for each file that is indexed, so without the lock under which projects change.
        others = [known for known in list(self._projects.values()) if known is not project]
        return [
            o for o in others if o.repository is not None and o.repository == project.repository
        ]

    def _free_name(self, root: Path) -> str:
        taken = {known.project.name for known in self._projects.values()}
        base = root.name or str(root)
        candidates = [base, f"{root.parent.name}/{base}", *(f"{base}-{n}" for n in range(2, 1000))]
        return next(name for name in candidates if name not in taken)


def _part_notice(root: Path, around: Project) -> str:
    inside = root.relative_to(around.root).as_posix()
    return (
        f"{inside} is part of the project {around.name!r} ({around.root}), which has its files "
        f"already; search only there with: coco query --path {command_path(f'{inside}/**')}  "
        f"For a second index of it: coco import --standalone {command_path(root)}"
    )
