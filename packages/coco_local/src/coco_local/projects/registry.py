"""Project registry, and the lookup of a project by path."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import structlog

from coco_core.errors import InvalidInput, ProjectNotFound
from coco_embed.store import DEFAULT_MODEL
from coco_local.indexing.context import IndexContext
from coco_local.indexing.indexer import ProjectIndexer
from coco_local.monitoring.jobs import Job, JobRegistry
from coco_local.projects.indexes import IndexDeps, ProjectIndexes
from coco_local.store.database import Database
from coco_local.store.indexes import IndexStore
from coco_local.store.projects import ConfigStore, Project, ProjectStore

__all__ = ["ProjectRegistry", "repositories"]

log = structlog.get_logger(__name__)

# How deep `--recursive` looks for repositories; deeper ones are found by naming their parent.
_RECURSION_DEPTH = 6


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
        )
        self._lock = threading.RLock()
        self._projects: dict[str, ProjectIndexes] = {}

    def open(self) -> None:
        """Make the indexes of every registered project; nothing is read yet."""
        projects = self._store.all()
        with self._lock:
            for project in projects:
                self._projects[project.project_id] = self._opened(project, projects)

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

    def around(self, path: Path) -> ProjectIndexes | None:
        """Return the innermost project that holds ``path``."""
        return self.holding(Path(os.path.realpath(path)))

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

    def resolve(self, project_id: str | None, path: str | None) -> ProjectIndexes:
        """Return the named project, the one around ``path``, or the only one.

        Raises:
            ProjectNotFound: nothing fits, or several do and none was named.
        """
        if project_id is not None:
            return self.get(project_id)
        if path is not None:
            found = self.around(Path(path).expanduser())
            if found is None:
                raise ProjectNotFound(
                    f"{path!r} is in no registered project.",
                    hint=f"Register it with: coco import {path}",
                )
            return found
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

    def several(self, names: Sequence[str], *, every: bool) -> list[ProjectIndexes]:
        """Return the projects of these ids, names or absolute paths, each once; or ``every`` one.

        Standalone ones are among every one only where there are no others.

        Raises:
            ProjectNotFound: there is no such project, or none at all.
        """
        if every:
            known = self.all()
            found = [project for project in known if not project.project.standalone] or known
        else:
            found = [
                self.resolve(None, name) if Path(name).is_absolute() else self.get(name)
                for name in names
            ]
        if not found:
            raise ProjectNotFound(
                "No project is registered.", hint="Register one with: coco import PATH"
            )
        return list({project.project.project_id: project for project in found}.values())

    def register(
        self,
        path: str,
        name: str | None = None,
        config_id: str | None = None,
        *,
        standalone: bool = False,
    ) -> tuple[ProjectIndexes, bool]:
        """Register a directory; returns its project and whether it is new.

        A standalone one becomes a project like any other when it is registered without that.

        Raises:
            InvalidInput: it is no directory that can be a project.
            ConfigNotFound: the indexing config is not known.
            InvalidConfig: it names a model that does not exist.
        """
        root = _project_root(path)
        wanted = config_id or self._context.settings.config_id
        config = self._configs.get(wanted).config
        dimension = self._context.models.dimension(config.embedding)
        with self._lock:
            for known in self._projects.values():
                if known.project.root == root:
                    if known.project.standalone and not standalone:
                        known.join()
                        self._update_nested_roots()
                    return known, False
            project = self._store.add(
                root, name or self._free_name(root), wanted, standalone=standalone
            )
            self._deps.indexes.add(project.project_id, wanted, dimension)
            projects = [*(p.project for p in self._projects.values()), project]
            opened = self._opened(project, projects)
            self._projects[project.project_id] = opened
            self._update_nested_roots()
        log.info("project_registered", project=project.project_id, root=str(root))
        return opened, True

    def forget(self, project_id: str) -> ProjectIndexes:
        """Remove a project from the registry; the caller closes and removes its indexes."""
        with self._lock:
            project = self.get(project_id)
            del self._projects[project.project.project_id]
            self._store.remove(project.project.project_id)
            self._update_nested_roots()
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

    def _opened(self, project: Project, projects: list[Project]) -> ProjectIndexes:
        return ProjectIndexes(project, self._deps, _nested_in(project.root, projects))

    def _update_nested_roots(self) -> None:
        """Leave a project inside another one out of the outer, unless it is standalone."""
        projects = [known.project for known in self._projects.values()]
        for known in self._projects.values():
            known.use_nested_roots(_nested_in(known.project.root, projects))

    def _free_name(self, root: Path) -> str:
        taken = {known.project.name for known in self._projects.values()}
        base = root.name or str(root)
        candidates = [base, f"{root.parent.name}/{base}", *(f"{base}-{n}" for n in range(2, 1000))]
        return next(name for name in candidates if name not in taken)


def repositories(path: Path) -> Iterator[Path]:
    """Yield the git repositories at and below a directory, outermost first."""
    yield from _repositories(path, _RECURSION_DEPTH)


def _repositories(path: Path, depth: int) -> Iterator[Path]:
    if os.path.exists(path / ".git"):  # noqa: PTH110  # also for names that are too long
        yield path
    if depth == 0:
        return
    try:
        entries = sorted(os.scandir(path), key=lambda entry: entry.name)
    except OSError as error:
        log.warning("unreadable_directory", path=str(path), reason=str(error))
        return
    for entry in entries:
        hidden = entry.name.startswith(".") or entry.name == "node_modules"
        if not hidden and entry.is_dir(follow_symlinks=False):
            yield from _repositories(Path(entry.path), depth - 1)


def _nested_in(root: Path, projects: list[Project]) -> frozenset[Path]:
    return frozenset(
        p.root
        for p in projects
        if p.root != root and p.root.is_relative_to(root) and not p.standalone
    )


def _project_root(path: str) -> Path:
    if "\0" in path:
        raise InvalidInput("The path holds a NUL character.")
    given = Path(path).expanduser()
    if not given.is_absolute():
        raise InvalidInput(
            f"{path!r} is not an absolute path.",
            hint="The daemon has no working directory of yours.",
        )
    root = Path(os.path.realpath(given))
    # Unlike Path.exists, it says no to a name that is too long for the file system.
    if not os.path.exists(root):  # noqa: PTH110  # see above
        raise InvalidInput(f"There is no directory {str(root)!r}.", hint="Check the spelling.")
    if not root.is_dir():
        raise InvalidInput(
            f"{str(root)!r} is a file.", hint=f"Register its directory: {str(root.parent)!r}"
        )
    if root == Path(root.anchor) or root == Path.home():
        raise InvalidInput(
            f"{str(root)!r} is too large to be a project.",
            hint="Register the directories in it, or use: coco import --recursive PATH",
        )
    return root
