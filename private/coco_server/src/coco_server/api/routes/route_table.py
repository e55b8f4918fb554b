"""Registration of a group of routes, with envelope and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from fastapi import FastAPI

from coco_protocol.serving.answers import ERRORS, Responses

__all__ = ["Route", "add_routes"]

Route: TypeAlias = tuple[str, str, Callable[..., Any], Any]
"""Method, path, endpoint, and the model of its answer."""


def add_routes(
    app: FastAPI,
    tag: str,
    *routes: Route,
    accepting: bool = False,
    openapi_extra: dict[str, Any] | None = None,
) -> None:
    """Add routes whose answers and errors have an envelope.

    Args:
        app: where to add them.
        tag: their group.
        routes: see `Route`.
        accepting: whether they answer 202, too, while a job that they started has not ended.
        openapi_extra: what the OpenAPI document says of them, too.
    """
    for method, path, endpoint, model in routes:
        app.add_api_route(
            path,
            endpoint,
            methods=[method],
            response_model=model,
            responses=_accepted(model) | ERRORS if accepting else ERRORS,
            tags=[tag],
            openapi_extra=openapi_extra,
        )


def _accepted(model: object) -> Responses:
    return {202: {"model": model, "description": "The job has not ended"}}
