"""The tables of row classes that the process has declared, and how they are forgotten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlmodel import SQLModel
from sqlmodel.main import default_registry

__all__ = ["forget_earlier", "forget_tables", "take_tables"]


def take_tables() -> Callable[[], None]:
    """Forget all tables, and return a function that puts them back.

    SQLModel refuses a second table of a name, so whoever declares one anew must forget the first.
    """
    tables = dict(SQLModel.metadata.tables)
    classes = _mapped_classes()
    forget_tables()

    def put_back() -> None:
        forget_tables()
        for table in tables.values():
            SQLModel.metadata._add_table(table.name, table.schema, table)
        for row_class in classes:
            _add_name(row_class)

    return put_back


def forget_tables() -> None:
    """Forget all tables; row classes that are in use stay usable."""
    for row_class in _mapped_classes():
        # Without this, SQLAlchemy warns of the second class of a name.
        default_registry._dispose_cls(row_class)
    for table in list(SQLModel.metadata.tables.values()):
        SQLModel.metadata.remove(table)


def forget_earlier(row_class: type[Any]) -> None:
    """Forget the table of a class that is declared again, as a notebook does with its cells."""
    place = (row_class.__module__, row_class.__qualname__)
    for known in _mapped_classes():
        if known is not row_class and (known.__module__, known.__qualname__) == place:
            default_registry._dispose_cls(known)
            SQLModel.metadata.remove(known.__table__)


def _mapped_classes() -> list[type[Any]]:
    known = set(SQLModel.metadata.tables.values())
    # Mappers of forgotten classes are there as long as anybody uses these.
    # A class whose declaration failed is there without a mapper.
    mappers = [one.mapper for one in list(default_registry._managers) if one.is_mapped]
    return [one.class_ for one in mappers if one.local_table in known]


def _add_name(row_class: type[Any]) -> None:
    from sqlalchemy.orm import clsregistry

    clsregistry._add_class(row_class.__name__, row_class, default_registry._class_registry)
