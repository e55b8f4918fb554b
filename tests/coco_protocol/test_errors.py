"""Errors cross the wire and come out as the classes that went in."""

from __future__ import annotations

import re
from contextvars import copy_context
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coco_core import errors
from coco_core.errors import (
    CocoError,
    Conflict,
    InvalidInput,
    NotFound,
    RateLimited,
    Unavailable,
)
from coco_protocol.envelope import ErrorBody, ErrorEnvelope
from coco_protocol.errors import (
    ERROR_CLASSES,
    error_envelope,
    hide_internals,
    public_error,
    to_error,
)

DOCS = Path(__file__).parents[2] / "docs" / "http-api.md"

CLASSES = [getattr(errors, name) for name in errors.__all__]


def test_codes_name_exactly_the_classes_of_the_core() -> None:
    assert set(ERROR_CLASSES.values()) == set(CLASSES)
    assert all(code == kind.code for code, kind in ERROR_CLASSES.items())
    assert all(400 <= kind.status <= 599 for kind in CLASSES)


def test_the_documented_table_is_the_code() -> None:
    table = DOCS.read_text(encoding="utf-8").partition("## Errors")[2]
    documented = {
        (code, int(status)) for code, status in re.findall(r"\| `(\w+)` \| (\d{3}) \|", table)
    }
    assert documented == {(kind.code, kind.status) for kind in CLASSES}


@given(
    kind=st.sampled_from(CLASSES),
    message=st.text(min_size=1),
    hint=st.none() | st.text(),
    details=st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.booleans()),
)
def test_round_trip(
    kind: type[CocoError], message: str, hint: str | None, details: dict[str, object]
) -> None:
    raised = kind(message, hint=hint, details=details)
    wire = error_envelope(raised, "r1").model_dump_json()
    received = ErrorEnvelope.model_validate_json(wire)
    assert received.meta.status == "error"
    assert received.meta.request_id == received.error.request_id == "r1"
    again = to_error(received.error, kind.status)
    assert type(again) is kind
    assert (again.message, again.hint, again.details) == (message, hint, details)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, InvalidInput), (404, NotFound), (409, Conflict), (503, Unavailable), (418, CocoError)],
)
def test_an_unknown_code_becomes_the_nearest_class(status: int, kind: type[CocoError]) -> None:
    body = ErrorBody(code="no_such_code", message="Too many.", details={"limit": 3})
    error = to_error(body, status)
    assert type(error) is kind
    assert error.details == {"limit": 3, "code": "no_such_code"}


def test_a_tenant_is_shown_the_kind_of_an_internal_error_and_the_operator_all_of_it() -> None:
    error = Unavailable("The disk of db-7 is full.", hint="Free /var/lib.", details={"disk": "x"})

    def shown(*, hidden: bool) -> str:
        context = copy_context()
        context.run(hide_internals, hidden)
        return str(context.run(error_envelope, error, "id").model_dump_json())

    assert "db-7" in shown(hidden=False)
    said = shown(hidden=True)
    assert "db-7" not in said
    assert "/var/lib" not in said
    assert Unavailable().message in said
    assert public_error(RateLimited("Too many.")).message == "Too many."
