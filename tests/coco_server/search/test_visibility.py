"""An answer is what an index of the visible documents alone would give, on both backends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from coco_core.configs import DEFAULT_CONFIG
from coco_core.intent import SearchIntent
from coco_core.search.request import SearchRequest
from coco_core.types import FloatVector
from coco_protocol.docs import FiltersBody, RetrievalBody
from coco_protocol.server.docs import QueryRequest
from coco_server.search.backend import executor_for
from coco_server.search.pg import PgExecutor
from coco_server.search.service import SearchService
from coco_server.search.visibility import shown_keys
from coco_server.store import (
    chunks,
    compaction,
    document_search,
    documents,
    export,
    merging,
    retention,
    sealing,
    segments,
    versions,
)
from coco_server.store.access import VIEWS_EVERYTHING, VIEWS_PUBLIC, Viewer, group_name, user_name
from coco_server.store.document_search import Wanted
from coco_server.store.export import read_rows
from coco_server.store.qdrant import QdrantVectors
from coco_server.store.retention import RetentionPolicy
from coco_server.store.session import Database, Scope
from coco_server.store.vectors import PgVectors, VectorStore
from coco_server.store.versions import Version
from tests.coco_server.search.test_service import WordVectors
from tests.coco_server.tenants import Tenant, chunk_row, new_tenant, vector_of
from tests.qdrant_server import API_KEY, new_prefix, qdrant_server

WORDS = ("router", "cookie", "header", "socket", "timer", "buffer")
NAMES = (user_name("ann"), user_name("bob"), group_name("ops"), group_name("law"))


@dataclass(frozen=True)
class Document:
    """All have as many words, so that mean lengths do not depend on which are visible."""

    doc_id: str
    text: str
    tag: str
    allow: tuple[str, ...] | None

    def shown_to(self, viewer: Viewer) -> bool:
        """What allow lists mean, in one line."""
        return viewer.everything or self.allow is None or bool({*self.allow} & {*viewer.names})


@st.composite
def corpora(draw: st.DrawFn) -> list[Document]:
    lists = st.none() | st.lists(st.sampled_from(NAMES), unique=True, max_size=3).map(tuple)
    return [
        Document(
            f"d{number}.md",
            # One word of its own: of equal texts, noise in the last digit would decide.
            " ".join(
                (*draw(st.lists(st.sampled_from(WORDS), min_size=4, max_size=4)), f"w{number}")
            ),
            draw(st.sampled_from(("red", "blue"))),
            draw(lists),
        )
        for number in range(draw(st.integers(1, 9)))
    ]


viewers = st.one_of(
    st.just(VIEWS_PUBLIC),
    st.just(VIEWS_EVERYTHING),
    st.builds(
        Viewer.of,
        st.sampled_from(("ann", "bob", "eve")),
        st.lists(st.sampled_from(("ops", "law")), unique=True),
    ),
)


@st.composite
def requests(draw: st.DrawFn) -> QueryRequest:
    words = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3))
    text = " ".join(words)
    # A phrase, and the name of a file.
    query = draw(st.sampled_from((text, f'"{text}"', f"{text} d{draw(st.integers(0, 9))}.md")))
    filters = draw(
        st.sampled_from(
            (
                FiltersBody(),
                FiltersBody(tags=["red"]),
                FiltersBody(doc_ids=["d0.md", "d2.md", "d4.md"]),
                FiltersBody(include=["d[0-4].md"]),
                FiltersBody(exclude=["d1.md"]),
            )
        )
    )
    retrieval = RetrievalBody(
        retrieval_mode=draw(st.sampled_from(("fts", "vector", "hybrid"))),
        top_k=draw(st.sampled_from((2, 20))),
        offset=draw(st.sampled_from((0, 1))),
    )
    return QueryRequest(query=query, filters=filters, retrieval_config=retrieval, explain=True)


def built(
    tenant: Tenant, corpus: list[Document], vectors: VectorStore, *, activate: bool = True
) -> Version:
    sealed = sealed_with(tenant, tenant.begin(), corpus, vectors)
    return tenant.activate(sealed) if activate else sealed


def built_in_two(
    tenant: Tenant, corpus: list[Document], vectors: VectorStore, cut: int, replaced: int
) -> Version:
    """Build the documents before ``cut``, with earlier forms of others, and merge the others."""
    older = [
        # Shown to other people, with another text.
        replace(each, text=f"timer timer socket timer o{each.doc_id[1]}", allow=NAMES[: number % 3])
        for number, each in enumerate(corpus[cut:][:replaced])
    ]
    if not corpus[:cut] + older:
        return built(tenant, corpus, vectors)
    built(tenant, corpus[:cut] + older, vectors)
    sealed = sealed_with(tenant, tenant.begin_merge(), corpus[cut:], vectors)
    with tenant.session() as session:
        active = merging.activate(session, sealed, None)
    assert active is not None
    return active


def compacted(tenant: Tenant, version: Version, vectors: VectorStore, *, renumber: bool) -> Version:
    """Write the version's segments as one: who is shown what must not change."""
    with tenant.session() as session:
        last = done = compaction.begin(session, version, renumber=renumber)
        while (step := compaction.copy(session, version, done, vectors)) is not None:
            last = done = step
        assert compaction.complete(session, version, last, vectors, helpers=None)
    return tenant.version(version)


