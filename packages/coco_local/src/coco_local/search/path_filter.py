"""Which files of a project are meant: path globs, languages, and what changed since a revision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from coco_core.globs import compile_glob
from coco_local.search.revision import changed_files

__all__ = ["path_filter"]


def path_filter(
    root: Path, include: Sequence[str], exclude: Sequence[str], since_revision: str | None = None
) -> Callable[[str], bool]:
    """Return whether a path is meant.

    Raises:
        InvalidIntent: a glob that cannot be read.
        InvalidInput: a revision that git does not know, or a project without git.
    """
    wanted = [compile_glob(pattern) for pattern in include]
    unwanted = [compile_glob(pattern) for pattern in exclude]
    changed = changed_files(root, since_revision) if since_revision else None

    def is_meant(path: str) -> bool:
        if changed is not None and path not in changed:
            return False
        if wanted and not any(glob.fullmatch(path) for glob in wanted):
            return False
        return not any(glob.fullmatch(path) for glob in unwanted)

    return is_meant
