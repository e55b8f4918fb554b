"""Orgs, keys, registration, configs, retention: what the administrator does, and what is logged."""

from __future__ import annotations

import json
import logging

import httpx
import pytest
import structlog
from structlog.testing import capture_logs

from tests.api_service import Org, Running


def test_an_org_is_made_with_a_key_and_a_project(service: Running, admin: httpx.Client) -> None:
    limits = {"org_max_documents": 5}
    org = admin.post("/v1/sys/orgs", json={"name": "New", "limits": limits}).json()["data"]
    made = admin.post("/v1/sys/keys", json={"org_id": org["org_id"], "name": "ci"}).json()["data"]
    assert made["key"].startswith(f"coco_{made['prefix']}_")
    registered = admin.post(
        "/v1/sys/register",
        json={"source_ref": "kb:new", "name": "New", "platform": "wiki"},
        headers={"x-coco-org-id": org["org_id"]},
    ).json()["data"]
    assert registered["active_config_id"] == "default"
    assert registered["active_version_id"] is None
    again = admin.post(
        "/v1/sys/register",
        json={"source_ref": "kb:new", "name": "Other", "org_id": org["org_id"]},
    ).json()["data"]
    assert again["project_id"] == registered["project_id"]
    used = Org(service.services, org["org_id"], made["key"], registered["project_id"])
    with service.client(used.headers) as client:
        config = client.get("/v1/sys/configs/default").json()["data"]
        assert config["chunking"]["chunk_size"] == 512
        assert client.get(f"/v1/projects/{used.project_id}").status_code == 200
    shown = admin.get(f"/v1/sys/orgs/{org['org_id']}").json()["data"]
    assert shown["limits"] == limits
    assert shown["use"]["documents"] == 0
    listed = admin.get("/v1/sys/keys", params={"org_id": org["org_id"]}).json()["data"]["keys"]
    assert [key["key_id"] for key in listed] == [made["key_id"]]
    assert listed[0]["last_used_at"] is not None
    assert "key" not in listed[0]
    assert made["key"] not in json.dumps(listed)


@pytest.mark.parametrize("source_ref", ["/etc/passwd", "../x", "kb:..%2Fx", "C:\\x", "notes"])
def test_a_source_is_no_path(admin: httpx.Client, acme: Org, source_ref: str) -> None:
    body = {"source_ref": source_ref, "name": "x", "org_id": acme.org_id}
    refused = admin.post("/v1/sys/register", json=body)
    assert refused.status_code == 400
    (field,) = refused.json()["error"]["details"]["fields"]
    assert field["field"] == "body.source_ref"


def test_a_revoked_key_opens_nothing(service: Running, admin: httpx.Client) -> None:
    org = service.org("Revoked").with_project()
    path = f"/v1/projects/{org.project_id}"
    (key,) = admin.get("/v1/sys/keys", params={"org_id": org.org_id}).json()["data"]["keys"]
    with service.client(org.headers) as client:
        assert client.get(path).status_code == 200
        revoked = admin.delete(f"/v1/sys/keys/{key['key_id']}").json()["data"]
        assert revoked["revoked_at"] is not None
        assert client.get(path).status_code == 401
    assert admin.delete("/v1/sys/keys/key_none").status_code == 404


def test_a_rotated_key_may_open_for_a_while(service: Running, admin: httpx.Client) -> None:
    org = service.org("Rotated").with_project()
    (key,) = admin.get("/v1/sys/keys", params={"org_id": org.org_id}).json()["data"]["keys"]
    path = f"/v1/sys/keys/{key['key_id']}/rotate"
    made = admin.post(path, json={"grace_seconds": 3600}).json()["data"]
    with service.client(org.headers) as client:
        for text in (org.key, made["key"]):
            sent = {"authorization": f"Bearer {text}"}
            assert client.get(f"/v1/projects/{org.project_id}", headers=sent).status_code == 200


def test_an_expired_key_opens_nothing(service: Running, admin: httpx.Client) -> None:
    org = service.org("Expired").with_project()
    body = {"org_id": org.org_id, "name": "short", "expires_in_days": 1e-9}
    made = admin.post("/v1/sys/keys", json=body).json()["data"]
    headers = {**org.headers, "authorization": f"Bearer {made['key']}"}
    with service.client(headers) as client:
        assert client.get(f"/v1/projects/{org.project_id}").status_code == 401


def test_a_config_never_changes(service: Running, acme: Org) -> None:
    config = {"config_id": "fixed", "dimension": 8, "embedding": {"model_name": "hashing"}}
    with service.client(acme.headers) as client:
        first = client.post("/v1/sys/configs", json=config)
        assert client.post("/v1/sys/configs", json=config).json()["data"] == first.json()["data"]
        changed = client.post("/v1/sys/configs", json={**config, "dimension": 9})
    assert changed.status_code == 409
    assert changed.json()["error"]["code"] == "config_conflict"


def test_pruning_tells_first_and_removes_then(service: Running, admin: httpx.Client) -> None:
    org = service.org("Old").with_project()
    first, _ = org.build({"a": "b"})
    second, _ = org.build({"a": "c"})
    with service.services.database.system() as session:
        session.connection.execute(
            "UPDATE project_versions SET archived_at = now() - interval '2 days' "
            "WHERE version_id = %s",
            (first.version_id,),
        )
    wanted = {"org_id": org.org_id, "keep_versions": 0, "older_than_hours": 1}
    told = admin.post("/v1/sys/prune", json={**wanted, "dry_run": True}).json()["data"]
    assert (told["version_ids"], told["dry_run"]) == ([first.version_id], True)
    path = f"/v1/projects/{org.project_id}/versions/{first.version_id}/chunks"
    with service.client(org.headers) as client:
        assert client.get(path).status_code == 200
        done = admin.post("/v1/sys/prune", json=wanted).json()["data"]
        assert done["version_ids"] == [first.version_id]
        assert done["bytes"] > 0
        assert client.get(path).status_code == 404
        found = client.get(f"/v1/projects/{org.project_id}").json()["data"]
    assert found["active_version_id"] == second.version_id


def test_metrics_name_no_tenant(service: Running, admin: httpx.Client, acme: Org) -> None:
    with service.client(acme.headers) as client:
        client.get(f"/v1/projects/{acme.project_id}")
    text = admin.get("/metrics").text
    assert 'coco_http_requests_total{method="GET",route="/v1/projects/{project_id}"' in text
    assert "coco_jobs_waiting" in text
    assert acme.org_id not in text
    assert acme.project_id not in text


def test_logs_hold_ids_and_neither_contents_nor_keys(service: Running, acme: Org) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    asked = {"query": "a very secret question", "retrieval_config": {"retrieval_mode": "fts"}}
    try:
        with capture_logs() as logs, service.client(acme.headers) as client:
            client.post("/v1/docs/query", json=asked, headers={"x-request-id": "r-1"})
            client.post("/v1/docs/import", json={"items": [{"doc_id": "a", "content": "private"}]})
            client.post("/v1/docs/query", json={"query": "", "secret": "a very secret question"})
    finally:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    line = next(each for each in logs if each.get("request_id") == "r-1")
    assert line["org_id"] == acme.org_id
    assert line["project_id"] == acme.project_id
    assert line["route"] == "/v1/docs/query"
    written = json.dumps(logs, default=str)
    for secret in ("secret question", "private", acme.key):
        assert secret not in written
