"""What an adopted experiment changes: which index answers, and what queries leave unsaid."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from coco_core.types import ChunkKind, Definition
from coco_server.store import chunks, sealing, versions
from tests.api_service import CONFIG, Org, Running, running
from tests.coco_server.tenants import DIMENSION, register_config, rows

WORDS = {"retrieval_mode": "fts"}

OTHER = replace(CONFIG, config_id="other")


@pytest.fixture
def acme(service: Running) -> Org:
    """An org whose project has an active version, and one of another config beside it."""
    org = service.org("Adopting").with_project()
    org.build({f"{n}.md": f"zebra number {n}" for n in range(8)})
    build_beside(org, {"o.md": "zebra of the other index"})
    return org


def build_beside(org: Org, texts: dict[str, str], *, complete: bool = True) -> str:
    """Build a version of the config `OTHER` that nobody activates; returns its id."""
    with org.services.database.tenant(org.org_id) as session:
        register_config(session, OTHER)
        version = versions.create(session, org.project_id, OTHER.config_id)
        if complete:
            chunks.append(session, version, *rows(texts), items=len(texts))
            sealing.seal(session, version)
    return version.version_id


def path(org: Org) -> str:
    return f"/v1/projects/{org.project_id}/defaults"


def adopt(client: httpx.Client, org: Org, **body: Any) -> dict[str, Any]:
    answer = client.put(path(org), json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["data"])


def ask(client: httpx.Client, **body: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the answer's meta and the documents that were found."""
    answer = client.post("/v1/docs/query", json={"query": "zebra", **body})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return found["meta"], [hit["chunk"]["doc_id"] for hit in found["data"]["results"]]


def test_if_nothing_was_adopted_the_active_config_is_all(client: httpx.Client, acme: Org) -> None:
    assert client.get(path(acme)).json()["data"] == {
        "project_id": acme.project_id,
        "indexing_config_id": "small",
        "pending_indexing_config_id": None,
        "query_config_id": None,
        "retrieval_config": None,
    }


def test_the_next_query_of_every_process_takes_what_it_leaves_out(
    service: Running, client: httpx.Client, acme: Org
) -> None:
    with running(service.services.settings) as second, second.client(acme.headers) as other:
        assert len(ask(other, retrieval_config=WORDS)[1]) == 8
        adopted = adopt(client, acme, query_config_id="few", retrieval_config={**WORDS, "top_k": 3})
        assert (adopted["query_config_id"], adopted["indexing_config_id"]) == ("few", "small")
        assert adopted["retrieval_config"] == {**WORDS, "top_k": 3}
        for each in (client, other):
            meta, found = ask(each)
            assert (meta["query_config_id"], meta["status"], len(found)) == ("few", "fresh", 3)
    # What is said counts, and where all is said the defaults are not named.
    meta, found = ask(client, retrieval_config={**WORDS, "top_k": 5})
    assert (meta["query_config_id"], len(found)) == (None, 5)
    meta, found = ask(client, retrieval_config={"top_k": 10})
    assert (meta["query_config_id"], len(found)) == ("few", 8)


def test_adopting_switches_to_the_newest_complete_version(client: httpx.Client, acme: Org) -> None:
    newest = build_beside(acme, {"n.md": "zebra of the newest build"})
    build_beside(acme, {}, complete=False)
    meta, found = ask(client, indexing_config_id="other", retrieval_config=WORDS)
    assert (meta["status"], meta["version_id"], found) == ("stale", newest, ["n.md"])
    before = client.get(f"/v1/projects/{acme.project_id}").json()["data"]["active_version_id"]
    wanted = {"query_config_id": "words", "retrieval_config": WORDS}
    adopted = adopt(client, acme, indexing_config_id="other", **wanted)
    assert adopted["indexing_config_id"] == "other"
    meta, found = ask(client)
    assert (meta["status"], meta["version_id"], found) == ("fresh", newest, ["n.md"])
    # The one that was active answers whoever names it, and says that it is stale.
    meta, found = ask(client, indexing_config_id="small")
    assert (meta["status"], meta["version_id"], len(found)) == ("stale", before, 8)
    # Again changes nothing; going back is adopting the other one.
    assert adopt(client, acme, indexing_config_id="other") == adopted
    adopt(client, acme, indexing_config_id="small")
    assert ask(client)[0]["version_id"] == before


