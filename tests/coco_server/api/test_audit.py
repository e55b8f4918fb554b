"""The audit log: a row for every administrative action, which no one changes."""

from __future__ import annotations

import json
from typing import Any

import httpx
import psycopg
import pytest

from coco_server.store import audit
from coco_server.store.audit import Act, Actor
from tests.api_service import Org, Running

WEEK = 7 * 86_400


def events(client: httpx.Client, **wanted: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/v1/sys/audit", params=wanted).json()["data"][
        "events"
    ]
    return found


def test_every_change_is_logged_with_who_and_what(service: Running, admin: httpx.Client) -> None:
    org_id = admin.post("/v1/sys/orgs", json={"name": "Logged"}).json()["data"]["org_id"]
    made = admin.post(
        "/v1/sys/keys", json={"org_id": org_id, "name": "boss"}, headers={"x-request-id": "r-7"}
    ).json()["data"]
    registered = admin.post(
        "/v1/sys/register", json={"org_id": org_id, "source_ref": "kb:a", "name": "A"}
    ).json()["data"]
    org = Org(service.services, org_id, made["key"], registered["project_id"])
    base = f"/v1/projects/{org.project_id}"
    with service.client(org.headers) as client:
        config = {"config_id": "small", "dimension": 8, "embedding": {"model_name": "hashing"}}
        client.post("/v1/sys/configs", json=config)
        first, _ = org.build({"a": "one"})
        second, job_id = org.build({"a": "two"})
        client.put(f"{base}/defaults", json={"retrieval_config": {"top_k": 3}})
        client.post(f"{base}/versions/{first.version_id}/activate")
        client.post(f"{base}/rollback")
        client.get(f"{base}/versions/{first.version_id}/chunks")
        client.get(f"/v1/jobs/{job_id}/rejections")
        client.delete(f"{base}/versions/{first.version_id}")
        extra = client.post("/v1/sys/keys", json={"org_id": org_id, "name": "x"}).json()["data"]
        rotated = client.post(f"/v1/sys/keys/{extra['key_id']}/rotate").json()["data"]
        client.delete(f"/v1/sys/keys/{rotated['key_id']}")
        logged = events(client)[::-1]
    admin.post("/v1/sys/prune", json={"org_id": org_id})
    boss, project = made["key_id"], org.project_id
    assert [(each["action"], each["actor"], each["target"]) for each in logged] == [
        ("org.save", "admin", org_id),
        ("key.create", "admin", boss),
        ("project.register", "admin", project),
        ("config.register", boss, "small"),
        ("project.defaults", boss, project),
        ("version.activate", boss, first.version_id),
        ("version.rollback", boss, second.version_id),
        ("export.chunks", boss, first.version_id),
        ("export.rejections", boss, job_id),
        ("version.remove", boss, first.version_id),
        ("key.create", boss, extra["key_id"]),
        ("key.rotate", boss, extra["key_id"]),
        ("key.revoke", boss, rotated["key_id"]),
    ]
    assert {each["org_id"] for each in logged} == {org_id}
    assert {each["outcome"] for each in logged} == {"done"}
    assert {each["source"] for each in logged} == {"127.0.0.1"}
    assert logged[1]["request_id"] == "r-7"
    assert logged[1]["details"]["name"] == "boss"
    assert events(admin, org_id=org_id)[0]["action"] == "retention.prune"
    text = json.dumps(logged)
    assert made["key"] not in text
    assert extra["key"] not in text


def test_what_was_refused_is_logged_too(service: Running, admin: httpx.Client) -> None:
    org = service.org("Refused").with_project()
    with service.client(org.headers) as client:
        body = {"org_id": org.org_id, "name": "x", "scopes": ["read_all"]}
        assert client.post("/v1/sys/keys", json=body).status_code == 403
        assert client.post(f"/v1/projects/{org.project_id}/rollback").status_code == 409
        logged = events(client)
    assert [(each["action"], each["outcome"]) for each in logged] == [
        ("version.rollback", "version_conflict"),
        ("key.create", "forbidden"),
    ]


def test_an_action_is_logged_or_not_done(service: Running, admin: httpx.Client) -> None:
    org = service.org("Atomic").with_project()
    act = Act(Actor("admin"), "key.create", org_id=org.org_id)

    def half(session: Any) -> None:
        session.connection.execute(
            "UPDATE orgs SET name = 'Changed' WHERE org_id = %s", (org.org_id,)
        )
        # The log's statement fails in the same transaction: what is no text cannot be stored.
        session.connection.execute("ALTER TABLE audit_log RENAME TO gone")

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        service.services.audit.in_system(act, half)
    shown = admin.get(f"/v1/sys/orgs/{org.org_id}").json()["data"]
    assert shown["name"] == "Atomic"


