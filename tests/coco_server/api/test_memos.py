"""Notes over HTTP: who opens a session, what is found, and what notes count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import httpx
import pytest

from coco_server.store import keys, memos, orgs
from coco_server.store.orgs import OrgTotals
from tests.api_service import Org, Running


@pytest.fixture
def org(service: Running) -> Org:
    return service.org("Notes", ("memo", "impersonate")).with_project()


class Notes:
    """A user's session."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        begun = client.post("/v1/memo/session")
        assert begun.status_code == 200, begun.text
        self.token = begun.json()["data"]["session_token"]
        self.headers = {"x-coco-session-token": self.token}

    def add(self, content: str, **more: object) -> httpx.Response:
        body = {"session_token": self.token, "content": content, **more}
        return self.client.post("/v1/memo", json=body)

    def query(self, query: str, **more: object) -> list[str]:
        body = {"session_token": self.token, "query": query, **more}
        found = self.client.post("/v1/memo/query", json=body)
        assert found.status_code == 200, found.text
        return [hit["content"] for hit in found.json()["data"]["results"]]

    def list(self, **params: object) -> dict[str, object]:
        found = self.client.get("/v1/memo", headers=self.headers, params=params)  # type: ignore[arg-type]
        data: dict[str, object] = found.json()["data"]
        return data


@pytest.fixture
def notes(service: Running, org: Org) -> Iterator[Notes]:
    with service.client(org.headers) as client:
        yield Notes(client)


def totals(org: Org) -> OrgTotals:
    with org.services.database.tenant(org.org_id) as session:
        return orgs.totals(session)


def as_user(org: Org, user: str, **more: str) -> Mapping[str, str]:
    return {**org.headers, "x-coco-user-id": user, **more}


def test_the_best_note_comes_first_and_other_users_notes_never(
    service: Running, org: Org, notes: Notes
) -> None:
    for content in ("tea with milk", "milk milk milk", "coffee, black", "Tee mit Milch"):
        assert notes.add(content).status_code == 200
    notes.add("expensive tea", tags=["shop"])
    assert notes.query("milk") == ["milk milk milk", "tea with milk"]
    assert notes.query("tea", tags=["shop"]) == ["expensive tea"]
    assert set(notes.query("shop")) == {"expensive tea"}
    assert notes.query("nothing of it") == []
    assert notes.query("...") == []
    with service.client(as_user(org, "other")) as client:
        other = Notes(client)
        assert other.query("milk") == []
        other.add("my milk")
        assert other.query("milk") == ["my milk"]
    assert notes.query("milk", top_k=1) == ["milk milk milk"]


def test_notes_that_an_older_program_wrote_are_found_and_counted(org: Org, notes: Notes) -> None:
    database = org.services.database
    before = totals(org)
    with database.tenant(org.org_id) as session:
        session.connection.execute(
            "INSERT INTO memos (memo_id, org_id, project_id, user_id, content) "
            "SELECT 'memo_old_' || n, %s, %s, %s, 'an old umbrella ' || n "
            "FROM generate_series(1, 120) AS n",
            (org.org_id, org.project_id, org.headers["x-coco-user-id"]),
        )
    assert notes.query("umbrella")
    from coco_server.store import memo_index

    memo_index.index_all(database)
    assert len(notes.query("umbrella", top_k=100)) == 100
    after = totals(org)
    assert after.documents - before.documents == 120
    assert after.storage_bytes - before.storage_bytes == sum(
        len(f"an old umbrella {number}") for number in range(1, 121)
    )
    assert memo_index.index_all(database) == 0


def test_notes_count_until_they_are_gone(service: Running) -> None:
    org = service.org("Small", ("memo", "impersonate"), org_max_documents=3).with_project()
    with service.client(org.headers) as client:
        notes = Notes(client)
        for number in range(3):
            assert notes.add(f"note {number} ä", tags=["t"]).status_code == 200
        assert totals(org).documents == 3
        assert totals(org).storage_bytes == 3 * len("note 0 ä".encode()) + 3
        full = notes.add("one more")
        assert (full.status_code, full.json()["error"]["code"]) == (403, "quota_exceeded")
        first = notes.list()["memos"][0]  # type: ignore[index]
        client.delete(f"/v1/memo/{first['memo_id']}", headers=notes.headers)
        assert totals(org).documents == 2
        assert notes.add("one more").status_code == 200
        gone = client.delete("/v1/memo", headers=notes.headers)
        assert gone.json()["data"] == {"memos": 3}
        assert totals(org) == OrgTotals(0, 0, 0)
        assert notes.query("note") == []


