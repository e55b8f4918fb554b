"""From plain data to an experiment: all problems at once, each with its field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from typing import TypeVar, cast, get_args

from coco_core.configs import (
    ChunkingConfig,
    EmbeddingConfig,
    IndexingConfig,
    SizeUnit,
    StrategyName,
)
from coco_core.errors import InvalidConfig
from coco_core.filters import Filters
from coco_core.intent import (
    FusionMethod,
    Profile,
    RankingOptions,
    RerankerOptions,
    RetrievalMode,
    SearchIntent,
)
from coco_core.plan import QueryPlan
from coco_experiments.fields import (
    Problem,
    Record,
    Where,
    refuse,
    repeated,
    shown,
)
from coco_experiments.spec import Expected, Experiment, Question

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
_RETRIEVAL_FIELDS = tuple(each.name for each in fields(SearchIntent) if each.name != "query")
_SECTIONS: dict[str, type[Filters | RankingOptions | RerankerOptions]] = {
    "filters": Filters,
    "ranking": RankingOptions,
    "reranker": RerankerOptions,
}
_CHOICES = {
    "retrieval_mode": get_args(RetrievalMode),
    "profile": get_args(Profile),
    "fusion": get_args(FusionMethod),
}


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
        problems.append(Problem(where, f"{shown(data)} is not a list of questions."))
        return ()
    if not data:
        problems.append(Problem(where, "holds no questions; at least one is needed."))
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
    return Question(question_id, query, found, tags, language)


def _expected(data: object, problems: list[Problem], where: Where) -> Expected | None:
    if isinstance(data, str):
        return _built(lambda: Expected(data), problems, where)
    if not isinstance(data, Mapping):
        text = f"{shown(data)} is not an anchor such as 'guide.md#setup'."
        problems.append(Problem(where, text))
        return None
    before = len(problems)
    record = Record(data, _EXPECTED_FIELDS, problems, where)
    anchor, grade = record.text("id"), record.number("grade", 1.0)
    if len(problems) == before:
        _built(lambda: Expected(anchor), problems, record.at("id"))
    if len(problems) > before:
        return None
    return _built(lambda: Expected(anchor, grade), problems, record.at("grade"))


def _index(data: object, problems: list[Problem], where: Where) -> IndexingConfig | None:
    before = len(problems)
    record = Record(data, _INDEX_FIELDS, problems, where)
    config_id = record.text("config_id")
    chunking, embedding = _chunking(record), _embedding(record)
    if len(problems) > before or chunking is None or embedding is None:
        return None
    config = IndexingConfig("probe", chunking, embedding)
    return _built(lambda: replace(config, config_id=config_id), problems, record.at("config_id"))


def _chunking(record: Record) -> ChunkingConfig | None:
    default = ChunkingConfig()
    if "chunking" not in record:
        return default
    before = len(record.problems)
    inner = record.inner("chunking", tuple(asdict(default)))
    strategy = cast("StrategyName", inner.choice("strategy_name", get_args(StrategyName), "ast"))
    unit = cast("SizeUnit", inner.choice("unit", get_args(SizeUnit), default.unit))
    size = inner.whole("chunk_size", default.chunk_size)
    overlap = inner.whole("chunk_overlap", default.chunk_overlap)
    # Alone first, so that each error stands at its own field.
    if len(record.problems) == before:
        _built(lambda: ChunkingConfig(chunk_size=size), record.problems, inner.at("chunk_size"))
    if len(record.problems) > before:
        return None
    return _built(
        lambda: ChunkingConfig(strategy, size, overlap, unit),
        record.problems,
        inner.at("chunk_overlap"),
    )


def _embedding(record: Record) -> EmbeddingConfig | None:
    default = EmbeddingConfig()
    if "embedding" not in record:
        return default
    before = len(record.problems)
    inner = record.inner("embedding", tuple(asdict(default)))
    model = inner.text("model_name") if "model_name" in inner else default.model_name
    tokens = inner.whole("max_tokens", default.max_tokens)
    if len(record.problems) > before:
        return None
    return _built(lambda: EmbeddingConfig(model, tokens), record.problems, inner.at("max_tokens"))


def _query(data: object, problems: list[Problem], where: Where) -> QueryPlan | None:
    before = len(problems)
    record = Record(data, _QUERY_FIELDS, problems, where)
    query_id = record.text("query_config_id")
    if "/" in query_id:
        record.note("query_config_id", "holds '/', which stands between an index and its queries.")
    retrieval: Mapping[str, object] = {}
    if "retrieval_config" in record:
        retrieval = _retrieval(record.inner("retrieval_config", _RETRIEVAL_FIELDS))
    if len(problems) > before:
        return None
    return _built(
        lambda: QueryPlan(query_id, retrieval=retrieval), problems, record.at("retrieval_config")
    )


def _retrieval(record: Record) -> dict[str, object]:
    """Check every field alone, so that each error stands where it belongs."""
    for name in record.names():
        value = record.value(name)
        section = _SECTIONS.get(name)
        if section is None or not isinstance(value, Mapping):
            _check_field(record, name, {name: value})
            continue
        inner = record.inner(name, tuple(each.name for each in fields(section)))
        least: dict[str, object] = {}
        if section is RerankerOptions:
            least["model_name"] = inner.text("model_name") or "unnamed"
        for part in inner.names():
            if part not in least:
                _check_field(inner, part, {name: {**least, part: inner.value(part)}})
    return {name: record.value(name) for name in record.names()}


def _check_field(record: Record, name: str, retrieval: Mapping[str, object]) -> None:
    value, choices = record.value(name), _CHOICES.get(name)
    if choices is not None and isinstance(value, str):
        record.note_unknown(name, value, choices)
    else:
        _built(lambda: QueryPlan(retrieval=retrieval), record.problems, record.at(name))


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
        text = f"{names[position]!r} stands twice."
        problems.append(Problem(places[position], text, places[first]))


def _built(make: Callable[[], T], problems: list[Problem], where: Where) -> T | None:
    """Build what checks itself, and note at ``where`` (or a field below) what it says."""
    try:
        return make()
    except InvalidConfig as error:
        problems.append(Problem(where, str(error)))
        return None
