"""Files on this machine: directories to walk and watch, files and directories to write."""

from __future__ import annotations

from coco_flow.components.connectors.localfs.path import FilePath
from coco_flow.components.connectors.localfs.source import DirWalker, File, walk_dir
from coco_flow.components.connectors.localfs.target import (
    DirTarget,
    declare_dir_target,
    declare_file,
    dir_target,
    mount_dir_target,
)

__all__ = [
    "DirTarget",
    "DirWalker",
    "File",
    "FilePath",
    "declare_dir_target",
    "declare_file",
    "dir_target",
    "mount_dir_target",
    "walk_dir",
]