def test_pages_and_filters(service: Running, admin: httpx.Client) -> None:
    org = service.org("Pages")
    with service.services.database.system() as session:
        for number in range(7):
            name = "key.create" if number % 2 else "key.revoke"
            act = Act(Actor("admin"), name, org_id=org.org_id, target=f"t{number}")
            audit.record(session, act)
    with service.client(org.headers) as client:
        seen: list[str] = []
        cursor = None
        while True:
            params = {"limit": 3, **({"cursor": cursor} if cursor else {})}
            page = client.get("/v1/sys/audit", params=params).json()["data"]
            seen += [each["target"] for each in page["events"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == [f"t{number}" for number in reversed(range(7))]
        assert len(events(client, action="key.create")) == 3
        assert [each["target"] for each in events(client, target="t4")] == ["t4"]
        first = events(client, target="t0")[0]["at"]
        assert len(events(client, since=first)) == 7
        assert events(client, until=first) == []
        assert client.get("/v1/sys/audit", params={"cursor": "aud_zzz"}).status_code == 400
        assert client.get("/v1/sys/audit", params={"limit": 0}).status_code == 400


def test_orgs_do_not_see_each_others_events(service: Running, admin: httpx.Client) -> None:
    mine, theirs = service.org("Mine"), service.org("Theirs")
    with service.services.database.system() as session:
        audit.record(session, Act(Actor("admin"), "org.save", org_id=theirs.org_id))
        audit.record(session, Act(Actor("admin"), "retention.prune"))
    (event,) = events(admin, org_id=theirs.org_id)
    with service.client(mine.headers) as client:
        assert events(client) == []
        params = {"org_id": theirs.org_id}
        assert client.get("/v1/sys/audit", params=params).status_code == 403
        # An event of another org is no cursor, either.
        answer = client.get("/v1/sys/audit", params={"cursor": event["event_id"]})
        assert answer.status_code == 400
    assert "retention.prune" in {each["action"] for each in events(admin)}


def test_a_bound_manage_key_sees_the_events_of_its_projects(service: Running) -> None:
    org = service.org("Bound").with_project()
    bound = org.with_key("manage", projects=[org.project_id])
    with service.client(org.headers) as client:
        client.put(f"/v1/projects/{org.project_id}/defaults", json={"retrieval_config": {}})
        client.post("/v1/sys/keys", json={"org_id": org.org_id, "name": "x"})
        assert len(events(client)) == 2
    with service.client(bound.headers) as client:
        assert [each["action"] for each in events(client)] == ["project.defaults"]


@pytest.mark.parametrize("role", ["coco_app", "coco_system", "coco_load"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor = 'x'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "INSERT INTO audit_log (event_id, org_id, at, actor, action, outcome) "
        "VALUES ('x', 'o', '2020-01-01', 'a', 'b', 'c')",
    ],
)
def test_no_role_rewrites_the_log(service: Running, role: str, statement: str) -> None:
    org = service.org("Fixed")
    with service.services.database.system() as session:
        audit.record(session, Act(Actor("admin"), "org.save", org_id=org.org_id))
    with psycopg.connect(service.services.settings.meta_db) as connection:
        connection.execute("SELECT set_config('role', %s, true)", (role,))
        connection.execute("SELECT set_config('coco.org_id', %s, true)", (org.org_id,))
        try:
            # Retention may delete what is older than thirty days, and there is nothing such.
            assert connection.execute(statement).rowcount == 0  # type: ignore[arg-type]  # fixed texts
        except psycopg.errors.InsufficientPrivilege:
            pass
        else:
            assert (role, statement.split(maxsplit=1)[0]) == ("coco_system", "DELETE")


def test_retention_removes_only_old_events(service: Running, admin: httpx.Client) -> None:
    org = service.org("Old")
    with service.services.database.system() as session:
        for _ in range(3):
            audit.record(session, Act(Actor("admin"), "org.save", org_id=org.org_id))
    url = service.services.settings.meta_db
    with psycopg.connect(url) as connection:
        # What no program may do: the owner takes the guard away to make an event old.
        connection.execute("ALTER TABLE audit_log NO FORCE ROW LEVEL SECURITY")
        connection.execute(
            "UPDATE audit_log SET at = now() - interval '60 days' WHERE event_id = "
            "(SELECT min(event_id) FROM audit_log WHERE org_id = %s)",
            (org.org_id,),
        )
        connection.execute("ALTER TABLE audit_log FORCE ROW LEVEL SECURITY")
    with service.services.database.system() as session:
        assert audit.trim(session, days=0.001, org_id=org.org_id) == 1
        assert audit.trim(session, days=0.001, org_id=org.org_id) == 0
    assert len(events(admin, org_id=org.org_id)) == 2