def sealed_with(
    tenant: Tenant, version: Version, corpus: list[Document], vectors: VectorStore
) -> Version:
    with tenant.session() as session:
        chunks.append(
            session,
            version,
            [chunks.DocumentRow(each.doc_id, "", 1, allow=each.allow) for each in corpus],
            [
                chunk_row(each.doc_id, each.text, vector_of(each.text), tags=(each.tag,))
                for each in corpus
            ],
            vectors=vectors,
        )
        segments.remove_documents(session, version, [each.doc_id for each in corpus])
        return sealing.seal(session, version, vectors=vectors)


def exported(tenant: Tenant, version: Version, viewer: Viewer) -> list[str]:
    with tenant.session() as session:
        wanted = export.chunks_as_json(version, shown_keys(session, version, viewer))
        rows = [json.loads(row) for page in read_rows(session, wanted) for row in page]
    return [row["doc_id"] for row in rows]


def listed(tenant: Tenant, version: Version, viewer: Viewer) -> list[str]:
    with tenant.session() as session:
        found = documents.list_of(session, version, viewer)
        assert documents.count(session, version, viewer, prefix="d") == len(found)
        assert documents.count(session, version, viewer) == len(found)
        searched = document_search.find(session, version, Wanted(contains="D"), viewer)
    assert searched == found
    return [each.doc_id for each in found]


@contextmanager
def backend(name: str) -> Iterator[VectorStore]:
    if name == "pgvector":
        yield PgVectors()
        return
    with qdrant_server() as url:
        made = QdrantVectors(url, prefix=new_prefix(), api_key=API_KEY)
        yield made
        made.close()


@pytest.fixture(scope="module", params=["pgvector", "qdrant"])
def vectors(request: pytest.FixtureRequest) -> Iterator[VectorStore]:
    with backend(request.param) as made:
        yield made


# The pool's threads draw random numbers meanwhile, which is nothing to do with the examples.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@settings(
    max_examples=12,
    deadline=None,
    # Every example builds versions: looking for a smaller one would take minutes.
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    corpora(),
    st.tuples(st.integers(0, 9), st.integers(0, 3)),
    st.sampled_from((None, False, True)),
    st.lists(st.tuples(viewers, requests()), min_size=3, max_size=8),
)
def test_the_answer_is_that_of_an_index_of_the_visible(
    database: Database,
    vectors: VectorStore,
    corpus: list[Document],
    parts: tuple[int, int],
    renumber: bool | None,
    asked: list[tuple[Viewer, QueryRequest]],
) -> None:
    tenant = new_tenant(database, "All")
    version = built_in_two(tenant, corpus, vectors, *parts)
    # The stand-in for Qdrant does not give vectors back.
    if renumber is not None and vectors.in_database and len(version.parts) > 1:
        version = compacted(tenant, version, vectors, renumber=renumber)
    service = SearchService(database, WordVectors(), executor_for(vectors))  # type: ignore[arg-type]  # opens like Embedders
    alone: dict[tuple[str, ...], Tenant] = {}
    for viewer, request in asked:
        visible = [each for each in corpus if each.shown_to(viewer)]
        ids = [each.doc_id for each in visible]
        assert exported(tenant, version, viewer) == ids
        assert listed(tenant, version, viewer) == ids
        if tuple(ids) not in alone:
            alone[tuple(ids)] = new_tenant(database, "Alone")
            if visible:
                public = [replace(each, allow=None) for each in visible]
                built(alone[tuple(ids)], public, vectors)
        expected = answer(service, alone[tuple(ids)], request, VIEWS_PUBLIC)
        assert answer(service, tenant, request, viewer) == expected
    service.close()


def answer(
    service: SearchService, tenant: Tenant, request: QueryRequest, viewer: Viewer
) -> tuple[object, str | None]:
    scope = Scope(tenant.org_id, "u", tenant.project_id)
    meta, data = service.query(scope, request, viewer)
    return rounded(data.model_dump()), meta.notice