def test_what_is_left_out_of_a_change_stays(client: httpx.Client, acme: Org) -> None:
    first = adopt(client, acme, query_config_id="a", retrieval_config={"ranking": {"paths": False}})
    assert adopt(client, acme) == first
    # What was read can be sent back, and means the same.
    again = client.get(path(acme)).json()["data"]
    kept = {name: again[name] for name in ("query_config_id", "retrieval_config")}
    assert adopt(client, acme, **kept) == first
    assert adopt(client, acme, query_config_id="b") == {**first, "query_config_id": "b"}
    unnamed = adopt(client, acme, retrieval_config={"top_k": 2})
    assert (unnamed["query_config_id"], unnamed["retrieval_config"]) == (None, {"top_k": 2})
    forgotten = adopt(client, acme, query_config_id="c", retrieval_config={})
    assert (forgotten["query_config_id"], forgotten["retrieval_config"]) == (None, None)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"indexing_config_id": "empty"}, 409, "version_conflict"),
        ({"indexing_config_id": "nobodys"}, 404, "config_not_found"),
        ({"indexing_config_id": "other", "query_config_id": "x"}, 400, "invalid_input"),
        ({"retrieval_config": {"reranker": {"model_name": "x"}}}, 400, "invalid_intent"),
        ({"retrieval_config": {"top_k": 0}}, 400, "invalid_input"),
        ({"retrieval_config": {"speed": 1}}, 400, "invalid_input"),
    ],
)
def test_what_cannot_be_adopted_changes_nothing(
    client: httpx.Client, acme: Org, body: dict[str, Any], status: int, code: str
) -> None:
    with acme.services.database.tenant(acme.org_id) as session:
        register_config(session, replace(CONFIG, config_id="empty"))
    before = client.get(path(acme)).json()["data"]
    answer = client.put(path(acme), json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert client.get(path(acme)).json()["data"] == before


def test_a_switch_that_compares_meets_the_adopted_version(client: httpx.Client, acme: Org) -> None:
    base = f"/v1/projects/{acme.project_id}"
    before = client.get(base).json()["data"]["active_version_id"]
    adopt(client, acme, indexing_config_id="other")
    refused = client.post(
        f"{base}/versions/{before}/activate", json={"expected_version_id": before}
    )
    assert refused.status_code == 409
    assert client.post(f"{base}/rollback").json()["data"]["active_version_id"] == before


def test_a_hit_names_what_begins_in_it(client: httpx.Client, acme: Org) -> None:
    with acme.services.database.tenant(acme.org_id) as session:
        version = versions.create(session, acme.project_id, "small")
        documents, (row,) = rows({"a.py": "zebra"})
        begun = tuple(Definition(path, ChunkKind.METHOD, 1) for path in ("Zoo.zebra", "Zoo.lion"))
        defining = replace(row, chunk=replace(row.chunk, definitions=begun))
        chunks.append(session, version, documents, [defining], items=1)
        sealing.seal(session, version)
        versions.activate(session, acme.project_id, version.version_id)
    answer = client.post("/v1/docs/query", json={"query": "zebra", "retrieval_config": WORDS})
    (hit,) = answer.json()["data"]["results"]
    assert hit["chunk"]["definitions"] == ["Zoo.zebra", "Zoo.lion"]


def test_a_version_tells_what_an_experiment_reports(client: httpx.Client, acme: Org) -> None:
    found = client.get(f"/v1/projects/{acme.project_id}/versions").json()["data"]["versions"]
    by_config = {each["indexing_config_id"]: each for each in found}
    built = by_config["small"]
    assert (built["chunk_count"], built["embedded_count"]) == (8, 8)
    assert built["storage_bytes"] > 8 * 4 * DIMENSION
    assert built["build_seconds"] == pytest.approx(
        built["ready_at"] - built["created_at"], abs=1e-3
    )
