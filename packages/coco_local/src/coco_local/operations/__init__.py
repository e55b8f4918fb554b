"""Operations of local mode: one function per entry of `coco_protocol.local.LocalService`.

Each takes the parts of the daemon and its request, and raises `coco_core.errors.CocoError` for what
a caller did wrong. They run in several threads at once.
"""

# Each module registers its functions.
from coco_local.operations import (
    code,
    configs,
    files,
    grep,
    indexing,
    jobs,
    project_map,
    projects,
    queries,
    system,
)
from coco_local.operations.context import FUNCTIONS, Context

__all__ = [
    "FUNCTIONS",
    "Context",
    "code",
    "configs",
    "files",
    "grep",
    "indexing",
    "jobs",
    "project_map",
    "projects",
    "queries",
    "system",
]
