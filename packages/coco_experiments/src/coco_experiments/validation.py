"""Plain data read by Pydantic, and its errors in the terms of the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Annotated, Any, TypeAlias, TypeVar, cast

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from coco_core.errors import CocoError
from coco_experiments.problems import (
    FieldPath,
    Problem,
    format_value,
    raise_if_any,
    repeated,
    repeated_problem,
    suggestions,
)

__all__ = [
    "SPEC",
    "Count",
    "Filled",
    "Name",
    "Number",
    "Text",
    "as_value_error",
    "plain",
    "read_plain",
    "refuse_repeated",
    "validate",
]

T = TypeVar("T")

SPEC = ConfigDict(extra="forbid", validate_by_name=True)
"""Of what is read from files: nothing unknown. Code may use the names of the attributes."""


def _not_empty(value: object) -> object:
    # Pydantic's own check counts only elements that are right.
    if isinstance(value, list | tuple) and not value:
        raise ValueError("is empty; at least one is needed.")
    return value


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty.")
    return text


# Strict, since YAML knows numbers and texts apart, and a mistake must not become a value.
Text: TypeAlias = Annotated[str, Strict()]
Name: TypeAlias = Annotated[Text, AfterValidator(_not_blank)]
Number: TypeAlias = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Filled = BeforeValidator(_not_empty)
"""Of a list that holds something."""
Count: TypeAlias = Annotated[int, Strict(), Field(ge=0)]

# By the type of Pydantic's error; where it stands in no row, Pydantic's own sentence serves.
_MESSAGES = {
    "missing": "is missing.",
    "string_type": "{value} is not a text{hint}.",
    "string_too_short": "is empty.",
    "int_type": "{value} is not a whole number.",
    "float_type": "{value} is not a number.",
    "finite_number": "{value} is not a finite number.",
    "bool_type": "{value} is neither true nor false.",
    **dict.fromkeys(("list_type", "tuple_type"), "{value} is not a list."),
    **dict.fromkeys(("dataclass_type", "model_type", "mapping_type"), "{value} is not a mapping."),
    "greater_than": "is {value}; it must be above {gt:g}.",
    "greater_than_equal": "is {value}; {ge} is the least.",
    "less_than_equal": "is {value}; {le} is the most.",
    "value_error": "{error}",
}

_UNKNOWN_FIELD = frozenset({"extra_forbidden", "unexpected_keyword_argument"})


def read_plain(kind: Callable[..., T], data: object) -> T:
    """Read plain data as its kind; what is wrong raises one `InvalidConfig` with every field."""
    problems: list[Problem] = []
    value = validate(kind, data, problems)
    raise_if_any(problems)
    assert value is not None
    return value


def plain(value: object) -> Any:
    """Return plain data that `read_plain` reads back, for what holds no values of the core."""
    kind: Callable[..., object] = type(value)
    return _adapter(kind).dump_python(value, by_alias=True)


def validate(kind: Callable[..., T], data: object, problems: list[Problem]) -> T | None:
    """Read plain data and note what is wrong; nothing comes back where anything is."""
    adapter = _adapter(kind)
    try:
        value: T = adapter.validate_python(data, by_alias=True, by_name=False)
    except ValidationError as error:
        problems += [_problem(each, adapter) for each in error.errors(include_url=False)]
        return None
    return value


def refuse_repeated(kind: str, names: Sequence[str], field: str, *below: str) -> None:
    """Refuse what stands twice; for ``__post_init__``, where Pydantic adds it to its own errors.

    Args:
        kind: of what is built.
        names: each may stand once.
        field: the list.
        below: where a name stands in each of its elements.
    """
    found = [
        InitErrorDetails(
            type=PydanticCustomError("repeated", "stands twice", {"first": first}),
            loc=(field, position, *below),
            input=names[position],
        )
        for position, first in repeated(names)
    ]
    if found:
        raise ValidationError.from_exception_data(kind, found)


@contextmanager
def as_value_error() -> Iterator[None]:
    """Let a validator say what the core has against a value."""
    try:
        yield
    except CocoError as error:
        raise ValueError(str(error)) from error


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast("type[Any]", kind))


def _problem(error: ErrorDetails, adapter: TypeAdapter[Any]) -> Problem:
    path, kind, value = error["loc"], error["type"], error["input"]
    if kind in _UNKNOWN_FIELD:
        known = _known_fields(adapter, path[:-1])
        return Problem(path, f"unknown field. {suggestions(str(path[-1]), known)}")
    context = error.get("ctx", {})
    if kind == "repeated":
        return repeated_problem(path, str(value), context["first"])
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", context["expected"])
        message = f"unknown value {format_value(value)}. {suggestions(str(value), known)}"
        return Problem(path, message)
    template = _MESSAGES.get(kind, "{msg}.")
    quotes = isinstance(value, int | float) and not isinstance(value, bool)
    message = template.format(
        value=format_value(value),
        hint="; put it in quotes" if quotes else "",
        msg=error["msg"].rstrip("."),
        **context,
    )
    return Problem(path, message)


def _known_fields(adapter: TypeAdapter[Any], path: FieldPath) -> Collection[str]:
    """Return the fields of the mapping at a path, as the JSON schema of the whole names them."""
    schema = adapter.json_schema()
    node = _resolved(schema, schema)
    for step in path:
        inner = node["items"] if isinstance(step, int) else node["properties"][step]
        node = _resolved(inner, schema)
    return list(node["properties"])


def _resolved(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Follow references, and of what may be null, take the other."""
    if "anyOf" in node:
        node = node["anyOf"][0]
    if "$ref" in node:
        found: dict[str, Any] = schema["$defs"][node["$ref"].rpartition("/")[2]]
        return found
    return node
