"""Errors on the wire: what a service puts into the envelope and a client raises again.

The codes and HTTP statuses stand with the classes in `coco_core.errors`; nothing is listed twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType

from coco_core import errors
from coco_core.errors import (
    CocoError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from coco_protocol.envelope import ErrorBody, ErrorEnvelope, Meta

__all__ = [
    "ERROR_CLASSES",
    "STATUS_ERROR",
    "error_envelope",
    "hide_internals",
    "public_error",
    "to_error",
]

# What ``meta.status`` says in every error, where an answer says how fresh it is.
STATUS_ERROR = "error"

# A newer service may send a code that this client does not know; the status still tells its kind.
_BY_STATUS: Mapping[int, type[CocoError]] = MappingProxyType(
    {
        400: InvalidInput,
        401: Unauthorized,
        403: Forbidden,
        404: NotFound,
        409: Conflict,
        422: InvalidInput,
        429: RateLimited,
        503: Unavailable,
    }
)


_CLASSES: list[type[CocoError]] = [getattr(errors, name) for name in errors.__all__]

ERROR_CLASSES: Mapping[str, type[CocoError]] = MappingProxyType(
    {kind.code: kind for kind in _CLASSES}
)
"""Every code of the wire contract with its class."""


# Of the request that runs: what its caller may know of the service's inside.
_HIDES_INTERNALS: ContextVar[bool] = ContextVar("coco_hides_internals", default=False)


def hide_internals(hidden: bool) -> None:
    """Say whether errors of this request name the service's hosts, files and settings."""
    _HIDES_INTERNALS.set(hidden)


def public_error(error: CocoError) -> CocoError:
    """Return what a tenant may know of an error: for internal ones, no more than their kind."""
    if not error.internal:
        return error
    return type(error)(hint="Try again later; the operator finds the details in the log.")


def error_envelope(error: CocoError, request_id: str) -> ErrorEnvelope:
    """Return the envelope that says ``error``, as far as the caller of this request may know."""
    if _HIDES_INTERNALS.get():
        error = public_error(error)
    return ErrorEnvelope(
        meta=Meta(status=STATUS_ERROR, request_id=request_id),
        error=ErrorBody(
            code=error.code,
            message=error.message,
            hint=error.hint,
            details=error.details,
            request_id=request_id,
        ),
    )


def to_error(body: ErrorBody, status: int) -> CocoError:
    """Return the exception that the service raised, or the nearest one when its code is unknown."""
    details: dict[str, object] = dict(body.details)
    kind = ERROR_CLASSES.get(body.code)
    if kind is None:
        kind = _BY_STATUS.get(status, CocoError)
        details["code"] = body.code
    return kind(body.message, hint=body.hint, details=details)
