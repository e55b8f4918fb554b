"""Keys: what a manage key may give away, what is bound to projects, and what stays revoked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from coco_server.domain.bootstrap import BOOTSTRAP_ORG, bootstrap
from coco_server.store import keys
from tests.api_service import Org, Running


@pytest.fixture(scope="module")
def shop(service: Running) -> Org:
    return service.org("Shop").with_project()


def made(service: Running, org: Org, **body: Any) -> httpx.Response:
    with service.client(org.headers) as client:
        return client.post("/v1/sys/keys", json={"org_id": org.org_id, "name": "new", **body})


def test_a_manage_key_manages_its_own_orgs_keys(service: Running, shop: Org) -> None:
    new = made(service, shop, scopes=["query"]).json()["data"]
    with service.client(shop.headers) as client:
        listed = client.get("/v1/sys/keys").json()["data"]["keys"]
        assert {key["org_id"] for key in listed} == {shop.org_id}
        assert new["key_id"] in {key["key_id"] for key in listed}
        rotated = client.post(f"/v1/sys/keys/{new['key_id']}/rotate").json()["data"]
        assert rotated["scopes"] == ["query"]
        assert client.delete(f"/v1/sys/keys/{rotated['key_id']}").status_code == 200
    used = {**shop.headers, "authorization": f"Bearer {rotated['key']}"}
    with service.client(used) as client:
        assert client.get(f"/v1/projects/{shop.project_id}").status_code == 401


def test_a_manage_key_gives_no_more_than_it_has(service: Running, shop: Org) -> None:
    assert made(service, shop, scopes=["query", "read_all"]).status_code == 403
    assert made(service, shop, scopes=["impersonate"]).status_code == 403
    with service.services.database.system() as session:
        strong = keys.create(session, shop.org_id, "strong", ["query", "read_all"])
    with service.client(shop.headers) as client:
        # Rotating it would hand its scopes over; revoking it gives nothing away.
        path = f"/v1/sys/keys/{strong.key.key_id}"
        assert client.post(f"{path}/rotate").status_code == 403
        assert client.delete(path).status_code == 200


def test_only_manage_keys_manage(service: Running, shop: Org) -> None:
    weak = shop.with_key("query", "ingest", "memo")
    assert made(service, weak, scopes=["query"]).status_code == 403
    with service.client(weak.headers) as client:
        assert client.get("/v1/sys/keys").status_code == 403
        assert client.get("/v1/sys/audit").status_code == 403
        body = {"source_ref": "kb:weak", "name": "Weak"}
        assert client.post("/v1/sys/register", json=body).status_code == 403


def test_a_bound_manage_key_stays_within_its_projects(service: Running, shop: Org) -> None:
    other = shop.with_project("kb:other")
    bound = shop.with_key("query", "manage", projects=[shop.project_id])
    assert made(service, bound, scopes=["query"]).status_code == 403
    foreign = made(service, bound, scopes=["query"], projects=[other.project_id])
    missing = made(service, bound, scopes=["query"], projects=["prj_zzz"])
    assert foreign.status_code == missing.status_code == 404
    assert foreign.json()["error"]["code"] == missing.json()["error"]["code"]
    own = made(service, bound, scopes=["query"], projects=[shop.project_id]).json()["data"]
    assert own["projects"] == [shop.project_id]
    with service.client(bound.headers) as client:
        listed = client.get("/v1/sys/keys").json()["data"]["keys"]
        assert {tuple(key["projects"]) for key in listed} == {(shop.project_id,)}
        found = client.get("/v1/sys/projects").json()["data"]["projects"]
        assert [each["project_id"] for each in found] == [shop.project_id]
        body = {"source_ref": "kb:new", "name": "New"}
        assert client.post("/v1/sys/register", json=body).status_code == 403
        with service.services.database.system() as session:
            free = keys.create(session, shop.org_id, "free", ["query"])
        for path in (f"/v1/sys/keys/{free.key.key_id}", "/v1/sys/keys/key_zzz"):
            assert client.delete(path).status_code == 404
            assert client.post(f"{path}/rotate").status_code == 404


def test_a_bound_key_names_projects_of_its_org(service: Running, admin: httpx.Client) -> None:
    org = service.org("Bound").with_project()
    other = service.org("Else").with_project()
    body = {"org_id": org.org_id, "name": "x", "projects": [other.project_id]}
    assert admin.post("/v1/sys/keys", json=body).status_code == 404


def test_one_key_does_not_speak_for_users_and_read_all(
    service: Running, admin: httpx.Client
) -> None:
    org = service.org("Both")
    body = {"org_id": org.org_id, "name": "x", "scopes": ["impersonate", "read_all"]}
    assert admin.post("/v1/sys/keys", json=body).status_code == 400


def test_a_manage_key_registers_projects_of_its_org(service: Running, shop: Org) -> None:
    with service.client(shop.headers) as client:
        body = {"source_ref": "kb:mine", "name": "Mine"}
        registered = client.post("/v1/sys/register", json=body).json()["data"]
        assert registered["org_id"] == shop.org_id
        assert client.post("/v1/sys/register", json=body).json()["data"] == registered


def test_a_key_that_ended_is_not_rotated(service: Running, admin: httpx.Client) -> None:
    org = service.org("Ended")
    for days, revoke in ((1e-9, False), (None, True)):
        body = {"org_id": org.org_id, "name": "x", "expires_in_days": days}
        key_id = admin.post("/v1/sys/keys", json=body).json()["data"]["key_id"]
        if revoke:
            admin.delete(f"/v1/sys/keys/{key_id}")
        refused = admin.post(f"/v1/sys/keys/{key_id}/rotate", json={"grace_seconds": 60})
        assert refused.status_code == 409
        assert "create a new key" in refused.json()["error"]["hint"]


def test_expiry_is_the_databases(service: Running, admin: httpx.Client) -> None:
    """The times of keys come from the database, whatever the clock of the service says."""
    org = service.org("Clock")
    body = {"org_id": org.org_id, "name": "x", "expires_in_days": 2}
    first = admin.post("/v1/sys/keys", json=body).json()["data"]
    assert first["expires_at"] - first["created_at"] == pytest.approx(2 * 86_400, abs=1e-3)
    path = f"/v1/sys/keys/{first['key_id']}/rotate"
    second = admin.post(path, json={"grace_seconds": 3600}).json()["data"]
    assert second["expires_at"] == pytest.approx(first["expires_at"], abs=1e-3)
    listed = admin.get("/v1/sys/keys", params={"org_id": org.org_id}).json()["data"]["keys"]
    old = next(key for key in listed if key["key_id"] == first["key_id"])
    assert old["expires_at"] - second["created_at"] == pytest.approx(3600, abs=1e-3)


FIRST_KEY = "coco_0123456789ab_a-first-key-of-the-tests"


def test_a_revoked_first_key_stays_revoked(service: Running, admin: httpx.Client) -> None:
    """A restart used to bring it back: `bootstrap` is what every start runs."""
    settings = replace(service.services.settings, api_key=FIRST_KEY)
    bootstrap(settings)
    bootstrap(settings)
    listed = admin.get("/v1/sys/keys", params={"org_id": BOOTSTRAP_ORG}).json()["data"]["keys"]
    (key,) = listed
    assert admin.delete(f"/v1/sys/keys/{key['key_id']}").status_code == 200
    bootstrap(settings)
    with service.client({"authorization": f"Bearer {FIRST_KEY}"}) as client:
        assert client.get("/v1/jobs").status_code == 401


def test_a_manage_key_that_ends_leaves_no_key_behind(service: Running) -> None:
    """A key of a day made one without an end, or took one over by rotating it."""
    org = service.org("Passing").with_project()
    with service.services.database.system() as session:
        brief = keys.create(
            session, org.org_id, "brief", ["query", "manage"], expires_in=timedelta(days=1)
        )
        lasting = keys.create(session, org.org_id, "lasting", ["query"])
    passing = replace(org, key=brief.text)
    assert brief.key.expires_at is not None
    end = brief.key.expires_at.timestamp()
    for more in ({}, {"expires_in_days": 30}):
        new = made(service, passing, scopes=["query", "manage"], **more).json()["data"]
        assert new["expires_at"] == pytest.approx(end, abs=1e-3)
    sooner = made(service, passing, scopes=["query"], expires_in_days=0.5).json()["data"]
    assert sooner["expires_at"] < end
    with service.client(passing.headers) as client:
        path = "/v1/sys/keys/{}/rotate"
        assert client.post(path.format(lasting.key.key_id)).status_code == 403
        assert client.post(path.format(sooner["key_id"])).status_code == 200
        # Itself, whose end its successor keeps.
        assert client.post(path.format(brief.key.key_id)).status_code == 200
