"""Which files of a project are meant: path globs, languages, and what changed since a revision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from coco_core.globs import compile_glob
from coco_local.search.revision import changed_files

__all__ = ["PathConditions", "path_filter"]


class PathConditions(Protocol):
    """What a request says of paths."""

    @property
    def include(self) -> Sequence[str]:
        """Path globs, of which one must fit; all paths fit where there is none."""
        ...

    @property
    def exclude(self) -> Sequence[str]:
        """Path globs, of which none may fit."""
        ...

    @property
    def since_revision(self) -> str | None:
        """A git revision from which the file must differ."""
        ...


def path_filter(root: Path, conditions: PathConditions) -> Callable[[str], bool]:
    """Return whether a path is meant.

    Raises:
        InvalidIntent: a glob that cannot be read.
        InvalidInput: a revision that git does not know, or a project without git.
    """
    wanted = [compile_glob(pattern) for pattern in conditions.include]
    unwanted = [compile_glob(pattern) for pattern in conditions.exclude]
    revision = conditions.since_revision
    changed = changed_files(root, revision) if revision else None

    def is_meant(path: str) -> bool:
        if changed is not None and path not in changed:
            return False
        if wanted and not any(glob.fullmatch(path) for glob in wanted):
            return False
        return not any(glob.fullmatch(path) for glob in unwanted)

    return is_meant
