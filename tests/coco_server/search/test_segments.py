"""Searches over a graph of which much is removed, and small segments after it."""

from __future__ import annotations

import numpy as np
import pytest

from coco_core.configs import DEFAULT_CONFIG
from coco_core.filters import Filters
from coco_core.intent import SearchIntent
from coco_core.search.request import SearchRequest
from coco_core.types import FloatMatrix
from coco_server.search.pg import PgExecutor
from coco_server.store import chunks, merging, orgs, sealing, segments, versions
from coco_server.store.session import Database
from coco_server.store.versions import Version
from tests.coco_server.tenants import chunk_row, register_project

DIMENSION = 16
COUNT = 3_000
ORG = "org_segments"


@pytest.fixture(scope="module")
def matrix() -> FloatMatrix:
    found = np.random.default_rng(6).normal(size=(COUNT + 60, DIMENSION)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def version(database: Database, matrix: FloatMatrix) -> Version:
    """A graph of which the third around one vector is removed, and two segments without one."""
    patch = pytest.MonkeyPatch()
    patch.setattr(sealing, "_EXACT_CHUNKS", 100)
    with database.system() as session:
        orgs.create(session, "Segments", org_id=ORG)
    with database.tenant(ORG) as session:
        project = register_project(session, DEFAULT_CONFIG, DIMENSION)
        made = versions.create(session, project.project_id, DEFAULT_CONFIG.config_id)
        append(session, made, matrix, range(COUNT))
        ready = sealing.seal(session, made)
        versions.activate(session, project.project_id, ready.version_id)
    nearest = np.argsort(-(matrix[:COUNT] @ matrix[0]))[: COUNT // 3]
    deletes = [f"folder{n % 10}/file{n}.md" for n in nearest.tolist()]
    for first, removed in ((COUNT, deletes[:600]), (COUNT + 30, deletes[600:])):
        with database.tenant(ORG) as session:
            made = merging.begin(session, project.project_id, DEFAULT_CONFIG.config_id)
            append(session, made, matrix, range(first, first + 30))
            segments.remove_documents(session, made, removed)
            ready = sealing.seal(session, made)
            active = merging.activate(session, ready, None)
            assert active is not None
    patch.undo()
    return active


def append(session: object, version: Version, matrix: FloatMatrix, numbers: range) -> None:
    rows = [
        chunk_row(f"folder{n % 10}/file{n}.md", f"common words and number{n}", matrix[n])
        for n in numbers
    ]
    documents = [chunks.DocumentRow(each.doc_id, "", 1) for each in rows]
    chunks.append(session, version, documents, rows)  # type: ignore[arg-type]  # a session


@pytest.mark.parametrize("include", [(), ("folder3/",), ("folder3/", "folder4/", "folder7/")])
def test_the_nearest_that_are_left_are_found(
    database: Database, version: Version, matrix: FloatMatrix, include: tuple[str, ...]
) -> None:
    with database.tenant(ORG) as session:
        layout = segments.layout(session, version)
    assert [each.approximate for each in layout.parts] == [True, False, False]
    assert len(layout.removed) == COUNT // 3
    allowed = np.ones(len(matrix), np.bool_)
    allowed[layout.removed] = False
    if include:
        folders = {int(each[6]) for each in include}
        allowed &= np.isin(np.arange(len(matrix)) % 10, list(folders))
    hits = asked = 0
    # The first is where everything was removed, and its walk meets nothing that is left.
    for number in (0, *range(1, COUNT, 100)):
        scores = np.where(allowed, matrix @ matrix[number], -np.inf)
        exact = np.argsort(-scores)[:10].tolist()
        intent = SearchIntent("words", retrieval_mode="vector", filters=Filters(include=include))
        with database.read_transaction(ORG) as session:
            answer = PgExecutor(session, version).search(SearchRequest.of(intent), matrix[number])
        assert allowed[[each.metadata.key for each in answer.candidates]].all()
        assert answer.total == COUNT - COUNT // 3 + 60
        best = sorted(answer.candidates, key=lambda each: -(each.vector or 0.0))[:10]
        found = len(set(exact) & {each.metadata.key for each in best})
        assert number or found == 10
        hits, asked = hits + found, asked + 10
    assert hits / asked >= 0.98
