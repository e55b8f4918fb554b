"""What an experiment is: indexes, query strategies, and the questions that judge them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from coco_core.anchors import parse_anchor
from coco_experiments.problems import format_value
from coco_experiments.strategies import IndexingStrategy, QueryStrategy
from coco_experiments.validation import (
    SPEC,
    Count,
    Filled,
    Name,
    Number,
    Text,
    read_plain,
    refuse_repeated,
)

__all__ = ["Expected", "Experiment", "Question"]


def _anchor(text: str) -> str:
    """Refuse what keeps an anchor from ever matching."""
    if not text.strip():
        raise ValueError(f"{text!r} is empty; an anchor is needed, such as 'guide.md#setup'.")
    if text != text.strip():
        raise ValueError(f"{text!r} begins or ends with white space.")
    if text.startswith("#"):
        raise ValueError(f"{text!r} names no document before '#'.")
    if text.startswith("./"):
        raise ValueError(
            f"{text!r} begins with './'; write {text[2:]!r}, as documents are named in answers."
        )
    lines = parse_anchor(text).lines
    if lines is not None and not 1 <= lines[0] <= lines[1]:
        raise ValueError(f"{text!r} names no lines; the first line is 1, and ranges go upwards.")
    return text


@dataclass(frozen=True, slots=True, config=SPEC)
class Expected:
    """A place that answers a question, as an anchor, and how well: 1 is the usual grade."""

    anchor: Annotated[Text, AfterValidator(_anchor), Field(alias="id")]
    grade: Annotated[Number, Field(gt=0)] = 1.0
    """What is not relevant is left out."""

    def to_dict(self) -> str | dict[str, Any]:
        """Return the anchor, with its grade where that is not 1."""
        return self.anchor if self.grade == 1.0 else {"id": self.anchor, "grade": self.grade}


def _expected(value: object) -> object:
    """Read an anchor alone; a mapping and what is built already pass."""
    if isinstance(value, str):
        return Expected(_anchor(value))
    if isinstance(value, Mapping | Expected):
        return value
    raise ValueError(f"{format_value(value)} is not an anchor such as 'guide.md#setup'.")


@dataclass(frozen=True, slots=True, config=SPEC)
class Question:
    """A question with the places that answer it."""

    question_id: Name
    query: Name
    expected: Annotated[
        tuple[Annotated[Expected, BeforeValidator(_expected)], ...],
        Filled,
        Field(alias="expected_doc_ids"),
    ]
    tags: tuple[Text, ...] = ()
    language: Text = ""
    """Of the question or of what answers it, as its author likes; metrics can be grouped by it."""

    def __post_init__(self) -> None:
        refuse_repeated("Question", [each.anchor for each in self.expected], "expected_doc_ids")

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
        return read_plain(cls, data)


@dataclass(frozen=True, slots=True, kw_only=True, config=SPEC)
class Experiment:
    """Every query strategy on every index, judged by the same questions."""

    name: Name
    project_id: Name | None = None
    """A registered project; or else ``path``, a directory."""
    path: Annotated[Name | None, Field(validate_default=True)] = None
    indexes: Annotated[tuple[IndexingStrategy, ...], Filled, Field(alias="indexing_strategies")]
    queries: Annotated[tuple[QueryStrategy, ...], Filled, Field(alias="query_strategies")]
    questions: Annotated[tuple[Question, ...], Filled, Field(alias="evaluation_set")]
    k: Annotated[Count | None, Field(ge=1)] = None
    """Cut-off of the metrics; ``None`` is the smallest ``top_k`` of the query strategies."""
    seed: Count = 0
    """Decides what the statistics draw."""

    @field_validator("path")
    @classmethod
    def _either(cls, path: str | None, info: ValidationInfo) -> str | None:
        # One that was wrong was given.
        has_project = info.data.get("project_id", "wrong") is not None
        if has_project and path is not None:
            raise ValueError("is given beside project_id; give one of them.")
        if not has_project and path is None:
            raise ValueError("is missing, as is project_id; give one of them.")
        return path

    def __post_init__(self) -> None:
        indexes = [each.config_id for each in self.indexes]
        queries = [each.query_config_id for each in self.queries]
        questions = [each.question_id for each in self.questions]
        refuse_repeated("Experiment", indexes, "indexing_strategies", "config_id")
        refuse_repeated("Experiment", queries, "query_strategies", "query_config_id")
        refuse_repeated("Experiment", questions, "evaluation_set", "question_id")

    @property
    def cutoff(self) -> int:
        """The default cut-off of the metrics."""
        return self.k or min(plan.intent("?").top_k for plan in self.queries)

    @property
    def fingerprint(self) -> str:
        """Digest of all that decides the metrics; an experiment by another name has the same."""
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
        return read_plain(cls, data)
