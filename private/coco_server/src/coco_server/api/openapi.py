"""OpenAPI document of the service: FastAPI's, with who may call each route and how it refuses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, TypeAlias

from fastapi import FastAPI

from coco_server.auth.access import OPEN_PATHS

__all__ = ["describe_access"]

_Operation: TypeAlias = dict[str, Any]

_BEARER = "key"

_SCHEMES: Mapping[str, object] = MappingProxyType(
    {
        _BEARER: {
            "type": "http",
            "scheme": "bearer",
            "description": "The key of an org, `coco_<prefix>_<secret>`, or the administrator's.",
        },
        "org": {
            "type": "apiKey",
            "in": "header",
            "name": "x-coco-org-id",
            "description": "The org that the key belongs to.",
        },
        "user": {
            "type": "apiKey",
            "in": "header",
            "name": "x-coco-user-id",
            "description": "On whose behalf the key is used.",
        },
        "project": {
            "type": "apiKey",
            "in": "header",
            "name": "x-coco-project-id",
            "description": "The project that the request is about.",
        },
    }
)

_REASONS: Mapping[HTTPStatus, str] = MappingProxyType(
    {
        HTTPStatus.BAD_REQUEST: "The request is not valid",
        HTTPStatus.UNAUTHORIZED: "The key is missing, unknown, expired or revoked",
        HTTPStatus.FORBIDDEN: "The key may not do that, or a quota is used up",
        HTTPStatus.NOT_FOUND: "There is no such thing in the key's org",
        HTTPStatus.CONFLICT: "The request contradicts what exists",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not of a content type that is read here",
        HTTPStatus.TOO_MANY_REQUESTS: "Too many requests, or wrong keys; see Retry-After",
        HTTPStatus.SERVICE_UNAVAILABLE: "The service cannot answer now; see Retry-After",
    }
)

_CHANGING = frozenset({"post", "put", "patch", "delete"})


def describe_access(app: FastAPI) -> None:
    """Make the document of ``app`` say what `AccessControl` and the guard do with each route."""
    app.openapi = partial(_document, app, app.openapi)  # type: ignore[method-assign]


def _document(app: FastAPI, plain: Any) -> dict[str, Any]:
    if app.openapi_schema is not None:
        return app.openapi_schema
    document: dict[str, Any] = plain()
    document["components"]["securitySchemes"] = dict(_SCHEMES)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            operation["security"] = [] if path in OPEN_PATHS else [_security(operation)]
            _add_refusals(operation, _refusals(path, method, operation))
    app.openapi_schema = document
    return document


def _security(operation: _Operation) -> dict[str, list[str]]:
    """Return what a request must show: a key, and the headers that the route requires."""
    required = {
        parameter["name"]
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "header" and parameter.get("required")
    }
    named = [name for name, scheme in _SCHEMES.items() if _header_of(scheme) in required]
    return {name: [] for name in (_BEARER, *named)}


def _header_of(scheme: object) -> object:
    return scheme.get("name") if isinstance(scheme, dict) else None


def _refusals(path: str, method: str, operation: _Operation) -> Iterable[HTTPStatus]:
    yield HTTPStatus.SERVICE_UNAVAILABLE
    if path in OPEN_PATHS:
        return
    yield from (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
    yield from (HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS)
    if method in _CHANGING:
        yield HTTPStatus.CONFLICT
    if "requestBody" in operation:
        yield from (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


def _add_refusals(operation: _Operation, statuses: Iterable[HTTPStatus]) -> None:
    responses = operation["responses"]
    # FastAPI's own error, which this service answers with its envelope and 400.
    responses.pop("422", None)
    shape = responses["default"]["content"]
    for status in statuses:
        described = {"description": _REASONS[status], "content": shape}
        responses.setdefault(str(status.value), described)
