"""Conditions on columns for values that are given as text or in great number."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Dialect, any_, func, literal, or_, select

from coco_flow.models.columns import typed_value

__all__ = ["has_value", "is_one_of"]


def has_value(column: Any, value: Any, dialect: Dialect) -> ColumnElement[bool]:
    """Return the condition that a column has a value, or one of several; None means null."""
    if value is None:
        condition: ColumnElement[bool] = column.is_(None)
        return condition
    if not isinstance(value, list | tuple | set | frozenset):
        return is_one_of(column, [value], dialect)
    known = is_one_of(column, [one for one in value if one is not None], dialect)
    return or_(known, column.is_(None)) if None in value else known


def is_one_of(column: Any, values: Iterable[Any], dialect: Dialect) -> ColumnElement[bool]:
    """Return the condition that a column has one of these values, whatever their number.

    Values may be text, as ids are in filters; no row has one that is no value of the column.
    They are one parameter of the statement: databases take only some ten thousand.
    """
    typed = [one for one in (typed_value(column, value) for value in values) if one is not None]
    condition: ColumnElement[bool]
    if len(typed) == 1:
        condition = column == typed[0]
    elif dialect.name == "postgresql":
        condition = column == any_(literal(typed, ARRAY(column.type)))
    else:
        bind = column.type.dialect_impl(dialect).bind_processor(dialect)
        encoded = json.dumps(typed if bind is None else [bind(one) for one in typed])
        listed = func.json_each(encoded).table_valued("value")
        condition = column.in_(select(listed.c.value))
    return condition
