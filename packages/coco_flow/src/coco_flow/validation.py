"""Rules for the names of flows, fields, targets and app namespaces."""

from __future__ import annotations

import re

from coco_flow.errors import NamingError

__all__ = [
    "NamingError",
    "validate_app_namespace_name",
    "validate_field_name",
    "validate_flow_name",
    "validate_full_flow_name",
    "validate_identifier_name",
    "validate_target_name",
]

# Names become parts of table names, and PostgreSQL truncates those to 63 bytes.
# CocoIndex's limit is 64.
_MAX_LENGTH = 64

_IDENTIFIER = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_DOTTED = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.]*")


def validate_identifier_name(
    name: str,
    max_length: int = _MAX_LENGTH,
    allow_dots: bool = False,
    identifier_type: str = "identifier",
) -> str | None:
    """Return what is wrong with the name, or None.

    Args:
        name: The name.
        max_length: Characters that it may have.
        allow_dots: Whether it may have dots, as full names of flows do.
        identifier_type: What it is a name of.
    """
    if not name:
        return f"The {identifier_type} name is empty."
    if len(name) > max_length:
        return (
            f"The {identifier_type} name {name!r} exceeds the maximum length of {max_length} "
            f"characters: it has {len(name)}."
        )
    if name.startswith("__"):
        return (
            f"The {identifier_type} name {name!r} starts with double underscores, which are "
            "reserved."
        )
    if not (_DOTTED if allow_dots else _IDENTIFIER).fullmatch(name):
        allowed = (
            "letters, digits, underscores and dots"
            if allow_dots
            else ("letters, digits and underscores")
        )
        return (
            f"The {identifier_type} name {name!r} must start with a letter or an underscore and "
            f"have only {allowed}."
        )
    return None


def validate_field_name(name: str) -> None:
    """Raise NamingError unless a field can have this name."""
    _check(name, "field")


def validate_flow_name(name: str) -> None:
    """Raise NamingError unless a flow can have this name."""
    _check(name, "flow")


def validate_full_flow_name(name: str) -> None:
    """Raise NamingError unless a flow with its namespace can have this name."""
    _check(name, "full flow", allow_dots=True)


def validate_app_namespace_name(name: str) -> None:
    """Raise NamingError unless an app namespace can have this name."""
    _check(name, "app namespace")


def validate_target_name(name: str) -> None:
    """Raise NamingError unless a target can have this name."""
    _check(name, "target")


def _check(name: str, identifier_type: str, *, allow_dots: bool = False) -> None:
    problem = validate_identifier_name(name, allow_dots=allow_dots, identifier_type=identifier_type)
    if problem is not None:
        raise NamingError(problem, hint="Choose another name.")
