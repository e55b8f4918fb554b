"""Search intent: the validated, immutable description of a search."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Literal, TypeAlias, TypeVar, cast, get_args

from coco_core.errors import InvalidIntent
from coco_core.filters import Filters

__all__ = [
    "FusionMethod",
    "Profile",
    "RankingOptions",
    "RerankerOptions",
    "RetrievalMode",
    "SearchIntent",
]

RetrievalMode: TypeAlias = Literal["vector", "fts", "hybrid"]
FusionMethod: TypeAlias = Literal["relative", "rrf"]
Profile: TypeAlias = Literal["auto", "code", "docs", "mixed"]

# A longer "query" is a document; the embedder reads its first few hundred tokens anyway.
_LONGEST_QUERY = 10_000
_MOST_RESULTS = 1000
_FARTHEST_OFFSET = 10_000
# A cross-encoder takes milliseconds per text; beyond this no one waits.
_MOST_RERANKED = 200


@dataclass(frozen=True, slots=True)
class RankingOptions:
    """Profile and switches of the code-aware ranking; ``None`` is the profile's default."""

    profile: Profile = "auto"
    fusion: FusionMethod | None = None
    definitions: bool | None = None
    """Definitions of the named symbol first."""
    paths: bool | None = None
    """File and directory names are evidence."""
    coherence: bool | None = None
    """Several matching chunks speak for their file."""
    literal: bool | None = None
    """What stands literally in a text beats what resembles it."""
    penalties: bool | None = None
    """Tests, examples, generated and vendored code lower unless asked for."""
    diversity: bool | None = None
    """At most ``per_document`` chunks of one document."""

    def __post_init__(self) -> None:
        _one_of("ranking.profile", self.profile, get_args(Profile))
        if self.fusion is not None:
            _one_of("ranking.fusion", self.fusion, get_args(FusionMethod))
        for name in ("definitions", "paths", "coherence", "literal", "penalties", "diversity"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, bool):
                raise InvalidIntent(f"ranking.{name} is {value!r}; it must be true, false or null.")


@dataclass(frozen=True, slots=True)
class RerankerOptions:
    """A cross-encoder over the first results."""

    model_name: str
    rerank_top_n: int = 30

    def __post_init__(self) -> None:
        if not self.model_name:
            raise InvalidIntent("reranker.model_name is empty.", hint="Name a reranking model.")
        _in_range("reranker.rerank_top_n", self.rerank_top_n, 1, _MOST_RERANKED)


@dataclass(frozen=True, slots=True)
class SearchIntent:
    """What is searched, in what way, and how much of it is wanted."""

    query: str
    retrieval_mode: RetrievalMode = "hybrid"
    top_k: int = 10
    offset: int = 0
    hybrid_alpha: float | None = None
    """1 is vectors only, 0 keywords only; ``None`` leaves it to the query's shape."""
    filters: Filters = field(default_factory=Filters)
    reranker: RerankerOptions | None = None
    per_document: int = 1
    max_tokens: int | None = None
    """Budget of the answer's texts together."""
    min_score: float | None = None
    ranking: RankingOptions = field(default_factory=RankingOptions)
    explain: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.query, str) or not self.query.strip():
            raise InvalidIntent("The query is empty.", hint="Say what to search for.")
        if len(self.query) > _LONGEST_QUERY:
            raise InvalidIntent(
                f"The query has {len(self.query)} characters; {_LONGEST_QUERY} is the most."
            )
        _one_of("retrieval_mode", self.retrieval_mode, get_args(RetrievalMode))
        _in_range("top_k", self.top_k, 1, _MOST_RESULTS)
        _in_range("offset", self.offset, 0, _FARTHEST_OFFSET)
        _in_range("per_document", self.per_document, 1, _MOST_RESULTS)
        if self.max_tokens is not None:
            _in_range("max_tokens", self.max_tokens, 1, 10_000_000)
        if self.hybrid_alpha is not None and not 0 <= self.hybrid_alpha <= 1:
            raise InvalidIntent(f"hybrid_alpha is {self.hybrid_alpha!r}; it must be 0 to 1.")
        if self.min_score is not None and not math.isfinite(self.min_score):
            raise InvalidIntent(f"min_score is {self.min_score!r}; it must be a finite number.")

    def to_dict(self) -> dict[str, object]:
        """Return plain data that `from_dict` reads back."""
        return cast("dict[str, object]", _plain(asdict(self)))

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> SearchIntent:
        """Read plain data; unknown fields and wrong types raise `InvalidIntent` with the name."""
        values = dict(_checked(cls, "the search intent", data))
        if "query" not in values:
            raise InvalidIntent("The field 'query' is missing.", hint="Say what to search for.")
        values["filters"] = _section(Filters, "filters", values.get("filters", {}))
        values["ranking"] = _section(RankingOptions, "ranking", values.get("ranking", {}))
        if values.get("reranker") is not None:
            values["reranker"] = _section(RerankerOptions, "reranker", values["reranker"])
        return cls(**values)  # type: ignore[arg-type]  # _checked compared every value with its field


