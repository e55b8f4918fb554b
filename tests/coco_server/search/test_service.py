"""What a query answers from, and what it says when something is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from coco_core.configs import DEFAULT_CONFIG, EmbeddingConfig
from coco_core.errors import ConfigNotFound, InvalidIntent, ProjectNotFound, Unavailable
from coco_core.types import FloatVector
from coco_embed.resolver import Embedders, EmbeddingSettings
from coco_protocol.docs import FiltersBody, RetrievalBody
from coco_protocol.server.docs import QueryData, QueryMeta, QueryRequest
from coco_server.search.service import SearchService
from coco_server.store import chunks, defaults, retention, sealing, versions
from coco_server.store.retention import RetentionPolicy
from coco_server.store.session import Database, Scope
from tests.coco_server.tenants import (
    DIMENSION,
    Tenant,
    new_tenant,
    register_config,
    rows,
    vector_of,
)

TEXTS = {"a.md": "routers match the path of a request", "b.md": "cookies are parsed from a header"}


class WordVectors:
    """An embedder of this test's own vectors; counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.name = "words"
        self.dimension = DIMENSION
        self.max_tokens = 128

    def open(self, config: EmbeddingConfig, *, timeout: float) -> WordVectors:
        return self

    def embed_query(self, text: str) -> FloatVector:
        self.asked.append(text)
        return vector_of(text)

    def close(self) -> None:
        pass


@pytest.fixture
def words() -> WordVectors:
    return WordVectors()


@pytest.fixture
def service(tenant: Tenant, words: WordVectors) -> Iterator[SearchService]:
    made = SearchService(tenant.database, words)  # type: ignore[arg-type]  # opens like Embedders
    yield made
    made.close()


@pytest.fixture
def without_model(tenant: Tenant) -> Iterator[SearchService]:
    gone = Embedders(EmbeddingSettings(url="http://127.0.0.1:1/v1", dimension=DIMENSION))
    made = SearchService(tenant.database, gone)
    yield made
    made.close()


def ask(
    service: SearchService, tenant: Tenant, query: str, **request: object
) -> tuple[QueryMeta, QueryData]:
    scope = Scope(tenant.org_id, "u", tenant.project_id)
    return service.query(scope, QueryRequest(query=query, **request))  # type: ignore[arg-type]


def test_the_active_version_answers(service: SearchService, tenant: Tenant) -> None:
    meta, data = ask(service, tenant, "routers")
    assert (meta.version_id, data.empty_reason) == (None, "nothing_indexed")
    first = tenant.activate(tenant.build(TEXTS))
    meta, data = ask(service, tenant, "how do routers match a path")
    assert (meta.status, meta.version_id, meta.tier) == ("fresh", first.version_id, "transformer")
    assert data.results[0].chunk.doc_id == "a.md"
    assert data.results[0].chunk.content == TEXTS["a.md"]
    second = tenant.build({"c.md": "routers of another generation"})
    assert ask(service, tenant, "routers")[0].version_id == first.version_id
    tenant.activate(second)
    meta, data = ask(service, tenant, "routers")
    assert meta.version_id == second.version_id
    assert [hit.chunk.doc_id for hit in data.results] == ["c.md"]


def test_another_config_than_the_active_is_stale(service: SearchService, tenant: Tenant) -> None:
    tenant.activate(tenant.build(TEXTS))
    other = replace(DEFAULT_CONFIG, config_id="other")
    with tenant.database.tenant(tenant.org_id) as session:
        register_config(session, other)
        beside = versions.create(session, tenant.project_id, "other")
        chunks.append(session, beside, *rows({"o.md": "routers beside the others"}))
        sealing.seal(session, beside)
    assert ask(service, tenant, "routers", indexing_config_id="default")[0].status == "fresh"
    meta, data = ask(service, tenant, "routers", indexing_config_id="other")
    assert (meta.status, meta.version_id) == ("stale", beside.version_id)
    assert [hit.chunk.doc_id for hit in data.results] == ["o.md"]
    with pytest.raises(ConfigNotFound):
        ask(service, tenant, "routers", indexing_config_id="none")


