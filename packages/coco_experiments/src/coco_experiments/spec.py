"""What an experiment is: indexes beside query strategies, and the questions that judge them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from coco_core.anchors import parse_anchor
from coco_core.configs import IndexingConfig
from coco_core.errors import InvalidConfig
from coco_core.plan import QueryPlan
from coco_experiments.fields import repeated

__all__ = ["Expected", "Experiment", "Question"]


@dataclass(frozen=True, slots=True)
class Expected:
    """A place that answers a question, as an anchor, and how well: 1 is the usual grade."""

    anchor: str
    grade: float = 1.0

    def __post_init__(self) -> None:
        wrong = _wrong_anchor(self.anchor)
        if wrong:
            raise _invalid("id", f"{self.anchor!r} {wrong}.")
        if not (math.isfinite(self.grade) and self.grade > 0):
            raise _invalid(
                "grade",
                f"The grade of {self.anchor!r} is {self.grade}; it must be above 0 "
                "(leave out what is not relevant).",
            )

    def to_dict(self) -> str | dict[str, Any]:
        """Return the anchor, with its grade where that is not 1."""
        return self.anchor if self.grade == 1.0 else {"id": self.anchor, "grade": self.grade}


@dataclass(frozen=True, slots=True)
class Question:
    """A question with the places that answer it."""

    question_id: str
    query: str
    expected: tuple[Expected, ...]
    tags: tuple[str, ...] = ()
    language: str = ""
    """Of the question or of what answers it, as its author likes; figures can be grouped by it."""

    def __post_init__(self) -> None:
        for name, value in (("question_id", self.question_id), ("query", self.query)):
            if not value.strip():
                raise _invalid(name, f"{name} is empty.")
        if not self.expected:
            raise _invalid(
                "expected_doc_ids", f"The question {self.question_id!r} expects nothing."
            )
        _refuse_repeated("expected_doc_ids", [each.anchor for each in self.expected])

    def to_dict(self) -> dict[str, Any]:
        """Return the question as an evaluation set holds it."""
        data: dict[str, Any] = {
            "question_id": self.question_id,
            "query": self.query,
            "expected_doc_ids": [each.to_dict() for each in self.expected],
        }
        if self.tags:
            data["tags"] = list(self.tags)
        if self.language:
            data["language"] = self.language
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Question:
        """Read a question; what is wrong raises `InvalidConfig` with its field."""
        from coco_experiments.checking import question_from

        return question_from(data)


@dataclass(frozen=True, slots=True)
class Experiment:
    """Every query strategy on every index, judged by the same questions."""

    name: str
    project_id: str | None
    """A registered project; or else ``path``, a directory."""
    path: str | None
    indexes: tuple[IndexingConfig, ...]
    queries: tuple[QueryPlan, ...]
    questions: tuple[Question, ...]
    k: int | None = None
    """Cut-off of the metrics; ``None`` is the smallest ``top_k`` of the query strategies."""
    seed: int = 0
    """Decides what the statistics draw."""

    def __post_init__(self) -> None:
        if (self.project_id is None) == (self.path is None):
            raise _invalid("project_id", "Give either project_id or path.")
        for name, given in (
            ("indexing_strategies", self.indexes),
            ("query_strategies", self.queries),
            ("evaluation_set", self.questions),
        ):
            if not given:
                raise _invalid(name, f"{name} is empty; at least one is needed.")
        if self.k is not None and self.k < 1:
            raise _invalid("k", f"k is {self.k}; 1 is the least.")
        _refuse_repeated("indexing_strategies", [each.config_id for each in self.indexes])
        _refuse_repeated("query_strategies", [each.query_config_id for each in self.queries])
        _refuse_repeated("evaluation_set", [each.question_id for each in self.questions])

    @property
    def cutoff(self) -> int:
        """The cut-off of the metrics when nobody asks for another."""
        return self.k or min(plan.intent("?").top_k for plan in self.queries)

    @property
    def fingerprint(self) -> str:
        """Digest of all that decides the figures; an experiment by another name has the same."""
        content = {name: value for name, value in self.to_dict().items() if name != "name"}
        raw = json.dumps(content, sort_keys=True, ensure_ascii=False)
        return hashlib.blake2b(raw.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data of the same structure as ``experiment.yml``."""
        where = {"path": self.path} if self.project_id is None else {"project_id": self.project_id}
        return {
            "name": self.name,
            **where,
            "indexing_strategies": [each.to_dict() for each in self.indexes],
            "query_strategies": [
                {
                    "query_config_id": each.query_config_id,
                    "retrieval_config": each.to_dict()["retrieval_config"],
                }
                for each in self.queries
            ],
            "evaluation_set": [each.to_dict() for each in self.questions],
            **({} if self.k is None else {"k": self.k}),
            "seed": self.seed,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Experiment:
        """Read plain data; what is wrong raises one `InvalidConfig` with every field."""
        from coco_experiments.checking import experiment_from

        return experiment_from(data)


def _wrong_anchor(text: str) -> str:
    """Return what keeps an anchor from ever matching, or nothing."""
    if not text.strip():
        return "is empty; an anchor is needed, such as 'guide.md#setup'"
    if text != text.strip():
        return "begins or ends with white space"
    if text.startswith("#"):
        return "names no document before '#'"
    if text.startswith("./"):
        return f"begins with './'; write {text[2:]!r}, as documents are named in answers"
    lines = parse_anchor(text).lines
    if lines is not None and not 1 <= lines[0] <= lines[1]:
        return "names no lines; the first line is 1, and ranges go upwards"
    return ""


def _invalid(field: str, message: str) -> InvalidConfig:
    return InvalidConfig(message, details={"field": field})


def _refuse_repeated(field: str, names: Iterable[str]) -> None:
    listed = list(names)
    for position, first in repeated(listed):
        raise _invalid(
            f"{field}[{position}]",
            f"{listed[position]!r} stands twice, at {field}[{first}] and {field}[{position}].",
        )
