"""Parser guards: keep inputs from native grammars and queries that they crash or stall on."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping

import tree_sitter

from coco_core.languages.limits import ERRORS_LOOKED_AT, WIDE, WIDE_NAMED_SHARE

__all__ = ["GUARDS", "has_wide_error"]

# The YAML scanner keeps its open levels in 1,024 bytes and writes beyond them: tree-sitter-yaml
# 0.7.2 crashes above 200 levels. Below this it is safe with any mixture of levels.
_YAML_LEVELS = 150

# Every level takes a column, but for a sequence that stands as far left as its key.
_YAML_LEVELS_PER_COLUMN = 2

_YAML_PREFIX = re.compile(rb"^[ \t]*(?:[-?:][ \t]+)*", re.MULTILINE)
_YAML_DEEP = re.compile(rb"^[ \t?:-]{60}", re.MULTILINE)


def _is_deep_yaml(source: bytes) -> bool:
    if _YAML_DEEP.search(source) is None:
        return False
    columns: set[int] = set()
    markers = 0
    for match in _YAML_PREFIX.finditer(source):
        prefix = match[0]
        columns.add(len(prefix) - len(prefix.lstrip()))
        markers = max(markers, len(prefix.split()))
    return len(columns) * _YAML_LEVELS_PER_COLUMN + markers > _YAML_LEVELS


GUARDS: Mapping[str, Callable[[bytes], bool]] = {"tree_sitter_yaml": _is_deep_yaml}
"""By the grammar's module: tells whether it must not see a source."""


def has_wide_error(root: tree_sitter.Node) -> bool:
    """Tell whether a node with errors has so many parts that a query would crawl."""
    # Breadth first: what is wide is near the root.
    pending = deque([root])
    for _ in range(ERRORS_LOOKED_AT):
        if not pending:
            break
        node = pending.popleft()
        if node.child_count > WIDE and node.named_child_count * WIDE_NAMED_SHARE < node.child_count:
            return True
        pending += [child for child in node.children if child.has_error]
    return False
