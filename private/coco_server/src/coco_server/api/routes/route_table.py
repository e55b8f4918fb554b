"""Registration of a group of routes, with envelope and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from fastapi import FastAPI

from coco_protocol.serving.answers import ERRORS

__all__ = ["Route", "add_routes"]

Route: TypeAlias = tuple[str, str, Callable[..., Any], Any]
"""Method, path, endpoint, and the model of its answer."""


def add_routes(
    app: FastAPI, tag: str, *routes: Route, openapi_extra: dict[str, Any] | None = None
) -> None:
    """Add routes whose answers and errors have an envelope."""
    for method, path, endpoint, model in routes:
        app.add_api_route(
            path,
            endpoint,
            methods=[method],
            response_model=model,
            responses=ERRORS,
            tags=[tag],
            openapi_extra=openapi_extra,
        )
