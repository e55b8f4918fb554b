"""What an experiment saw: indexes, answers and times, in a file; judgements are made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, TypeAlias, cast, get_args

from coco_experiments.checking import check_experiment
from coco_experiments.fields import Problem, Record, Where, refuse, shown
from coco_experiments.spec import Experiment

__all__ = [
    "LONGEST_EXCERPT",
    "Answered",
    "HitRecord",
    "IndexResult",
    "Product",
    "Results",
    "Target",
]

Product: TypeAlias = Literal["local", "server"]

# Goes up when a file of before would mean something else to a new program.
_FORMAT = 1

# What a reader of the report sees of a hit.
LONGEST_EXCERPT = 400


@dataclass(frozen=True, slots=True)
class Target:
    """Whom the experiment asked."""

    product: Product
    url: str
    project_id: str
    project_name: str
    path: str | None
    """The directory, where it was named by one."""


@dataclass(frozen=True, slots=True)
class IndexResult:
    """An index that was asked, and what building it took."""

    config_id: str
    fingerprint: str
    """Of the `IndexingConfig`."""
    documents: int
    chunks: int
    seconds: float | None
    """From its order until every vector was there; ``None`` when it existed before."""
    bytes: int | None
    """On disk; ``None`` where nobody can tell."""
    parsed: int | None = None
    """Documents that were parsed and cut."""
    copied: int | None = None
    """Documents taken over from an index of the same chunking."""
    embedded: int | None = None
    """Chunks whose vectors were computed."""
    reused: int | None = None
    """Chunks whose vectors were known."""
    version_id: str | None = None
    """The index version, on the server."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> IndexResult:
        """Read plain data; what is wrong raises one `InvalidConfig` with every field."""
        problems: list[Problem] = []
        read = _index(data, problems, None)
        refuse(problems)
        return read


@dataclass(frozen=True, slots=True)
class HitRecord:
    """A hit as it was answered."""

    doc_id: str
    start_line: int | None
    end_line: int | None
    symbol: str
    fragment: str
    heading_trail: tuple[str, ...]
    definitions: tuple[str, ...]
    """Dotted paths of what begins inside."""
    score: float
    excerpt: str
    """The first 400 characters at most."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; by hand, since a file holds hundreds of thousands."""
        return {
            "doc_id": self.doc_id,
            "start_line": self.start_line,
            "end_line": self.end_line,
            "symbol": self.symbol,
            "fragment": self.fragment,
            "heading_trail": list(self.heading_trail),
            "definitions": list(self.definitions),
            "score": self.score,
            "excerpt": self.excerpt,
        }


@dataclass(frozen=True, slots=True)
class Answered:
    """One question asked by one strategy."""

    index_id: str
    query_id: str
    question_id: str
    milliseconds: float
    """Round trip."""
    engine: Mapping[str, float] = field(default_factory=dict)
    """What the service says it took, by stage, in milliseconds."""
    hits: tuple[HitRecord, ...] = ()
    error: str | None = None
    """Why there is no answer."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back."""
        return {
            "index_id": self.index_id,
            "query_id": self.query_id,
            "question_id": self.question_id,
            "milliseconds": self.milliseconds,
            "engine": dict(self.engine),
            "hits": [each.to_dict() for each in self.hits],
            "error": self.error,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Answered:
        """Read plain data; what is wrong raises one `InvalidConfig` with every field."""
        problems: list[Problem] = []
        read = _answer(data, problems, None)
        refuse(problems)
        return read


@dataclass(frozen=True, slots=True)
class Results:
    """The results file, format 1."""

    experiment: Experiment
    target: Target
    started_at: float
    """Seconds since 1970."""
    finished_at: float | None
    """``None`` while answers are missing."""
    indexes: tuple[IndexResult, ...]
    answers: tuple[Answered, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back."""
        return {
            "format": _FORMAT,
            "experiment": self.experiment.to_dict(),
            "target": asdict(self.target),
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "indexes": [each.to_dict() for each in self.indexes],
            "answers": [each.to_dict() for each in self.answers],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Results:
        """Read plain data; what is wrong raises one `InvalidConfig` with every field."""
        problems: list[Problem] = []
        record = Record(data, _RESULTS_FIELDS, problems)
        version = record.value("format")
        if version != _FORMAT:
            record.note("format", f"is {shown(version)}; this program reads format {_FORMAT}.")
            refuse(problems)
        experiment = check_experiment(record.value("experiment"), problems, (None, "experiment"))
        target = _target(record.value("target"), problems, (None, "target"))
        indexes = tuple(_index(each, problems, where) for where, each in record.items("indexes"))
        answers = tuple(_answer(each, problems, where) for where, each in record.items("answers"))
        started, finished = record.number("started_at"), record.number_or_none("finished_at")
        refuse(problems)
        assert experiment is not None
        return cls(experiment, target, started, finished, indexes, answers)


_RESULTS_FIELDS = frozenset(each.name for each in fields(Results)) | {"format"}
_TARGET_FIELDS = frozenset(each.name for each in fields(Target))
_INDEX_FIELDS = frozenset(each.name for each in fields(IndexResult))
_ANSWER_FIELDS = frozenset(each.name for each in fields(Answered))
_HIT_FIELDS = frozenset(each.name for each in fields(HitRecord))


def _target(data: object, problems: list[Problem], where: Where) -> Target:
    record = Record(data, _TARGET_FIELDS, problems, where)
    return Target(
        product=cast("Product", record.choice("product", get_args(Product))),
        url=record.text("url"),
        project_id=record.text("project_id"),
        project_name=record.text("project_name", ""),
        path=record.text_or_none("path"),
    )


def _index(data: object, problems: list[Problem], where: Where) -> IndexResult:
    record = Record(data, _INDEX_FIELDS, problems, where)
    return IndexResult(
        config_id=record.text("config_id"),
        fingerprint=record.text("fingerprint"),
        documents=record.whole("documents"),
        chunks=record.whole("chunks"),
        seconds=record.number_or_none("seconds"),
        bytes=record.whole_or_none("bytes"),
        parsed=record.whole_or_none("parsed"),
        copied=record.whole_or_none("copied"),
        embedded=record.whole_or_none("embedded"),
        reused=record.whole_or_none("reused"),
        version_id=record.text_or_none("version_id"),
    )


def _answer(data: object, problems: list[Problem], where: Where) -> Answered:
    record = Record(data, _ANSWER_FIELDS, problems, where)
    return Answered(
        index_id=record.text("index_id"),
        query_id=record.text("query_id"),
        question_id=record.text("question_id"),
        milliseconds=record.number("milliseconds"),
        engine=record.numbers("engine"),
        hits=tuple(_hit(each, problems, place) for place, each in record.items("hits")),
        error=record.text_or_none("error"),
    )


def _hit(data: object, problems: list[Problem], where: Where) -> HitRecord:
    record = Record(data, _HIT_FIELDS, problems, where)
    return HitRecord(
        doc_id=record.text("doc_id"),
        start_line=record.whole_or_none("start_line"),
        end_line=record.whole_or_none("end_line"),
        symbol=record.text("symbol", ""),
        fragment=record.text("fragment", ""),
        heading_trail=record.texts("heading_trail"),
        definitions=record.texts("definitions"),
        score=record.number("score"),
        excerpt=record.text("excerpt", ""),
    )
