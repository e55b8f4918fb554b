"""From plain data to an experiment: all problems at once, each with its field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TypeVar, get_args

from coco_core.configs import (
    ChunkingConfig,
    EmbeddingConfig,
    IndexingConfig,
    SizeUnit,
    StrategyName,
)
from coco_core.errors import InvalidConfig
from coco_core.experiments.fields import (
    Problem,
    Record,
    Where,
    one_of,
    path_of,
    refuse,
    repeated,
    shown,
)
from coco_core.experiments.spec import Expected, Experiment, Question
from coco_core.plan import QueryPlan

__all__ = [
    "check_experiment",
    "check_question",
    "check_questions",
    "experiment_from",
    "question_from",
]

T = TypeVar("T")

_EXPERIMENT_FIELDS = (
    "name",
    "project_id",
    "path",
    "indexing_strategies",
    "query_strategies",
    "evaluation_set",
    "k",
    "seed",
)
_INDEX_FIELDS = ("config_id", "chunking", "embedding")
_QUERY_FIELDS = ("query_config_id", "retrieval_config")
_QUESTION_FIELDS = ("question_id", "query", "expected_doc_ids", "tags", "language")
_EXPECTED_FIELDS = ("id", "grade")


def experiment_from(data: Mapping[str, object]) -> Experiment:
    """Read an experiment from plain data, as `Experiment.to_dict` writes it."""
    problems: list[Problem] = []
    experiment = check_experiment(data, problems)
    refuse(problems)
    assert experiment is not None
    return experiment


def question_from(data: Mapping[str, object]) -> Question:
    """Read a question from plain data, as `Question.to_dict` writes it."""
    problems: list[Problem] = []
    question = check_question(data, problems)
    refuse(problems)
    assert question is not None
    return question


def check_experiment(
    data: object, problems: list[Problem], where: Where = None
) -> Experiment | None:
    """Read an experiment and note what is wrong; nothing comes back where anything is."""
    before = len(problems)
    record = Record(data, _EXPERIMENT_FIELDS, problems, where)
    name = record.text("name")
    project_id, path = record.text_or_none("project_id"), record.text_or_none("path")
    if record.value("project_id") is not None and record.value("path") is not None:
        record.note("path", "is given beside project_id; give one of them.")
    elif record.value("project_id") is None and record.value("path") is None:
        record.note("", "project_id is missing; give it or path.")
    indexes = _each(record, "indexing_strategies", "config_id", _index)
    queries = _each(record, "query_strategies", "query_config_id", _query)
    questions = _each(record, "evaluation_set", "question_id", check_question)
    k, seed = record.whole_or_none("k", least=1), record.whole("seed", 0)
    if len(problems) > before:
        return None
    return Experiment(name, project_id, path, indexes, queries, questions, k, seed)


def check_questions(
    data: object, problems: list[Problem], where: Where = None
) -> tuple[Question, ...]:
    """Read the list of a question file; its elements stand at ``[0]`` and so on."""
    if not isinstance(data, list):
        problems.append(Problem(path_of(where), f"{shown(data)} is not a list of questions."))
        return ()
    if not data:
        problems.append(Problem(path_of(where), "holds no questions; at least one is needed."))
    return _all(
        [((where, at), each) for at, each in enumerate(data)],
        "question_id",
        check_question,
        problems,
    )


def check_question(data: object, problems: list[Problem], where: Where = None) -> Question | None:
    """Read a question and note what is wrong."""
    before = len(problems)
    record = Record(data, _QUESTION_FIELDS, problems, where)
    question_id, query = record.text("question_id"), record.text("query")
    places = list(record.items("expected_doc_ids", filled=True))
    anchors = [each.get("id") if isinstance(each, Mapping) else each for _, each in places]
    _note_repeated([place for place, _ in places], anchors, problems)
    expected = [_expected(each, problems, place) for place, each in places]
    tags, language = record.texts("tags"), record.text("language", "")
    if len(problems) > before:
        return None
    found = tuple(each for each in expected if each is not None)
    return _built(lambda: Question(question_id, query, found, tags, language), problems, where)


def _expected(data: object, problems: list[Problem], where: Where) -> Expected | None:
    if isinstance(data, str):
        return _built(lambda: Expected(data), problems, where, own=False)
    if not isinstance(data, Mapping):
        problems.append(
            Problem(path_of(where), f"{shown(data)} is not an anchor such as 'guide.md#setup'.")
        )
        return None
    before = len(problems)
    record = Record(data, _EXPECTED_FIELDS, problems, where)
    anchor, grade = record.text("id"), record.number("grade", 1.0)
    if len(problems) > before:
        return None
    return _built(lambda: Expected(anchor, grade), problems, where)


def _index(data: object, problems: list[Problem], where: Where) -> IndexingConfig | None:
    before = len(problems)
    record = Record(data, _INDEX_FIELDS, problems, where)
    config_id = record.text("config_id")
    chunking = _chunking(record)
    embedding = _embedding(record)
    if len(problems) > before:
        return None
    assert chunking is not None
    assert embedding is not None
    return _built(lambda: IndexingConfig(config_id, chunking, embedding), problems, where)


def _chunking(record: Record) -> ChunkingConfig | None:
    default = ChunkingConfig()
    if "chunking" not in record:
        return default
    before = len(record.problems)
    inner = record.inner("chunking", tuple(asdict(default)))
    strategy = inner.text("strategy_name", default.strategy_name)
    unit = inner.text("unit", default.unit)
    size = inner.whole("chunk_size", default.chunk_size)
    overlap = inner.whole("chunk_overlap", default.chunk_overlap)
    if len(record.problems) == before:
        for name, value, known in (
            ("strategy_name", strategy, get_args(StrategyName)),
            ("unit", unit, get_args(SizeUnit)),
        ):
            if (problem := one_of(value, known)) is not None:
                inner.note(name, problem)
    if len(record.problems) > before:
        return None
    return _built(
        lambda: ChunkingConfig(strategy, size, overlap, unit),  # type: ignore[arg-type]  # one_of compared them
        record.problems,
        inner.where,
    )


def _embedding(record: Record) -> EmbeddingConfig | None:
    default = EmbeddingConfig()
    if "embedding" not in record:
        return default
    before = len(record.problems)
    inner = record.inner("embedding", tuple(asdict(default)))
    model = inner.text("model_name", default.model_name)
    tokens = inner.whole("max_tokens", default.max_tokens)
    if len(record.problems) > before:
        return None
    return _built(lambda: EmbeddingConfig(model, tokens), record.problems, inner.where)


def _query(data: object, problems: list[Problem], where: Where) -> QueryPlan | None:
    before = len(problems)
    record = Record(data, _QUERY_FIELDS, problems, where)
    query_id = record.text("query_config_id")
    retrieval = record.value("retrieval_config")
    if "retrieval_config" in record and not isinstance(retrieval, Mapping):
        record.note("retrieval_config", f"{shown(retrieval)} is not a mapping.")
    if len(problems) > before:
        return None
    given = retrieval if isinstance(retrieval, Mapping) else {}
    return _built(
        lambda: QueryPlan(query_id, retrieval=given), problems, (where, "retrieval_config")
    )


def _each(
    record: Record,
    name: str,
    key: str,
    check: Callable[[object, list[Problem], Where], T | None],
) -> tuple[T, ...]:
    return _all(list(record.items(name, filled=True)), key, check, record.problems)


def _all(
    places: list[tuple[Where, object]],
    key: str,
    check: Callable[[object, list[Problem], Where], T | None],
    problems: list[Problem],
) -> tuple[T, ...]:
    """Read every element; two of one id are a problem of the second."""
    ids = [each.get(key) if isinstance(each, Mapping) else None for _, each in places]
    _note_repeated([(place, key) for place, _ in places], ids, problems)
    read = [check(each, problems, place) for place, each in places]
    return tuple(each for each in read if each is not None)


def _note_repeated(places: list[Where], names: list[object], problems: list[Problem]) -> None:
    for position, first in repeated(names):
        problems.append(
            Problem(
                path_of(places[position]),
                f"{names[position]!r} stands twice, first at {path_of(places[first])}.",
            )
        )


def _built(
    make: Callable[[], T], problems: list[Problem], where: Where, *, own: bool = True
) -> T | None:
    """Build what checks itself; ``own`` says that the error's field lies below ``where``."""
    try:
        return make()
    except InvalidConfig as error:
        field = str(error.details.get("field", "")) if own else ""
        path = path_of((where, field) if field else where)
        problems.append(Problem(path, str(error)))
        return None