def test_another_org_s_project_does_not_exist(service: SearchService, tenant: Tenant) -> None:
    tenant.activate(tenant.build(TEXTS))
    other = new_tenant(tenant.database, "Other")
    with pytest.raises(ProjectNotFound):
        ask(service, replace(other, project_id=tenant.project_id), "routers")


def test_an_empty_answer_says_why(service: SearchService, tenant: Tenant) -> None:
    tenant.activate(tenant.build(TEXTS))
    fts = RetrievalBody(retrieval_mode="fts")
    assert ask(service, tenant, "zebra", retrieval_config=fts)[1].empty_reason == "no_match"
    nothing = FiltersBody(include=["*.py"])
    assert ask(service, tenant, "routers", filters=nothing)[1].empty_reason == "filtered_out"


def test_all_chunks_of_one_document_come_if_asked(service: SearchService, tenant: Tenant) -> None:
    """Chunks that arrive cut have no lines of their own: they must not be taken for one."""
    version = tenant.begin()
    _, made = rows({f"{n}": f"routers part {n}" for n in range(4)})
    parts = [replace(row, doc_id="one.md", ordinal=n) for n, row in enumerate(made)]
    with tenant.database.tenant(tenant.org_id) as session:
        chunks.append(session, version, [chunks.DocumentRow("one.md", "", 4)], parts)
    tenant.activate(tenant.seal(version))
    _, data = ask(service, tenant, "routers", retrieval_config=RetrievalBody(per_document=4))
    assert sorted(hit.chunk.ordinal for hit in data.results) == [0, 1, 2, 3]
    _, data = ask(service, tenant, "routers")
    assert len(data.results) == 1


def test_pages_follow_each_other(service: SearchService, tenant: Tenant) -> None:
    tenant.activate(tenant.build({f"{n}.md": f"routers number {n}" for n in range(25)}))
    seen: list[str] = []
    offset: int | None = 0
    while offset is not None:
        page = RetrievalBody(top_k=10, offset=offset)
        _, data = ask(service, tenant, "routers", retrieval_config=page)
        seen += [hit.chunk.doc_id for hit in data.results]
        offset = data.next_offset
    assert len(seen) == len(set(seen)) == 25


def test_a_query_is_embedded_once_and_not_for_keywords(
    service: SearchService, tenant: Tenant, words: WordVectors
) -> None:
    tenant.activate(tenant.build(TEXTS))
    ask(service, tenant, "routers", retrieval_config=RetrievalBody(retrieval_mode="fts"))
    assert words.asked == []
    for _ in range(3):
        ask(service, tenant, "routers")
    assert words.asked == ["routers"]


