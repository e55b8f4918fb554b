"""The two kinds of strategies as a file holds them: the wire's models, with the core's checks."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    GetPydanticSchema,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)

from coco_core.configs import IndexingConfig
from coco_core.filters import Filters
from coco_core.plan import QueryPlan
from coco_experiments.validation import Name, as_value_error
from coco_protocol.base import Request
from coco_protocol.configs import ChunkingBody, ConfigRequest
from coco_protocol.docs import FiltersBody, RetrievalBody

__all__ = ["IndexingStrategy", "QueryStrategy"]

V = TypeVar("V")


def _config_id(text: str) -> str:
    with as_value_error():
        return IndexingConfig(text).config_id


def _query_id(text: str) -> str:
    if "/" in text:
        raise ValueError("holds '/', which stands between an index and its queries.")
    return text


class _Chunking(ChunkingBody):
    @field_validator("chunk_overlap")
    @classmethod
    def _is_below_the_size(cls, overlap: int, info: ValidationInfo) -> int:
        size = info.data.get("chunk_size")
        if size is not None and overlap >= size:
            raise ValueError(f"is {overlap}; it must be 0 to chunk_size - 1 ({size - 1}).")
        return overlap


class _Index(ConfigRequest):
    config_id: Annotated[Name, AfterValidator(_config_id)]
    chunking: _Chunking = Field(default_factory=_Chunking)


class _Filters(FiltersBody):
    @field_validator("*")
    @classmethod
    def _suits_the_core(cls, value: V, info: ValidationInfo) -> V:
        if info.field_name == "since_revision":
            # What differs from a revision changes with every save: no two runs would compare.
            if value is not None:
                raise ValueError("a strategy cannot filter by a git revision")
            return value
        given: dict[str, Any] = {str(info.field_name): value}
        with as_value_error():
            Filters(**given)
        return value


class _Retrieval(RetrievalBody):
    filters: _Filters = Field(default_factory=_Filters)
    explain: bool = False


class _Query(Request):
    query_config_id: Annotated[Name, AfterValidator(_query_id)]
    retrieval_config: _Retrieval = Field(default_factory=_Retrieval)


def _indexing_config(value: object, read: ValidatorFunctionWrapHandler) -> IndexingConfig:
    if isinstance(value, IndexingConfig):
        return value
    body: _Index = read(value)
    return body.to_config()


def _query_plan(value: object, read: ValidatorFunctionWrapHandler) -> QueryPlan:
    if isinstance(value, QueryPlan):
        return value
    body: _Query = read(value)
    # Only what was named: the rest stays open, for instance to what a project adopts.
    retrieval = body.retrieval_config.model_dump(exclude_unset=True)
    with as_value_error():
        return QueryPlan(body.query_config_id, retrieval=retrieval)


IndexingStrategy: TypeAlias = Annotated[
    IndexingConfig,
    GetPydanticSchema(lambda _, schema_of: schema_of(_Index)),
    WrapValidator(_indexing_config),
]
"""A field that holds the core's config and is read from a mapping."""

QueryStrategy: TypeAlias = Annotated[
    QueryPlan,
    GetPydanticSchema(lambda _, schema_of: schema_of(_Query)),
    WrapValidator(_query_plan),
]
"""A field that holds the core's plan and is read from a mapping."""
