"""Anchors that can never be found, told before an index is built for them."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from pathlib import Path

from coco_core.anchors import parse_anchor
from coco_core.errors import InvalidConfig
from coco_core.experiments.spec import Experiment
from coco_local.scan import ProjectScan
from coco_local.settings import Settings

__all__ = ["documents_of", "refuse_lines", "refuse_missing"]

# More of one kind of mistake in a message help nobody.
_SHOWN = 10


def documents_of(root: Path, settings: Settings) -> Collection[str]:
    """Return the files of a directory that belong into its index."""
    return ProjectScan(root, settings).list_files().files.keys()


def refuse_missing(experiment: Experiment, documents: Collection[str], source: str) -> None:
    """Refuse anchors of documents that do not exist.

    Args:
        experiment: whose questions to check.
        documents: those that do.
        source: the experiment's file, for messages.

    Raises:
        InvalidConfig: naming each of them, with what was probably meant.
    """
    known = set(documents)
    lines = []
    for place, question in enumerate(experiment.questions):
        for at, expected in enumerate(question.expected):
            doc_id = parse_anchor(expected.anchor).doc_id
            if expected.anchor in known or doc_id in known:
                continue
            close = difflib.get_close_matches(doc_id, known, n=1, cutoff=0.5)
            meant = f" Did you mean {close[0]!r}?" if close else ""
            lines.append(
                f"{source}: evaluation_set[{place}].expected_doc_ids[{at}]: the question "
                f"{question.question_id!r} expects {doc_id!r}, which is no document of the "
                f"project.{meant}"
            )
    _refuse(lines, "Names are relative to the project's directory, such as guide/setup.md#linux.")


def refuse_lines(experiment: Experiment, source: str) -> None:
    """Refuse anchors that name lines: answers of the server have none.

    Raises:
        InvalidConfig: naming each of them.
    """
    lines = [
        f"{source}: evaluation_set[{place}].expected_doc_ids[{at}]: the question "
        f"{question.question_id!r} expects the lines {expected.anchor!r}, and answers of the "
        "server have no line numbers."
        for place, question in enumerate(experiment.questions)
        for at, expected in enumerate(question.expected)
        if parse_anchor(expected.anchor).lines is not None
    ]
    _refuse(lines, "Name a heading or a symbol: doc#fragment.")


def _refuse(lines: list[str], hint: str) -> None:
    if not lines:
        return
    shown = lines[:_SHOWN]
    if len(lines) > _SHOWN:
        shown.append(f"and {len(lines) - _SHOWN} more")
    raise InvalidConfig("\n".join(shown), hint=hint, details={"field": "evaluation_set"})
