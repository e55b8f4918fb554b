"""Indexing and query plans: what a control plane sends to workers."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from coco_core.configs import DEFAULT_CONFIG, IndexingConfig
from coco_core.errors import InvalidConfig, InvalidIntent
from coco_core.filters import Filters
from coco_core.globs import compile_glob
from coco_core.intent import SearchIntent

__all__ = ["IndexingPlan", "QueryPlan"]

# Goes up when an old plan would mean something else to a new program.
_PLAN_VERSION = 1

_EXTENSION_NAME = re.compile(r"[a-z][a-z0-9]*(?:[._-][a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class _Plan:
    """What all plans share: they are plain data in JSON and YAML, and open to extensions."""

    extensions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, kw_only=True)
    """Orders beyond the core's, by name. Whoever computes refuses those it does not know."""

    def __post_init__(self) -> None:
        for name, content in self.extensions.items():
            if not _EXTENSION_NAME.fullmatch(name) or not isinstance(content, Mapping):
                raise InvalidConfig(
                    f"The extension {name!r} is not valid.",
                    hint="Name it in lower case (`acme.quality`) and give it a mapping.",
                )

    def require_known(self, extensions: Collection[str]) -> None:
        """Refuse a plan that orders more than the caller can do; leaving it out would be a lie."""
        unknown = sorted(set(self.extensions) - set(extensions))
        if unknown:
            raise InvalidConfig(
                f"The plan needs the extension {unknown[0]!r}, which is not installed here.",
                hint=f"Known: {', '.join(sorted(extensions)) or 'none'}.",
            )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back."""
        raise NotImplementedError

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read plain data; what is unknown or of the wrong type raises with its name."""
        raise NotImplementedError

    def to_json(self) -> str:
        """Return the plan as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a plan from JSON."""
        try:
            data = json.loads(text)
        except ValueError as error:
            raise InvalidConfig(f"The plan is not valid JSON: {error}.") from error
        return cls.from_dict(_mapping("the plan", data))

    def to_yaml(self) -> str:
        """Return the plan as YAML."""
        import yaml

        return str(yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True))

    @classmethod
    def from_yaml(cls, text: str) -> Self:
        """Read a plan from YAML."""
        import yaml

        try:
            data = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise InvalidConfig(f"The plan is not valid YAML: {error}.") from error
        return cls.from_dict(_mapping("the plan", data))


@dataclass(frozen=True, slots=True)
class IndexingPlan(_Plan):
    """The order to build an index: which documents, and how they are cut and embedded."""

    config: IndexingConfig = DEFAULT_CONFIG
    include: tuple[str, ...] = ()
    """Path globs; empty means everything."""
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _Plan.__post_init__(self)
        for pattern in (*self.include, *self.exclude):
            try:
                compile_glob(pattern)
            except InvalidIntent as error:
                raise InvalidConfig(error.message, hint=error.hint) from error

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back."""
        return {
            "plan_version": _PLAN_VERSION,
            "config": self.config.to_dict(),
            "include": list(self.include),
            "exclude": list(self.exclude),
            "extensions": {name: dict(content) for name, content in self.extensions.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read plain data; what is unknown or of the wrong type raises with its name."""
        _check_plan(data, {"config", "include", "exclude", "extensions"})
        return cls(
            config=IndexingConfig.from_dict(_mapping("config", data.get("config", {}))),
            include=_texts("include", data.get("include", ())),
            exclude=_texts("exclude", data.get("exclude", ())),
            extensions=_mapping("extensions", data.get("extensions", {})),
        )


@dataclass(frozen=True, slots=True)
class QueryPlan(_Plan):
    """The order to search: everything of an intent but the question, and the index to ask."""

    query_config_id: str = "default"
    indexing_config_id: str | None = None
    """``None`` is the project's active index."""
    retrieval: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `SearchIntent`, as plain data."""

    def __post_init__(self) -> None:
        _Plan.__post_init__(self)
        if "query" in self.retrieval:
            raise InvalidConfig("The retrieval config holds a query.", hint="Take it out.")
        # Any question will do to find out whether the rest is valid.
        self.intent("?")

    def intent(self, query: str, filters: Filters | None = None) -> SearchIntent:
        """Return the intent of a question under this plan; ``filters`` replace the plan's."""
        try:
            intent = SearchIntent.from_dict({**self.retrieval, "query": query})
        except InvalidIntent as error:
            raise InvalidConfig(error.message, hint=error.hint) from error
        if filters is None:
            return intent
        known = {each.name: getattr(intent, each.name) for each in fields(intent)}
        return SearchIntent(**{**known, "filters": filters})

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back."""
        return {
            "plan_version": _PLAN_VERSION,
            "query_config_id": self.query_config_id,
            "indexing_config_id": self.indexing_config_id,
            "retrieval_config": dict(self.retrieval),
            "extensions": {name: dict(content) for name, content in self.extensions.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read plain data; what is unknown or of the wrong type raises with its name."""
        known = {"query_config_id", "indexing_config_id", "retrieval_config", "extensions"}
        _check_plan(data, known)
        index = data.get("indexing_config_id")
        return cls(
            query_config_id=_text("query_config_id", data.get("query_config_id", "default")),
            indexing_config_id=None if index is None else _text("indexing_config_id", index),
            retrieval=_mapping("retrieval_config", data.get("retrieval_config", {})),
            extensions=_mapping("extensions", data.get("extensions", {})),
        )


def _check_plan(data: Mapping[str, Any], known: set[str]) -> None:
    version = data.get("plan_version", _PLAN_VERSION)
    if version != _PLAN_VERSION:
        raise InvalidConfig(
            f"plan_version is {version!r}; this program reads version {_PLAN_VERSION}."
        )
    for name in data.keys() - known - {"plan_version"}:
        raise InvalidConfig(
            f"Unknown field {name!r} in the plan.", hint=f"Known: {', '.join(sorted(known))}."
        )


def _mapping(name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise InvalidConfig(f"{name} is {value!r}; it must be a mapping with text keys.")
    return value


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidConfig(f"{name} is {value!r}; it must be a text.")
    return value


def _texts(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise InvalidConfig(f"{name} is {value!r}; it must be a list of texts.")
    return tuple(_text(name, each) for each in value)
