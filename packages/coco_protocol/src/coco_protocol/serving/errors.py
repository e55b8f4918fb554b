"""Exception handlers: every error becomes the error envelope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from coco_core.errors import (
    BodyTooLarge,
    CocoError,
    InvalidInput,
    MethodNotAllowed,
    NotFound,
)
from coco_protocol.base import json_bytes
from coco_protocol.errors import error_envelope

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

__all__ = [
    "REQUEST_ID_KEY",
    "add_error_handlers",
    "error_response",
    "note_failure",
    "request_id_of",
    "unforeseen",
]

REQUEST_ID_KEY = "coco.request_id"
"""Where the exchange notes the request's id in the ASGI scope."""

# Enough of a wrong value to recognize it; a wrong body may be megabytes.
_SHOWN_CHARACTERS = 100

# Nobody mends more than this at once, and an answer must not grow with the mistake.
_SHOWN_FIELDS = 20

# Long enough for what is temporary here: a store that is being rebuilt, a model that is loading.
_RETRY_SECONDS = "2"

_REFERENCE = "GET /docs describes every route and field."

_log = structlog.get_logger(__name__)


def request_id_of(connection: HTTPConnection) -> str:
    """Return the id that the exchange gave to the request."""
    return str(connection.scope.get(REQUEST_ID_KEY, ""))


def error_response(
    error: CocoError, request_id: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the error envelope with the status of the error's class."""
    extra = dict(headers or {})
    if error.retryable:
        extra.setdefault("retry-after", _RETRY_SECONDS)
    return Response(
        json_bytes(error_envelope(error, request_id)),
        status_code=error.status,
        headers=extra,
        media_type="application/json",
    )


def note_failure(error: CocoError, request_id: str) -> None:
    """Log what is no fault of the caller's, who may not see all of it."""
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("request failed", request_id=request_id, code=error.code, exc_info=error)


def unforeseen(error: Exception, request_id: str) -> CocoError:
    """Log what nobody meant to raise with its traceback, and return what the caller may know."""
    _log.error("request failed", request_id=request_id, exc_info=error)
    return CocoError(
        hint=f"The log of the service has the details under the request id {request_id}; "
        "please report them."
    )


def add_error_handlers(app: FastAPI) -> None:
    """Make ``app`` answer every exception with the envelope."""
    app.add_exception_handler(CocoError, _on_coco_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(WebSocketRequestValidationError, _on_invalid)


async def _on_coco_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, CocoError)
    request_id = request_id_of(request)
    note_failure(error, request_id)
    return error_response(error, request_id)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    request_id, path = request_id_of(request), request.url.path
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.NOT_FOUND:
        reason: CocoError = NotFound(f"There is no route {path!r}.", hint=_REFERENCE)
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = _methods(request)
        headers = {"allow": ", ".join(allowed)}
        reason = MethodNotAllowed(
            f"{path!r} does not take {request.method}.",
            hint=f"Use {' or '.join(allowed)}.",
            details={"allow": allowed},
        )
    elif error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        reason = BodyTooLarge(str(error.detail))
    else:
        reason = InvalidInput(f"The request cannot be read: {error.detail}.", hint=_REFERENCE)
    return error_response(reason, request_id, headers)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError | WebSocketRequestValidationError)
    return error_response(_invalid(error.errors()), request_id_of(request))


def _invalid(problems: Sequence[Mapping[str, object]]) -> InvalidInput:
    """Say which fields are wrong, with what they hold and what was expected."""
    first = problems[0]
    if first["type"] == "json_invalid":
        context, location = first.get("ctx"), first["loc"]
        assert isinstance(context, Mapping)
        assert isinstance(location, tuple)
        return InvalidInput(
            f"The body is not valid JSON: {context['error']} at character {location[-1]}.",
            hint="Send one JSON object in UTF-8.",
        )
    fields = [_field(problem) for problem in problems[:_SHOWN_FIELDS]]
    told = [f"{field['field']}: {field['expected']}" for field in fields]
    return InvalidInput(
        f"The request is not valid. {'; '.join(told)}.",
        hint=_REFERENCE,
        details={"fields": fields, "problems": len(problems)},
    )


def _field(problem: Mapping[str, object]) -> dict[str, str]:
    location = problem["loc"]
    assert isinstance(location, tuple)
    expected = str(problem["msg"])
    if problem["type"] == "extra_forbidden":
        expected = "there is no such field"
    elif problem["type"] == "missing":
        expected = "this field is required"
    field = {"field": ".".join(str(part) for part in location), "expected": expected}
    if problem["type"] != "missing":
        # ascii() keeps what is no Unicode (lone surrogates) printable.
        field["given"] = ascii(problem.get("input"))[:_SHOWN_CHARACTERS]
    return field


def _methods(request: Request) -> list[str]:
    """Return the methods of all routes at the request's path; the router tells only the first's."""
    allowed: set[str] = set()
    for route in request.app.router.routes:
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            allowed |= getattr(route, "methods", None) or set()
    return sorted(allowed)
