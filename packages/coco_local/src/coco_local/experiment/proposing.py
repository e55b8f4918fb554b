"""A first question set from the files of a project, and how it is written for a person to edit."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from coco_core.chunking import chunk_document
from coco_core.configs import DEFAULT_CONFIG
from coco_core.errors import Unreadable
from coco_core.experiments import Question
from coco_core.experiments.proposals import PROPOSAL_KINDS, ProposalKind
from coco_core.types import Chunk, DocumentKey
from coco_local.indexing.pipeline import read_file
from coco_local.scan import ProjectScan
from coco_local.settings import Settings

__all__ = ["ProjectFiles", "kind_counts", "questions_text"]

_ADVICE = (
    "Proposed by CoCo from the text of the files: a beginning, not a question set.",
    "Read each question, put it as your users would, and take out what nobody would ask. A place",
    "that answers as well belongs into expected_doc_ids: doc, doc#fragment, doc:120-140, or",
    '{"id": …, "grade": …}. Name the file in experiment.yml: evaluation_set: {file: …}',
)


class ProjectFiles:
    """The files that local mode would index, read and cut one by one."""

    def __init__(self, root: Path, settings: Settings) -> None:
        scan = ProjectScan(root, settings)
        self.problem = scan.problem
        """What is wrong with the project's own settings."""
        self._root = root
        self._most_bytes = scan.settings.max_file_bytes
        self._doc_ids = sorted(scan.list_files().files)
        self.done = 0
        self.unreadable = 0

    @property
    def total(self) -> int:
        """How many files belong into an index."""
        return len(self._doc_ids)

    def chunks(self) -> Iterator[tuple[DocumentKey, Sequence[Chunk]]]:
        """Yield each document with its chunks; `done` counts, also what cannot be read."""
        for doc_id in self._doc_ids:
            try:
                content = read_file(self._root / doc_id, self._most_bytes)
            except Unreadable:
                # A binary file looks like any other by its name.
                self.unreadable += 1
                content = None
            if content is not None:
                cut = chunk_document(doc_id, content.data, DEFAULT_CONFIG.chunking)
                yield doc_id, cut.chunks
            self.done += 1


def kind_counts(questions: Sequence[Question]) -> dict[ProposalKind, int]:
    """Return how many of each kind were proposed, in the order of `PROPOSAL_KINDS`."""
    tags = Counter(tag for question in questions for tag in question.tags)
    return {kind: tags[kind] for kind in PROPOSAL_KINDS if tags[kind]}


def questions_text(questions: Sequence[Question], suffix: str) -> str:
    """Write questions as an evaluation set, YAML or JSON by the file's suffix, else JSON lines.

    What can hold a comment begins with the advice to edit it.
    """
    data = [question.to_dict() for question in questions]
    if suffix.lower() == ".json":
        return json.dumps(data, ensure_ascii=False, indent=2) + "\n"
    comment = "".join(f"# {line}\n" for line in _ADVICE)
    if suffix.lower() in {".yml", ".yaml"}:
        import yaml

        return comment + str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100))
    return comment + "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in data)
