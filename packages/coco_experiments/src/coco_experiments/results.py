"""What an experiment saw: indexes, answers and times, in a file; metrics are made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal, TypeAlias

from pydantic.dataclasses import dataclass

from coco_experiments.problems import Problem, format_value, raise_if_any
from coco_experiments.spec import Experiment
from coco_experiments.validation import SPEC, Count, Name, Number, Text, plain, read_plain

__all__ = [
    "LONGEST_EXCERPT",
    "AnswerRecord",
    "HitRecord",
    "IndexResult",
    "ProductName",
    "Results",
    "TargetRecord",
]

ProductName: TypeAlias = Literal["local", "server"]

# Goes up when a file of before would mean something else to a new program.
_FORMAT = 1

# What a reader of the report sees of a hit, and no more of people's texts than that.
LONGEST_EXCERPT = 400


@dataclass(frozen=True, slots=True, config=SPEC)
class TargetRecord:
    """Whom the experiment asked."""

    product: ProductName
    url: Name
    project_id: Name
    project_name: Text
    path: Text | None
    """The directory, where it was named by one."""


@dataclass(frozen=True, slots=True, config=SPEC)
class IndexResult:
    """An index that was asked, and what building it took."""

    config_id: Name
    fingerprint: Name
    """Of the `IndexingConfig`."""
    documents: Count
    chunks: Count
    seconds: Number | None
    """From its order until every vector was there; ``None`` when it existed before."""
    bytes: Count | None
    """On disk; ``None`` where it is unknown."""
    parsed: Count | None = None
    """Documents that were parsed and cut."""
    copied: Count | None = None
    """Documents taken over from an index of the same chunking."""
    embedded: Count | None = None
    """Chunks whose vectors were computed."""
    reused: Count | None = None
    """Chunks whose vectors were known."""
    version_id: Text | None = None
    """The index version, on the server."""


@dataclass(frozen=True, slots=True, config=SPEC)
class HitRecord:
    """A hit as it was answered."""

    doc_id: Name
    start_line: Count | None
    end_line: Count | None
    symbol: Text
    fragment: Text
    heading_trail: tuple[Text, ...]
    definitions: tuple[Text, ...]
    """Dotted paths of what begins inside."""
    score: Number
    excerpt: Text
    """The first 400 characters at most."""


@dataclass(frozen=True, slots=True, config=SPEC)
class AnswerRecord:
    """One question asked by one strategy."""

    index_id: Name
    query_id: Name
    question_id: Name
    milliseconds: Number
    """Round trip."""
    engine: Mapping[Text, Number] = field(default_factory=dict)
    """What the service says it took, by stage, in milliseconds."""
    hits: tuple[HitRecord, ...] = ()
    error: Text | None = None
    """Why there is no answer."""


@dataclass(frozen=True, slots=True, config=SPEC)
class Results:
    """The results file, format 1."""

    experiment: Experiment
    target: TargetRecord
    started_at: Number
    """Seconds since 1970."""
    finished_at: Number | None
    """``None`` while answers are missing."""
    indexes: tuple[IndexResult, ...]
    answers: tuple[AnswerRecord, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back."""
        return {
            "format": _FORMAT,
            "experiment": self.experiment.to_dict(),
            "target": plain(self.target),
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "indexes": [plain(each) for each in self.indexes],
            "answers": [plain(each) for each in self.answers],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Results:
        """Read plain data; what is wrong raises one `InvalidConfig` with every field."""
        version = data.get("format") if isinstance(data, Mapping) else data
        if version != _FORMAT:
            message = f"is {format_value(version)}; this program reads format {_FORMAT}."
            raise_if_any([Problem(("format",), message)])
        return read_plain(cls, {name: each for name, each in data.items() if name != "format"})
