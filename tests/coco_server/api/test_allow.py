"""Who is shown a document over HTTP: by keys, by groups that a backend names, by user tokens."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import pytest

from tests.api_service import Org, Running

TEXTS = {
    "all.md": "the zebra is for everybody",
    "ann.md": "the zebra is for ann",
    "ops.md": "the zebra is for operations",
    "none.md": "the zebra is for no one",
}
ALLOW = {"ann.md": ("user:ann",), "ops.md": ("group:ops",), "none.md": ()}
WORDS = {"query": "zebra", "retrieval_config": {"retrieval_mode": "fts"}}


@pytest.fixture(scope="module")
def zoo(service: Running) -> Org:
    org = service.org("Zoo").with_project()
    org.build(TEXTS, allow=ALLOW)
    return org


def ascii_head(text: str) -> str:
    return ascii(text[:12])


def ask(
    service: Running, org: Org, *, user: str = "ann", headers: Mapping[str, str] | None = None
) -> httpx.Response:
    sent = {**org.headers, "x-coco-user-id": user, **(headers or {})}
    with service.client(sent) as client:
        return client.post("/v1/docs/query", json=WORDS)


def seen(answer: httpx.Response) -> set[str]:
    assert answer.status_code == 200, answer.text
    return {hit["chunk"]["doc_id"] for hit in answer.json()["data"]["results"]}


def test_a_plain_key_shows_what_everybody_may_see(service: Running, zoo: Org) -> None:
    """Its bearer can write any user into the header, so the header alone vouches for no one."""
    assert seen(ask(service, zoo, user="ann")) == {"all.md"}


def test_a_backend_vouches_for_users_and_groups(service: Running, zoo: Org) -> None:
    backend = zoo.with_key("query", "impersonate")
    assert seen(ask(service, backend)) == {"all.md", "ann.md"}
    assert seen(ask(service, backend, user="bob")) == {"all.md"}
    groups = {"x-coco-groups": "law, ops"}
    assert seen(ask(service, backend, user="bob", headers=groups)) == {"all.md", "ops.md"}
    assert seen(ask(service, backend, headers={"x-coco-groups": '["ops"]'})) == {
        "all.md",
        "ann.md",
        "ops.md",
    }
    # A group is not the user of the same name, and names are compared letter by letter.
    assert seen(ask(service, backend, user="ops", headers={"x-coco-groups": "ann, Ops"})) == {
        "all.md"
    }


def test_groups_are_not_taken_from_just_any_key(service: Running, zoo: Org) -> None:
    for org in (zoo, zoo.with_key("query", "read_all")):
        refused = ask(service, org, headers={"x-coco-groups": "ops"})
        assert refused.status_code == 403
        assert "impersonate" in refused.json()["error"]["hint"]


@pytest.mark.parametrize("groups", ['["ops"', "[1]", "x" * 201, '[""]'])
def test_groups_that_cannot_be_read_are_refused(service: Running, zoo: Org, groups: str) -> None:
    backend = zoo.with_key("query", "impersonate")
    assert ask(service, backend, headers={"x-coco-groups": groups}).status_code == 400


def test_a_key_that_reads_all_is_shown_all(service: Running, zoo: Org) -> None:
    assert seen(ask(service, zoo.with_key("query", "read_all"))) == set(TEXTS)


def test_hidden_documents_answer_as_missing_ones(service: Running, zoo: Org) -> None:
    reader = zoo.with_key("query")
    with service.client(reader.headers) as client:
        listed = client.get("/v1/docs/documents").json()["data"]
        assert [each["doc_id"] for each in listed["documents"]] == ["all.md"]
        assert listed["total"] == 1
        found = client.post("/v1/docs/documents/search", json={"contains": "md"}).json()["data"]
        assert [each["doc_id"] for each in found["documents"]] == ["all.md"]
        hidden, missing = (
            client.get(f"/v1/docs/documents/{doc_id}") for doc_id in ("ann.md", "zzz.md")
        )
        assert hidden.status_code == missing.status_code == 404
        errors = [answer.json()["error"] for answer in (hidden, missing)]
        texts = [
            (error["code"], error["message"].replace(doc_id, "…"), error["hint"])
            for error, doc_id in zip(errors, ("ann.md", "zzz.md"), strict=True)
        ]
        assert texts[0] == texts[1]
        nothing = client.post(
            "/v1/docs/query", json={**WORDS, "filters": {"doc_ids": ["ann.md"]}}
        ).json()["data"]
        other = client.post(
            "/v1/docs/query", json={**WORDS, "filters": {"doc_ids": ["zzz.md"]}}
        ).json()["data"]
        assert nothing == other


def test_an_export_has_what_its_caller_is_shown(service: Running, zoo: Org) -> None:
    with service.client(zoo.headers) as client:
        version = client.get(f"/v1/projects/{zoo.project_id}").json()["data"]["active_version_id"]
    path = f"/v1/projects/{zoo.project_id}/versions/{version}/chunks"
    for scopes, expected in (
        (("query",), {"all.md"}),
        (("query", "impersonate"), {"all.md", "ann.md"}),
        (("query", "read_all"), set(TEXTS)),
    ):
        headers = {**zoo.with_key(*scopes).headers, "x-coco-user-id": "ann"}
        with service.client(headers) as client:
            chunks = client.get(path).json()["data"]["chunks"]
        assert {each["doc_id"] for each in chunks} == expected


def test_an_index_of_hidden_documents_looks_empty(service: Running) -> None:
    org = service.org("Hidden").with_project()
    org.build({"a.md": "the zebra is hidden"}, allow={"a.md": ()})
    data = ask(service, org).json()["data"]
    assert (data["results"], data["empty_reason"]) == ([], "nothing_indexed")


def test_rejected_items_are_listed_for_writers(service: Running, zoo: Org) -> None:
    _, job_id = zoo.build({"b.md": "zebra"}, activate=False)
    for scopes, status in (
        (("query",), 403),
        (("query", "ingest"), 200),
        (("query", "read_all"), 200),
    ):
        with service.client(zoo.with_key(*scopes).headers) as client:
            assert client.get(f"/v1/jobs/{job_id}/rejections").status_code == status


@pytest.mark.parametrize(
    "groups", ['["\\u0000"]', '["\\ud800"]', "[" * 5_000, '["a", 1]'], ids=ascii_head
)
def test_groups_that_cannot_be_are_refused(service: Running, zoo: Org, groups: str) -> None:
    """What PostgreSQL stores in no text, and arrays without end, were errors of the service."""
    backend = zoo.with_key("query", "impersonate")
    refused = ask(service, backend, headers={"x-coco-groups": groups})
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "invalid_input"


def test_names_in_headers_are_utf8(service: Running) -> None:
    org = service.org("Names").with_project()
    texts = {"all.md": "the zebra", "user.md": "the zebra", "group.md": "the zebra"}
    org.build(texts, allow={"user.md": ("user:zo\u00eb",), "group.md": ("group:\u7d4c\u7406",)})
    backend = org.with_key("query", "impersonate")
    sent = {**backend.headers, "x-coco-user-id": "zo\u00eb", "x-coco-groups": "\u7d4c\u7406, x"}
    with service.client() as client:
        for encoding, found in (
            ("utf-8", {"all.md", "user.md", "group.md"}),
            # Not UTF-8: the text that the bytes are in Latin-1.
            ("latin-1", {"all.md", "user.md"}),
        ):
            headers = [
                (name.encode(), value.encode(encoding, "replace")) for name, value in sent.items()
            ]
            assert seen(client.post("/v1/docs/query", json=WORDS, headers=headers)) == found


def test_a_deletion_names_what_its_caller_is_shown(service: Running, zoo: Org) -> None:
    """Writers are not readers: one is told how many documents go, and not which."""
    body = {"prefix": "a", "dry_run": True}
    for scopes, named in (
        (("ingest",), ["all.md"]),
        (("ingest", "read_all"), ["all.md", "ann.md"]),
        (("ingest", "impersonate"), ["all.md", "ann.md"]),
    ):
        sent = {**zoo.with_key(*scopes).headers, "x-coco-user-id": "ann"}
        with service.client(sent) as client:
            data = client.post("/v1/docs/documents/delete", json=body).json()["data"]
        assert (data["count"], data["doc_ids"]) == (2, named)
