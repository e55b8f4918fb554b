"""Question sets as files: written for a person to edit, and counted by kind."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

import yaml

from coco_experiments.generate import QUESTION_KINDS, QuestionKind
from coco_experiments.spec import Question

__all__ = ["kind_counts", "questions_text"]

_ADVICE = (
    "Proposed by CoCo from the text of the files: a draft, not a question set.",
    "Read each question, put it as your users would, and take out what nobody would ask. A place",
    "that answers as well belongs into expected_doc_ids: doc, doc#fragment, doc:120-140, or",
    '{"id": …, "grade": …}. Name the file in experiment.yml: evaluation_set: {file: …}',
)


def kind_counts(questions: Sequence[Question]) -> dict[QuestionKind, int]:
    """Return how many of each kind were proposed, in the order of `QUESTION_KINDS`."""
    tags = Counter(tag for question in questions for tag in question.tags)
    return {kind: tags[kind] for kind in QUESTION_KINDS if tags[kind]}


def questions_text(questions: Sequence[Question], suffix: str) -> str:
    """Write questions as an evaluation set, YAML or JSON by the file's suffix, else JSON lines.

    What can hold a comment begins with the advice to edit it.
    """
    data = [question.to_dict() for question in questions]
    if suffix.lower() == ".json":
        return json.dumps(data, ensure_ascii=False, indent=2) + "\n"
    comment = "".join(f"# {line}\n" for line in _ADVICE)
    if suffix.lower() in {".yml", ".yaml"}:
        return comment + str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100))
    return comment + "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in data)
