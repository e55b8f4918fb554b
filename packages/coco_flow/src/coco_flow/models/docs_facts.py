"""What the page of documentation says of a model, from its declaration and its records."""

from __future__ import annotations

import inspect
import os
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from coco_flow.models.rows import BOOKKEEPING
from coco_flow.models.snapshots import snapshots_of
from coco_flow.models.store.tables import SNAPSHOTS, TESTS

if TYPE_CHECKING:
    from coco_flow.models.config import ModelConfig
    from coco_flow.models.database import Database
    from coco_flow.models.declaration import Model

__all__ = [
    "ColumnFacts",
    "ModelRecords",
    "SettingFacts",
    "columns_of",
    "nulls_text",
    "recorded_names",
    "records_of_model",
    "settings_of",
    "source_of",
]

# Snapshots that the page has of each table.
_SNAPSHOTS = 10

_BOOKKEEPING = {
    "workflow_id": "The run that wrote the row.",
    "created_at": "When a row of this key was first written.",
    "updated_at": "When its content last changed.",
    "model_name": "The model that wrote it.",
    "error": "Why the row's document could not be processed.",
}


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """A column of a model's table."""

    name: str
    type: str
    is_key: bool
    is_nullable: bool
    description: str
    is_bookkeeping: bool


@dataclass(frozen=True, slots=True)
class SettingFacts:
    """A setting of a model."""

    name: str
    type: str
    default: str
    bounds: str
    description: str
    fallback: str | None


@dataclass(frozen=True, slots=True)
class ModelRecords:
    """What runs recorded of a model's table.

    Attributes:
        snapshots: Row counts and null shares, newest first.
        tests: The latest outcome of each test, by its name: severity, failures, examples, run.
    """

    snapshots: list[dict[str, Any]] = field(default_factory=list)
    tests: dict[str, dict[str, Any]] = field(default_factory=dict)


def columns_of(declared: Model) -> list[ColumnFacts]:
    """Return the columns of a model's table, those that every table has at the end."""
    fields: Mapping[str, Any] = getattr(declared.db_model, "model_fields", {})
    found = []
    for column in declared.table.columns:
        description = getattr(fields.get(column.name), "description", None)
        described = description or column.comment or _BOOKKEEPING.get(column.name, "")
        found.append(
            ColumnFacts(
                column.name,
                _reference(column) or str(column.type),
                column.name in declared.primary_key,
                bool(column.nullable),
                described,
                column.name in BOOKKEEPING or column.name == "error",
            )
        )
    return sorted(found, key=lambda column: column.is_bookkeeping)


def _reference(column: Any) -> str:
    """Return the type of a column that refers to another table, with the column there."""
    targets = sorted(key.target_fullname for key in column.foreign_keys)
    return f"{column.type} → {', '.join(targets)}" if targets else ""


def settings_of(schema: type[ModelConfig] | None) -> list[SettingFacts]:
    """Return the settings of a model with their defaults and bounds."""
    if schema is None:
        return []
    found = []
    for name, setting in schema.model_fields.items():
        extra = setting.json_schema_extra
        fallback = extra.get("fallback") if isinstance(extra, dict) else None
        found.append(
            SettingFacts(
                name,
                inspect.formatannotation(setting.annotation),
                "required" if setting.is_required() else repr(setting.get_default()),
                _bounds(setting.metadata),
                setting.description or "",
                None if fallback is None else str(fallback),
            )
        )
    return found


_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def _bounds(metadata: list[Any]) -> str:
    parts = [
        f"{sign} {getattr(one, name)}"
        for one in metadata
        for name, sign in _SIGNS.items()
        if getattr(one, name, None) is not None
    ]
    return ", ".join(parts)


def source_of(declared: Model) -> str | None:
    """Return the source of a model's function, or None where there is none, as in a shell."""
    try:
        return textwrap.dedent(inspect.getsource(inspect.unwrap(declared.function)))
    except (OSError, TypeError):
        return None


def records_of_model(database: Database | None, model: str) -> ModelRecords:
    """Return what runs recorded; nothing without a database in which any ran."""
    if database is None or not _has_records(database):
        return ModelRecords()
    statement = (
        select(TESTS)
        .join(SNAPSHOTS, (SNAPSHOTS.c.run == TESTS.c.run) & (SNAPSHOTS.c.model == TESTS.c.model))
        .where(TESTS.c.model == model)
        .order_by(SNAPSHOTS.c.taken_at)
    )
    with database.reading() as connection:
        # Later ones take the place of earlier ones.
        tests = {row["test"]: dict(row) for row in connection.execute(statement).mappings()}
    return ModelRecords(snapshots_of(database, model, _SNAPSHOTS), tests)


def recorded_names(tests: Sequence[str]) -> list[str]:
    """Return the names under which tests are recorded: of one name, the second has "#2"."""
    seen: Counter[str] = Counter()
    names = []
    for name in tests:
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
    return names


def nulls_text(shares: Mapping[str, float]) -> str:
    """Return the share of nulls of the columns that have any."""
    # No error in any row is what one expects.
    shown = {
        name: share for name, share in shares.items() if share and (name, share) != ("error", 1)
    }
    return ", ".join(f"{name} {share:.1%}" for name, share in shown.items())


def _has_records(database: Database) -> bool:
    path = database.engine.url.database
    # Opening an SQLite file would create it.
    if database.is_sqlite and not (path and os.path.isfile(path)):  # noqa: PTH113 - a name as given
        return False
    return all(database.has_table(table.name) for table in (TESTS, SNAPSHOTS))
