"""A table of documents, and what a model gets of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from coco_flow.models import ModelContext, execute_model_sync, model
from tests.model_parts import row_class

__all__ = ["CREATE", "ROWS", "ids", "run", "seen"]

CREATE = "CREATE TABLE documents (id TEXT PRIMARY KEY, status TEXT, size INTEGER, path TEXT)"
ROWS: list[dict[str, Any]] = [
    {"id": "a", "status": "new", "size": 1, "path": "a.md"},
    {"id": "b", "status": "old", "size": 2, "path": "b.md"},
    {"id": "c", "status": None, "size": None, "path": "c.md"},
]


def run(function: Callable[..., Any], ctx: ModelContext | None = None, **options: Any) -> Any:
    """Declare a function as a model and run it."""
    out = row_class()
    model(f"test.{out.__tablename__}", out, **options)(function)
    return execute_model_sync(function, ctx)


def seen(source: Any, ctx: ModelContext | None = None) -> Any:
    """Return the frame that a model gets for a source, or None if it is not called."""
    frames = []

    def look(sources: Any, **_: Any) -> None:
        frames.append(sources["given"])

    run(look, ctx, sources={"given": source})
    return next(iter(frames), None)


def ids(frame: Any) -> list[Any]:
    return [] if frame is None else sorted(frame["id"])
