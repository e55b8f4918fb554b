"""PgExecutor on versions with HNSW: the right plan, all results, filters before the cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from coco_core.configs import DEFAULT_CONFIG
from coco_core.filters import Filters
from coco_core.intent import RetrievalMode, SearchIntent
from coco_core.search.request import CandidateLimits, SearchRequest
from coco_core.types import CandidateSet, FloatMatrix
from coco_server.search.pg import PgExecutor
from coco_server.store import chunks, orgs, sealing, versions
from coco_server.store.session import Database
from coco_server.store.versions import Version
from tests.coco_server.tenants import chunk_row, register_project

DIMENSION = 16
# Enough for an index at this dimension, were it not for the limit that the test lowers.
COUNT = 3_000
ORG = "org_search"


@pytest.fixture(scope="module")
def matrix() -> FloatMatrix:
    found = np.random.default_rng(5).normal(size=(COUNT, DIMENSION)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def version(database: Database, matrix: FloatMatrix) -> Version:
    """A version with an index, of documents in ten folders."""
    patch = pytest.MonkeyPatch()
    patch.setattr(sealing, "_EXACT_CHUNKS", 10)
    with database.system() as session:
        orgs.create(session, "Search", org_id=ORG)
    with database.tenant(ORG) as session:
        project = register_project(session, DEFAULT_CONFIG, DIMENSION)
        made = versions.create(session, project.project_id, DEFAULT_CONFIG.config_id)
        rows = [row(number, matrix) for number in range(COUNT)]
        documents = [chunks.DocumentRow(each.doc_id, "", 1) for each in rows]
        for first in range(0, COUNT, 1000):
            part = slice(first, first + 1000)
            chunks.append(session, made, documents[part], rows[part])
        ready = sealing.seal(session, made)
    patch.undo()
    assert ready.approximate
    return ready


def row(number: int, matrix: FloatMatrix) -> chunks.ChunkRow:
    return chunk_row(
        f"folder{number % 10}/file{number}.md",
        f"common words and number{number}",
        matrix[number],
        tags=("rare",) if number % 500 == 0 else (),
        quality=0.9 if number % 2 else None,
    )


Ask = Callable[..., CandidateSet]


@pytest.fixture
def ask(database: Database, version: Version) -> Ask:
    def asked(
        query: str,
        vector: FloatMatrix,
        most: CandidateLimits | None = None,
        *,
        mode: str = "vector",
        **filters: object,
    ) -> CandidateSet:
        intent = SearchIntent(query, retrieval_mode=mode, filters=Filters(**filters))  # type: ignore[arg-type]  # named by the tests
        request = SearchRequest.of(intent)
        with database.read_transaction(ORG) as session:
            executor = PgExecutor(session, version)
            return executor.search(replace(request, limits=most or request.limits), vector)

    return asked


def nearest(answer: CandidateSet, count: int = 10) -> list[int]:
    best = sorted(answer.candidates, key=lambda each: -(each.vector or 0))
    return [each.metadata.key for each in best[:count]]


def test_the_index_is_walked_and_finds_the_nearest(ask: Ask, matrix: FloatMatrix) -> None:
    found = 0
    for number in range(0, COUNT, 100):
        exact = np.argsort(-(matrix @ matrix[number]))[:10].tolist()
        answer = ask("words", matrix[number])
        assert len([each for each in answer.candidates if each.vector is not None]) >= 200
        found += len(set(exact) & set(nearest(answer)))
    assert found / (10 * COUNT / 100) >= 0.98


@pytest.mark.parametrize("mode", ["vector", "hybrid"])
def test_the_plan_of_a_vector_query_is_the_index(
    database: Database,
    version: Version,
    matrix: FloatMatrix,
    monkeypatch: pytest.MonkeyPatch,
    mode: RetrievalMode,
) -> None:
    plans: list[str] = []
    with database.read_transaction(ORG) as session:
        execute = session.connection.execute

        def explained(statement: object, *values: object, **options: object) -> object:
            if isinstance(statement, bytes) and b"ORDER BY" in statement and b"<#>" in statement:
                rows = execute(b"EXPLAIN " + statement, *values).fetchall()  # type: ignore[arg-type]
                plans.append("\n".join(line for (line,) in rows))
            return execute(statement, *values, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(session.connection, "execute", explained)
        intent = SearchIntent("words", retrieval_mode=mode)
        PgExecutor(session, version).search(SearchRequest.of(intent), matrix[0])
    (plan,) = plans
    assert f"chunk_vectors_hnsw_{version.version_no}" in plan
    # Row-level security is decided once, and not for every row.
    assert "current_setting" not in "".join(line for line in plan.splitlines() if "Filter" in line)
    assert "Seq Scan" not in plan


@pytest.mark.parametrize(
    ("filters", "passing"),
    [
        ({"include": ("folder3/",)}, lambda n: n % 10 == 3),
        ({"exclude": ("folder3/",)}, lambda n: n % 10 != 3),
        ({"tags": ("rare",)}, lambda n: n % 500 == 0),
        ({"min_quality": 0.9}, lambda n: n % 2 == 1),
    ],
)
def test_filters_leave_the_nearest_that_pass(
    ask: Ask, matrix: FloatMatrix, filters: dict[str, object], passing: Callable[[int], bool]
) -> None:
    allowed = np.array([passing(number) for number in range(COUNT)])
    hits, asked = 0, 0
    for number in range(0, COUNT, 300):
        scores = np.where(allowed, matrix @ matrix[number], -np.inf)
        exact = [k for k in np.argsort(-scores)[:10].tolist() if allowed[k]]
        answer = ask("words", matrix[number], **filters)
        keys = [each.metadata.key for each in answer.candidates]
        assert allowed[keys].all()
        assert answer.filtered == allowed.sum()
        hits += len(set(exact) & set(nearest(answer)))
        asked += len(exact)
    assert hits / asked >= 0.98


@pytest.mark.parametrize(("least", "all_pass"), [(1e308, False), (1e-320, True), (-1e308, True)])
def test_qualities_that_single_precision_cannot_hold_are_compared(
    ask: Ask, matrix: FloatMatrix, least: float, all_pass: bool
) -> None:
    of_any_quality = ask("words", matrix[0], min_quality=0.0).filtered
    assert ask("words", matrix[0], min_quality=least).filtered == (of_any_quality * all_pass)
    assert of_any_quality


def test_more_than_the_index_keeps_is_found_by_a_scan(ask: Ask, matrix: FloatMatrix) -> None:
    answer = ask("words", matrix[0], CandidateLimits(keyword=0, vector=2_000))
    exact = np.argsort(-(matrix @ matrix[0]))[:2_000]
    keys = {each.metadata.key for each in answer.candidates}
    assert keys == set(exact.tolist()) | set(answer.promising)


def test_every_candidate_has_both_scores(ask: Ask, matrix: FloatMatrix) -> None:
    answer = ask("number77", matrix[500], mode="hybrid")
    named = next(each for each in answer.candidates if each.metadata.key == 77)
    assert named.keyword
    assert named.exact_name_match
    assert named.vector == pytest.approx(float(matrix[77] @ matrix[500]), abs=1e-4)


def test_quoted_phrases_are_found_letter_by_letter(ask: Ask, matrix: FloatMatrix) -> None:
    answer = ask('"and number17"', matrix[0], mode="hybrid")
    keys = {each.metadata.key for each in answer.candidates}
    assert keys == {17, *range(170, 180), *range(1700, 1800)}
    assert answer.filtered == COUNT
    nothing = ask('"words and numb3r"', matrix[0], mode="hybrid")
    assert list(nothing.candidates) == []
