"""Base classes of a table's rows, and what turns a model's results into columns."""

from __future__ import annotations

import base64
import dataclasses
import difflib
import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import Any, ClassVar

from pydantic import BaseModel
from sqlalchemy import JSON, DateTime, Table
from sqlmodel import Field, SQLModel

from coco_flow.errors import WrongRows
from coco_flow.models.declared_tables import forget_earlier
from coco_flow.models.frames import is_gap

__all__ = [
    "BOOKKEEPING",
    "LLMTelemetryMixin",
    "PipelineModelBase",
    "apply_dspy_telemetry",
    "apply_field_renames",
    "bookkeeping_of",
    "plain_data",
    "serialize",
]

BOOKKEEPING = frozenset({"workflow_id", "created_at", "updated_at", "model_name"})
"""Columns that say which run wrote a row and when: the writer fills them, no digest has them."""


def bookkeeping_of(table: Table) -> frozenset[str]:
    """Return the bookkeeping columns of a table: all of `BOOKKEEPING`, or none.

    A table that is not of a `PipelineModelBase` may have a `model_name` of its own.
    """
    return BOOKKEEPING if set(table.c.keys()) >= BOOKKEEPING else frozenset()


def _now() -> datetime:
    return datetime.now(UTC)


class PipelineModelBase(SQLModel):
    """The columns that every table of a model has.

    A subclass with `table=True` may set `_field_renames` (``{given name: column}``) and
    `_dspy_mappings` (``{column: field of the prediction}``), which apply to what rows are made of:
    a prediction is given as `dspy_result`, its figures as `dspy_telemetry`. What goes into a JSON
    column, or one with "json" in its name, is made plain data by `serialize`.

    Attributes:
        workflow_id: The run that wrote the row.
        created_at: When a row of this key was first written.
        updated_at: When its content last changed.
        model_name: The model that wrote it.
        error: Why the row's document could not be processed, or None.
    """

    _field_renames: ClassVar[dict[str, str]] = {}
    _dspy_mappings: ClassVar[dict[str, str]] = {}

    workflow_id: str | None = Field(default=None, index=True)
    created_at: datetime = Field(default_factory=_now, sa_type=DateTime(timezone=True))
    updated_at: datetime = Field(default_factory=_now, sa_type=DateTime(timezone=True))
    model_name: str | None = None
    error: str | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        forget_earlier(cls)

    def __init__(self, **data: Any) -> None:
        apply_field_renames(data, self._field_renames)
        result = data.pop("dspy_result", None)
        _check_fields(type(self), data)
        if result is not None:
            for column, field in self._dspy_mappings.items():
                data[column] = _column_value(type(self), column, getattr(result, field, None))
        apply_dspy_telemetry(data)
        super().__init__(**data)


class LLMTelemetryMixin(SQLModel):
    """What calls of a language model cost, for each row that they led to.

    Attributes:
        llm_model: The model's name.
        llm_input_tokens: Tokens of the prompts.
        llm_output_tokens: Tokens of the answers.
        llm_cost_usd: The price in US dollars, if it is known.
        llm_latency_ms: The time that the calls took, in milliseconds.
    """

    llm_model: str | None = None
    llm_input_tokens: int | None = None
    llm_output_tokens: int | None = None
    llm_cost_usd: float | None = None
    llm_latency_ms: int | None = None


def apply_field_renames(data: dict[str, Any], renames: Mapping[str, str]) -> dict[str, Any]:
    """Rename fields of `data` in place; a field that is there under its new name stays.

    Args:
        data: The fields of a row.
        renames: New names by old ones.

    Returns:
        `data` itself.
    """
    for old, new in renames.items():
        if old in data and new not in data:
            data[new] = data.pop(old)
    return data


# The names that telemetry of a prediction may have, for each column.
_TELEMETRY: dict[str, tuple[str, ...]] = {
    "llm_model": ("llm_model", "model_name", "model"),
    "llm_input_tokens": ("llm_input_tokens", "input_tokens", "tokens_prompt", "prompt_tokens"),
    "llm_output_tokens": (
        "llm_output_tokens", "output_tokens", "tokens_completion", "completion_tokens",
    ),
    "llm_cost_usd": ("llm_cost_usd", "cost_usd", "cost"),
    "llm_latency_ms": ("llm_latency_ms", "latency_ms"),
}  # fmt: skip


# What a row may be given although its class has no such column.
_EXTRA_FIELDS = frozenset({"dspy_telemetry", *_TELEMETRY})


def apply_dspy_telemetry(data: dict[str, Any]) -> dict[str, Any]:
    """Move the figures of `data["dspy_telemetry"]` into the columns of `LLMTelemetryMixin`.

    Args:
        data: The fields of a row, changed in place. `dspy_telemetry` is a mapping with
            `model_name`, `tokens_prompt`, `tokens_completion`, `cost` (US dollars) and
            `execution_time` (seconds), or with the columns' own names.

    Returns:
        `data` itself.
    """
    telemetry = data.pop("dspy_telemetry", None)
    if not telemetry:
        return data
    for column, names in _TELEMETRY.items():
        value = next((telemetry[name] for name in names if telemetry.get(name) is not None), None)
        if value is not None:
            data.setdefault(column, value)
    seconds = telemetry.get("execution_time")
    if seconds is not None:
        data.setdefault("llm_latency_ms", round(seconds * 1000))
    return data


def _check_fields(row_class: Any, data: Mapping[str, Any]) -> None:
    """Refuse fields that the row class does not have: SQLModel would leave them out in silence."""
    if not hasattr(row_class, "__table__"):
        return
    known = {*row_class.model_fields, *row_class.__sqlmodel_relationships__, *_EXTRA_FIELDS}
    unknown = next((name for name in data if name not in known), None)
    if unknown is not None:
        near = difflib.get_close_matches(unknown, row_class.model_fields, n=1)
        guess = f" Did you mean {near[0]!r}?" if near else ""
        raise WrongRows(
            f"{row_class.__name__} has no field {unknown!r}.{guess}",
            hint=f"Its fields: {', '.join(row_class.model_fields)}.",
        )


def _column_value(row_class: Any, column: str, value: Any) -> Any:
    """Return a field of a prediction as its column takes it."""
    table = getattr(row_class, "__table__", None)
    is_json = table is not None and column in table.c and isinstance(table.c[column].type, JSON)
    if "json" in column:
        return serialize(value, [])
    return serialize(value) if is_json else value


def serialize(value: Any, default: Any = None) -> Any:
    """Return a value as plain data that a JSON column takes.

    Numbers that JSON does not have (NaN, infinity) become None, bytes become text in base64, and
    what is no data at all becomes text.

    Args:
        value: Text of a JSON document, a Pydantic model, a dataclass, an enumeration, a list or
            a mapping of such values, an array, or plain data.
        default: What None and text that is no JSON document become.
    """
    if value is None:
        return default
    if isinstance(value, str) and not isinstance(value, Enum):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return default
    return plain_data(value)


def plain_data(value: Any) -> Any:
    """Return what `serialize` makes of a value that is no text of a JSON document."""
    if isinstance(value, Enum):
        return plain_data(value.value)
    if value is None or isinstance(value, str | bool | int):
        # NumPy's text is a subclass of the plain one.
        return str(value) if isinstance(value, str) else value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain_data(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_data(one) for one in value]
    return _plain_object(value)


def _plain_object(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return plain_data(value.model_dump(mode="json"))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain_data(dataclasses.asdict(value))
    if is_gap(value):
        return None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if hasattr(value, "tolist"):
        # Arrays, and the numbers of NumPy.
        return plain_data(value.tolist())
    return str(value)
