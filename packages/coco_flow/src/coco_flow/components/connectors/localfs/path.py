"""Paths on this machine whose base directory may be moved."""

from __future__ import annotations

import pathlib
from typing import Self

from coco_flow import components as coco
from coco_flow.components import file

__all__ = ["FilePath", "to_file_path"]


class FilePath(file.FilePath[pathlib.Path]):
    """A path below the directory that a context key provides, or below the current one."""

    __slots__ = ()

    def __init__(
        self,
        path: str | pathlib.PurePath = ".",
        *,
        base_dir: coco.ContextKey[pathlib.Path] | None = None,
    ) -> None:
        super().__init__(base_dir, pathlib.PurePath(path))

    def resolve(self) -> pathlib.Path:
        """Return the absolute path; with a base directory, a component must be running."""
        base = pathlib.Path() if self._base_dir is None else coco.use_context(self._base_dir)
        return (base / self._path).resolve()

    def _with_path(self, path: pathlib.PurePath) -> Self:
        return type(self)(path, base_dir=self._base_dir)


def to_file_path(path: FilePath | pathlib.Path | coco.ContextKey[pathlib.Path]) -> FilePath:
    """Return the path in any of the three forms in which one can be given."""
    if isinstance(path, FilePath):
        return path
    if isinstance(path, coco.ContextKey):
        return FilePath(base_dir=path)
    return FilePath(path)