def rounded(value: object) -> object:
    """Scores to three digits: Qdrant's differ in the sixth from one search to the next."""
    if isinstance(value, float):
        return round(value, 3) + 0.0
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, list) else value


DIMENSION = 8
COUNT = 3_000


@pytest.fixture(scope="module")
def large(database: Database) -> tuple[Tenant, Version, FloatVector]:
    """A version with an HNSW index, whose documents are shown to 1 in 2, 10, 100 and 1,000."""
    patch = pytest.MonkeyPatch()
    patch.setattr(sealing, "_EXACT_CHUNKS", 10)
    tenant = new_tenant(database, "Large")
    matrix = np.random.default_rng(5).normal(size=(COUNT, DIMENSION)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    version = tenant.begin()
    with tenant.session() as session:
        rows = [chunk_row(f"f{n}.md", f"common word n{n}", matrix[n]) for n in range(COUNT)]
        lists = [
            tuple(group_name(f"every{step}") for step in (2, 10, 100, 1000) if n % step == 0)
            for n in range(COUNT)
        ]
        heads = [
            chunks.DocumentRow(f"f{n}.md", "", 1, allow=names) for n, names in enumerate(lists)
        ]
        for first in range(0, COUNT, 1000):
            part = slice(first, first + 1000)
            chunks.append(session, version, heads[part], rows[part])
        sealed = sealing.seal(session, version)
    patch.undo()
    assert sealed.approximate
    assert sealed.restricted
    return tenant, sealed, matrix


@pytest.mark.parametrize("step", [2, 10, 100, 1000])
def test_few_visible_chunks_are_all_found(
    large: tuple[Tenant, Version, FloatVector], step: int
) -> None:
    tenant, version, matrix = large
    viewer = Viewer.of("nn", [f"every{step}"])
    found = asked = 0
    for number in range(0, COUNT, 150):
        scores = np.where(np.arange(COUNT) % step == 0, matrix @ matrix[number], -np.inf)
        exact = [int(key) for key in np.argsort(-scores)[:10] if np.isfinite(scores[key])]
        request = SearchRequest.of(SearchIntent("word", retrieval_mode="vector"))
        with tenant.database.read_transaction(tenant.org_id) as session:
            result = PgExecutor(session, version, viewer).search(request, matrix[number])
        keys = [each.metadata.key for each in result.candidates]
        assert all(key % step == 0 for key in keys)
        assert result.total == result.filtered == COUNT // step
        best = sorted(result.candidates, key=lambda each: -(each.vector or 0))[:10]
        found += len({*exact} & {each.metadata.key for each in best})
        asked += len(exact)
    assert found / asked >= 0.98


def test_frequencies_do_not_count_what_is_hidden(
    large: tuple[Tenant, Version, FloatVector],
) -> None:
    tenant, version, matrix = large
    request = SearchRequest.of(SearchIntent("common n1 n1000", retrieval_mode="fts"))
    with tenant.database.read_transaction(tenant.org_id) as session:
        viewer = Viewer.of("nn", ["every1000"])
        result = PgExecutor(session, version, viewer).search(request, None)
    assert dict(result.frequencies) == {"common": 3, "n1": 0, "n1000": 1}
    del matrix


def test_a_version_without_lists_pays_nothing(tenant: Tenant) -> None:
    version = tenant.build({"a.md": "router"})
    assert not version.restricted
    with tenant.session() as session:
        row = session.connection.execute("SELECT count(*) FROM allowed_chunks").fetchone()
        assert row == (0,)


def test_lists_go_with_their_version(tenant: Tenant) -> None:
    corpus = [Document("d0.md", "router " * 4, "red", (NAMES[0],))]
    version = built(tenant, corpus, PgVectors(), activate=False)
    policy = RetentionPolicy(keep_versions=0, keep_hours=0, soak_seconds=0)
    removed = retention.prune(tenant.database, policy, org_id=tenant.org_id)
    assert [each.version_id for each in removed] == [version.version_id]
    with tenant.session() as session:
        row = session.connection.execute("SELECT count(*) FROM allowed_chunks").fetchone()
    assert row == (0,)


def test_a_version_of_before_the_lists_is_public(tenant: Tenant) -> None:
    """A version that an older program built has neither rows nor the mark."""
    version = tenant.activate(tenant.build({"a.md": "router"}))
    with tenant.session() as session:
        assert shown_keys(session, version, VIEWS_PUBLIC) is None
        assert versions.get(session, tenant.project_id, version.version_id).restricted is False
    assert DEFAULT_CONFIG.config_id == version.config_id
