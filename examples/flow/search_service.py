"""A REST service over the index of text_search.py, which it keeps fresh while it runs.

    cd examples/flow && uvicorn search_service:app
    curl 'http://127.0.0.1:8000/search?q=my+espresso+tastes+bitter&limit=3'

Saved notes are found by the next search. One variable decides where the state is: with
COCO_FLOW_DATABASE_URL=postgresql://… several copies of the service can run.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Query
from text_search import search, text_search

import coco_flow


@asynccontextmanager
async def updated_index(_app: FastAPI) -> AsyncIterator[None]:
    """Set the index up, and follow the notes until the service ends."""
    await text_search.setup_async()
    async with coco_flow.FlowLiveUpdater(text_search):
        yield


app = FastAPI(title="Search in notes", lifespan=updated_index)


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Say that the service runs."""
    return {"status": "ok"}


@app.get("/search")
def get_search(q: str, limit: Annotated[int, Query(ge=1, le=50)] = 5) -> list[dict[str, Any]]:
    """Return the chunks that are nearest to a question."""
    return search(q, limit).results