def _one_of(name: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InvalidIntent(f"{name} is {value!r}.", hint=f"Use one of {', '.join(known)}.")


def _in_range(name: str, value: object, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidIntent(f"{name} is {value!r}; it must be a whole number {least} to {most}.")


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return [str(each) for each in value]
    return value


T = TypeVar("T")

# What plain data may stand in a field, by its annotation. Sections are read by their own class.
_ACCEPTED: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "bool": (bool,),
    "float | None": (int, float, type(None)),
    "int | None": (int, type(None)),
    "str | None": (str, type(None)),
    "bool | None": (bool, type(None)),
    "RetrievalMode": (str,),
    "Profile": (str,),
    "FusionMethod | None": (str, type(None)),
    "Filters": (Mapping,),
    "RankingOptions": (Mapping,),
    "RerankerOptions | None": (Mapping, type(None)),
    "tuple[str, ...]": (list, tuple),
    "tuple[ChunkKind, ...]": (list, tuple),
}


# The same for whoever writes such data and no Python.
_IN_WORDS: dict[tuple[type, ...], str] = {
    (str,): "a text",
    (int,): "a whole number",
    (bool,): "true or false",
    (int, float): "a number",
    (Mapping,): "a mapping",
    (list, tuple): "a list of texts",
}


def _said(annotation: str) -> str:
    accepted = _ACCEPTED[annotation]
    wanted = tuple(each for each in accepted if each is not type(None))
    return _IN_WORDS[wanted] + (" or null" if wanted != accepted else "")


def _section(kind: type[T], where: str, data: object) -> T:
    if not isinstance(data, Mapping):
        raise InvalidIntent(f"{where} is {data!r}; it must be a mapping.")
    try:
        return kind(**_checked(kind, where, data))
    except TypeError as error:
        raise InvalidIntent(f"{where} is incomplete: {error}.") from error


def _checked(kind: type, where: str, data: Mapping[str, object]) -> dict[str, object]:
    known = {each.name: str(each.type) for each in fields(kind)}
    values: dict[str, object] = {}
    for name, value in data.items():
        if name not in known:
            raise InvalidIntent(
                f"Unknown field {name!r} in {where}.", hint=f"Known: {', '.join(sorted(known))}."
            )
        accepted = _ACCEPTED[known[name]]
        wrong_bool = isinstance(value, bool) and bool not in accepted
        if wrong_bool or not isinstance(value, accepted):
            raise InvalidIntent(f"{name} in {where} is {value!r}; it must be {_said(known[name])}.")
        if isinstance(value, list | tuple):
            if not all(isinstance(each, str) for each in value):
                raise InvalidIntent(f"{name} in {where} is {value!r}; it must be a list of texts.")
            value = tuple(value)  # noqa: PLW2901  # lists of plain data become the field's tuple
        values[name] = value
    return values
