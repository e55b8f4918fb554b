"""Sentences about paths that a search was confined to and that hold nothing it looks into."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from coco_core.globs import compile_glob
from coco_local.scan import ProjectScan, Reason

__all__ = ["absent_paths"]

# Paths that are named in one notice.
_MOST_NAMED = 3

_SPECIAL = re.compile(r"(?<!\\)[*?\[{]")
_ESCAPED = re.compile(r"\\(.)")


def absent_paths(
    scan: ProjectScan, include: Sequence[str], names: Collection[str], verb: str
) -> str | None:
    """Say which of the path globs match none of ``names``, and why; None when each does.

    Args:
        scan: knows why a path has no place in the index.
        include: globs as in `coco_core.globs`.
        names: what is searched.
        verb: what is done to files: ``searched`` or ``indexed``.
    """
    absent = [
        pattern
        for pattern in include
        if not any(compile_glob(pattern).fullmatch(name) for name in names)
    ]
    if not absent:
        return None
    sentences = [_why_absent(scan, pattern, verb) for pattern in absent[:_MOST_NAMED]]
    if len(absent) > _MOST_NAMED:
        sentences.append(f"The same is true of {len(absent) - _MOST_NAMED} more.")
    return " ".join(sentences)


def _why_absent(scan: ProjectScan, pattern: str, verb: str) -> str:
    path = _ESCAPED.sub(r"\1", pattern).strip("/")
    decision = scan.explain(scan.root / path)
    # A name without a directory is looked for everywhere.
    anywhere = "/" not in pattern and decision.reason == Reason.MISSING
    if anywhere or _SPECIAL.search(pattern):
        return f"No file that is {verb} matches {pattern!r}."
    if decision.reason == Reason.DIRECTORY:
        return f"The directory {path!r} holds no file that is {verb}."
    if decision.reason in {Reason.MISSING, Reason.OUTSIDE}:
        return f"There is no {path!r} in the project."
    rule = f" ({decision.rule})" if decision.rule else ""
    if decision.indexed:
        return f"{path!r} is not {verb} yet."
    return f"{path!r} is not {verb}: {decision.reason}{rule}."
