"""The registered projects, and which of them a path belongs to."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import structlog

from coco_core.errors import ConfigNotFound, InvalidInput, ProjectNotFound
from coco_local.index.indexer import ProjectIndexer, Shared
from coco_local.index.project import ProjectIndex
from coco_local.jobs import Job, JobRegistry
from coco_local.model import DIMENSIONS
from coco_local.scan import ProjectScan
from coco_local.store.database import Database
from coco_local.store.projects import ConfigStore, Project, ProjectStore

__all__ = ["ProjectRegistry", "repositories", "require_config"]

log = structlog.get_logger(__name__)

# How deep `--recursive` looks for repositories; deeper ones are found by naming their parent.
_RECURSION_DEPTH = 6


class ProjectRegistry:
    """Projects with their indexers; thread-safe."""

    def __init__(
        self, database: Database, configs: ConfigStore, jobs: JobRegistry, shared: Shared
    ) -> None:
        self._database = database
        self._configs = configs
        self._jobs = jobs
        self._shared = shared
        self._store = ProjectStore(database)
        self._lock = threading.RLock()
        self._indexers: dict[str, ProjectIndexer] = {}

    def open(self) -> None:
        """Make an indexer for every registered project; nothing is read yet."""
        projects = self._store.all()
        with self._lock:
            for project in projects:
                self._indexers[project.project_id] = self._indexer(project, projects)

    def all(self) -> list[ProjectIndexer]:
        """Return the projects in the order of their names."""
        with self._lock:
            return sorted(self._indexers.values(), key=lambda i: (i.project.name, i.project.root))

    def get(self, project_id: str) -> ProjectIndexer:
        """Return a project by its id or its unambiguous name.

        Raises:
            ProjectNotFound: there is none.
        """
        with self._lock:
            found = self._indexers.get(project_id)
            named = [i for i in self._indexers.values() if i.project.name == project_id]
        if found is not None:
            return found
        if len(named) == 1:
            return named[0]
        raise ProjectNotFound(
            f"There is no project {project_id!r}.", hint="List them with: coco projects"
        )

    def around(self, path: Path) -> ProjectIndexer | None:
        """Return the innermost project that holds ``path``."""
        return self.holding(Path(os.path.realpath(path)))

    def holding(self, place: Path) -> ProjectIndexer | None:
        """Return the innermost project whose root stands in ``place``, taken as it is written."""
        with self._lock:
            holding = [i for i in self._indexers.values() if place.is_relative_to(i.project.root)]
        return max(holding, key=lambda i: len(i.project.root.parts), default=None)

    def resolve(self, project_id: str | None, path: str | None) -> ProjectIndexer:
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
        if len(known) == 1:
            return known[0]
        if not known:
            raise ProjectNotFound(
                "No project is registered.", hint="Register one with: coco import PATH"
            )
        names = ", ".join(repr(indexer.project.name) for indexer in known)
        raise ProjectNotFound(
            "Several projects are registered and none was named.",
            hint=f"Name one of {names}, or give a path.",
        )

    def register(
        self, path: str, name: str | None = None, config_id: str | None = None
    ) -> tuple[ProjectIndexer, bool]:
        """Register a directory; returns its project and whether it is new.

        Raises:
            InvalidInput: it is no directory that can be a project.
            ConfigNotFound: the indexing config is not known.
        """
        root = _project_root(path)
        wanted = config_id or self._shared.settings.config_id
        self._configs.get(wanted)
        with self._lock:
            for indexer in self._indexers.values():
                if indexer.project.root == root:
                    return indexer, False
            project = self._store.add(root, name or self._free_name(root), wanted)
            projects = [*(i.project for i in self._indexers.values()), project]
            indexer = self._indexer(project, projects)
            self._indexers[project.project_id] = indexer
            self._redraw_borders(projects)
        log.info("project_registered", project=project.project_id, root=str(root))
        return indexer, True

    def forget(self, project_id: str) -> ProjectIndexer:
        """Take a project out of the registry; the caller closes it and removes its index."""
        with self._lock:
            indexer = self.get(project_id)
            del self._indexers[indexer.project.project_id]
            self._store.remove(indexer.project.project_id)
            self._redraw_borders([i.project for i in self._indexers.values()])
        return indexer

    def index_job(self, indexer: ProjectIndexer) -> Job:
        """Ask for a comparison of the project with the disk, as a job."""
        job = self._jobs.create("index", indexer.project.project_id)
        indexer.request_rescan(job)
        return job

    def _indexer(self, project: Project, projects: list[Project]) -> ProjectIndexer:
        config = self._configs.get(project.config_id).config
        index = ProjectIndex(
            index_id=f"{project.project_id}-{config.fingerprint}",
            config=config,
            database=self._database,
            vectors=self._shared.settings.vector_dir,
            dimension=DIMENSIONS[config.embedding.model_name],
        )
        borders = _inside(project.root, projects)
        scan = ProjectScan(project.root, self._shared.settings, borders)
        indexer = ProjectIndexer(project, index, scan, self._shared, self._store.note_indexed)
        indexer.borders = borders
        return indexer

    def _redraw_borders(self, projects: list[Project]) -> None:
        """A project inside another one is left out of the outer."""
        for indexer in self._indexers.values():
            borders = _inside(indexer.project.root, projects)
            if borders != indexer.borders:
                indexer.use_borders(borders)

    def _free_name(self, root: Path) -> str:
        taken = {indexer.project.name for indexer in self._indexers.values()}
        base = root.name or str(root)
        candidates = [base, f"{root.parent.name}/{base}", *(f"{base}-{n}" for n in range(2, 1000))]
        return next(name for name in candidates if name not in taken)


def require_config(indexer: ProjectIndexer, config_id: str | None) -> None:
    """Refuse another indexing config than the project's; None asks for no particular one.

    Raises:
        ConfigNotFound: the project is not indexed under it.
    """
    if config_id not in (None, indexer.project.config_id):
        raise ConfigNotFound(
            f"The project {indexer.project.name!r} is not indexed under {config_id!r}.",
            hint=f"Its config is {indexer.project.config_id!r}.",
        )


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


def _inside(root: Path, projects: list[Project]) -> frozenset[Path]:
    return frozenset(p.root for p in projects if p.root != root and p.root.is_relative_to(root))


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