def test_no_connection_is_held_while_a_query_is_embedded(
    tenant: Tenant, words: WordVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant.activate(tenant.build(TEXTS))
    with Database(tenant.database.url, most=1) as only_one:
        service = SearchService(only_one, words)  # type: ignore[arg-type]  # opens like Embedders

        def embed_with_the_connection(text: str) -> FloatVector:
            with only_one.tenant(tenant.org_id) as session:
                session.connection.execute("SELECT 1")
            return vector_of(text)

        monkeypatch.setattr(words, "embed_query", embed_with_the_connection)
        # The first query finds out how to embed, the second knows.
        for query, doc_id in (("routers", "a.md"), ("cookies", "b.md")):
            meta, data = ask(service, tenant, query)
            assert (meta.tier, data.results[0].chunk.doc_id) == ("transformer", doc_id)


def test_what_a_project_s_last_query_met_is_compared_with_what_is(
    service: SearchService, tenant: Tenant, words: WordVectors
) -> None:
    only_vectors = RetrievalBody(retrieval_mode="vector")
    assert ask(service, tenant, "routers", retrieval_config=only_vectors)[0].version_id is None
    tenant.activate(tenant.build(TEXTS))
    meta, data = ask(service, tenant, "routers", retrieval_config=only_vectors)
    assert (meta.tier, data.results[0].chunk.doc_id) == ("transformer", "a.md")
    with tenant.database.tenant(tenant.org_id) as session:
        defaults.adopt(session, tenant.project_id, retrieval_config={"retrieval_mode": "fts"})
    asked = list(words.asked)
    meta, data = ask(service, tenant, "cookies")
    assert (meta.tier, [hit.chunk.doc_id for hit in data.results]) == ("keyword", ["b.md"])
    ask(service, tenant, "header")
    # Only before it was known that words alone decide something was embedded for nothing.
    assert words.asked == [*asked, "cookies"]


def test_without_a_model_keywords_answer_and_say_so(
    without_model: SearchService, tenant: Tenant
) -> None:
    tenant.activate(tenant.build(TEXTS))
    meta, data = ask(without_model, tenant, "routers")
    assert meta.tier == "keyword"
    assert "Keywords alone answered" in (meta.notice or "")
    assert [hit.chunk.doc_id for hit in data.results] == ["a.md"]
    with pytest.raises(Unavailable):
        only = RetrievalBody(retrieval_mode="vector")
        ask(without_model, tenant, "routers", retrieval_config=only)


def test_a_reranker_that_is_not_there_is_refused(service: SearchService, tenant: Tenant) -> None:
    wanted = RetrievalBody.model_validate({"reranker": {"model_name": "cross"}})
    with pytest.raises(InvalidIntent, match="cross"):
        ask(service, tenant, "routers", retrieval_config=wanted)


def test_a_version_dropped_between_choice_and_search_is_chosen_anew(
    service: SearchService, tenant: Tenant, words: WordVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tenant.activate(tenant.build(TEXTS))
    second = tenant.build({"n.md": "routers are new"})

    def embed_while_it_is_switched(text: str) -> FloatVector:
        tenant.activate(second)
        at_once = RetentionPolicy(keep_versions=0, keep_hours=0, soak_seconds=0)
        removed = retention.prune(tenant.database, at_once)
        assert first.version_id in [each.version_id for each in removed]
        return vector_of(text)

    monkeypatch.setattr(words, "embed_query", embed_while_it_is_switched)
    meta, data = ask(service, tenant, "routers")
    assert meta.version_id == second.version_id
    assert [hit.chunk.doc_id for hit in data.results] == ["n.md"]


LITERAL = {
    "errors.md": "raise LookupError(f'There is no project {name!r}; register it first.')",
    "query.py": "def run(text): return text.strip()",
    "queries.py": "def query(queries): return the first query of all queries",
    **{f"part{n}.md": f"register the first project, its name and its error {n}" for n in range(30)},
}


def test_what_stands_literally_comes_first_here_too(service: SearchService, tenant: Tenant) -> None:
    tenant.activate(tenant.build(LITERAL))
    for query, doc_id in (
        ("LookupError: There is no project 'foo'; register it first.", "errors.md"),
        ("query.py", "query.py"),
        ("{name!r}", "errors.md"),
    ):
        _, data = ask(service, tenant, query)
        assert data.results[0].chunk.doc_id == doc_id, query


def test_a_quoted_string_that_is_nowhere_falls_back_and_says_so(
    service: SearchService, tenant: Tenant
) -> None:
    tenant.activate(tenant.build(LITERAL))
    meta, data = ask(service, tenant, '"There is no first project"')
    assert data.results
    assert "“There is no first project” as written" in (meta.notice or "")
    meta, data = ask(service, tenant, '"There is no project"')
    assert [hit.chunk.doc_id for hit in data.results] == ["errors.md"]
    assert "as written" not in (meta.notice or "")
