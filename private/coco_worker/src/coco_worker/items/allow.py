"""Allow lists of items: the users and groups whom a document is shown to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from coco_server.store.access import group_name, user_name

__all__ = ["ALLOW_COLUMNS", "WrongAllow", "allow_of", "with_allow_columns"]

ALLOW_COLUMNS = ("allow_users", "allow_groups")
"""Columns that may stand for ``allow``, for writers without nested columns."""

_MOST_NAMES = 1_000
"""Users, and as many groups: larger circles are groups themselves."""
# As long as the header that names the caller may be.
_LONGEST_NAME = 200

_MEMBERS = {"users": user_name, "groups": group_name}


class WrongAllow(ValueError):
    """The list cannot be used; the text says why."""


def allow_of(value: object) -> tuple[str, ...] | None:
    """Return the names whom an item is shown to, sorted; None where there is no list.

    Raises:
        WrongAllow: it is no object with lists of names.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise WrongAllow('allow must be an object with users, groups or both, or "keep".')
    unknown = [str(name) for name in value if name not in _MEMBERS]
    if unknown:
        raise WrongAllow(f"allow has a field {unknown[0][:100]!r}; there are users and groups.")
    return tuple(
        sorted(
            {
                written(name)
                for member, written in _MEMBERS.items()
                for name in _names(f"allow.{member}", value.get(member))
            }
        )
    )


def with_allow_columns(row: dict[str, Any]) -> None:
    """Put the columns of a Parquet row that stand for ``allow`` into it, in place."""
    given = {
        member: row.pop(f"allow_{member}", None) for member in _MEMBERS if f"allow_{member}" in row
    }
    allow = row.get("allow")
    if isinstance(allow, str):
        try:
            row["allow"] = orjson.loads(allow)
        except orjson.JSONDecodeError:
            # Left as the text that it is: the check says what it should be.
            return
    if any(names is not None for names in given.values()):
        row["allow"] = given


def _names(where: str, value: object) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > _MOST_NAMES:
        raise WrongAllow(f"{where} must be a list of at most {_MOST_NAMES} names.")
    for name in value:
        if not isinstance(name, str) or not 1 <= len(name) <= _LONGEST_NAME:
            raise WrongAllow(f"{where} must hold texts of 1 to {_LONGEST_NAME} characters.")
        if not name.isprintable() or name != name.strip():
            raise WrongAllow(f"{where} holds a control character, or a space at an end.")
    return value