def test_what_goes_with_its_project_is_given_back(service: Running) -> None:
    org = service.org("Leaving", ("memo", "impersonate")).with_project()
    with service.client(org.headers) as client:
        Notes(client).add("a note")
    assert totals(org).documents == 1
    with org.services.database.system() as session:
        session.connection.execute("DELETE FROM projects WHERE project_id = %s", (org.project_id,))
        left = session.connection.execute(
            "SELECT count(*) FROM memo_terms WHERE org_id = %s", (org.org_id,)
        ).fetchone()
    assert left == (0,)
    assert totals(org) == OrgTotals(0, 0, 0)


def test_a_user_has_so_many_notes_and_no_more(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memos, "_MOST_NOTES", 2)
    assert [notes.add("x").status_code for _ in range(3)] == [200, 200, 403]


def test_notes_are_listed_a_page_at_a_time(notes: Notes) -> None:
    for number in range(5):
        notes.add(f"note {number}")
    seen: list[str] = []
    page = notes.list(limit=2)
    while True:
        seen += [each["content"] for each in page["memos"]]  # type: ignore[union-attr]
        if page["next_before"] is None:
            break
        page = notes.list(limit=2, before=page["next_before"])
    assert seen == [f"note {number}" for number in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize("content", ["", "x" * 100_001, "a\0b"])
def test_a_note_has_text_and_not_too_much(notes: Notes, content: str) -> None:
    assert notes.add(content).status_code == 400
    assert notes.add("x", tags=["t" * 201]).status_code == 400


@pytest.mark.parametrize(
    ("scopes", "users", "user", "status"),
    [
        (("memo",), (), "ann", 403),
        (("query", "ingest", "manage", "memo"), (), "ann", 403),
        (("memo",), ("ann",), "ann", 200),
        (("memo",), ("ann",), "bob", 403),
        (("memo", "impersonate"), (), "bob", 200),
        (("impersonate",), (), "bob", 403),
    ],
)
def test_who_opens_a_session(
    service: Running, scopes: tuple[str, ...], users: tuple[str, ...], user: str, status: int
) -> None:
    org = service.org("Who").with_project()
    with org.services.database.system() as session:
        key = keys.create(session, org.org_id, "test", scopes, users=users)
    headers = as_user(org, user, authorization=f"Bearer {key.text}")
    with service.client(headers) as client:
        begun = client.post("/v1/memo/session")
        assert begun.status_code == status
        if status == 403:
            assert begun.json()["error"]["hint"]
        # A token that was not verified vouches for nothing.
        forged = client.post("/v1/memo/session", headers={"x-coco-user-token": "a.b.c"})
        assert forged.status_code in (401, 403)


def test_a_key_gives_no_user_away_for_whom_it_may_not_act(service: Running) -> None:
    org = service.org("Granting").with_project()
    body = {"org_id": org.org_id, "name": "n", "scopes": ["memo"], "users": ["ann"]}
    with service.client(org.headers) as client:
        assert client.post("/v1/sys/keys", json=body).status_code == 403
    with service.client(service.admin) as client:
        made = client.post("/v1/sys/keys", json=body)
        assert made.json()["data"]["users"] == ["ann"]


def test_a_user_is_the_same_in_a_header_and_in_a_path(service: Running, org: Org) -> None:
    """Notes of a user with a name beyond ASCII were kept under another one: erasure missed them."""
    headers = {name: value.encode() for name, value in as_user(org, "zo\u00eb").items()}
    with service.client(headers) as client:
        begun = client.post("/v1/memo/session")
        token = begun.json()["data"]["session_token"]
        client.post("/v1/memo", json={"session_token": token, "content": "buy milk"})
    with service.client(service.admin) as client:
        gone = client.delete(f"/v1/sys/orgs/{org.org_id}/users/zo%C3%AB")
        assert gone.status_code == 200, gone.text
        assert gone.json()["data"]["removed"]["memos"] == 1
