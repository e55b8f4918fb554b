"""Erased projects, orgs and users leave nothing behind: in no row of any table, and in no file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coco_server.domain.erasure import Eraser
from coco_server.store import erasures
from coco_server.store.blobs import BlobStore
from coco_server.store.session import Database
from coco_server.store.tenant_tables import KEPT
from coco_server.store.vectors import PgVectors
from tests.embedding_server import EmbeddingServer, embedding_server
from tests.operated_service import DIMENSION, Client, files_with, operated, rows_with
from tests.postgres_server import fresh_database
from tests.waiting import until

# In every field that takes text. Words of its own, or keyword search would hold it in pieces.
CANARY = "zyxwquartzcanary"


@pytest.fixture
def url() -> str:
    return fresh_database()


@pytest.fixture
def blobs(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def embedding() -> Iterator[EmbeddingServer]:
    with embedding_server(dimension=DIMENSION) as server:
        yield server


@pytest.fixture
def service(url: str, blobs: Path, tmp_path: Path, embedding: EmbeddingServer) -> Iterator[Client]:
    with operated(url, blobs, tmp_path / "worker.log", embedding) as client:
        yield client


def items(word: str = CANARY, count: int = 3) -> list[dict[str, Any]]:
    return [
        {
            "doc_id": f"{word}-{number}",
            "title": f"title {word}",
            "content": f"The {word} sings in line {number}.\n\ndef {word}_{number}(): pass\n",
            "meta": {"tags": [word], "author": word},
        }
        for number in range(count)
    ]


def fill(client: Client, word: str = CANARY) -> None:
    """Leave a word wherever the API takes one."""
    broken = {"doc_id": f"{word}-broken", "content": 5}
    client.import_all([*items(word), broken])
    client.import_all(items(word, 2), idempotency_key=f"key-{word}")
    client.import_all(items(word, 1), mode="merge", deletes=[f"{word}-1"])
    client.ask("POST", "/v1/docs/index", json={"indexing_config_id": "small", "activate": False})
    session = client.ask("POST", "/v1/memo/session")["session_token"]
    client.ask(
        "POST",
        "/v1/memo",
        json={"session_token": session, "content": f"note {word}", "tags": [word]},
    )
    client.ask("POST", "/v1/docs/query", json={"query": word})


def left(url: str) -> dict[str, int]:
    """Return where the word still is; the log of who did what names the project that was made."""
    return {name: count for name, count in rows_with(url, CANARY).items() if name not in KEPT}


def idle(client: Client) -> None:
    until(lambda: not client.admin("GET", "/v1/sys/health")["jobs_running"], 60)


def test_a_project_is_erased(service: Client, url: str, blobs: Path) -> None:
    acme = service.with_org("acme", "Acme")
    kept = acme.with_project("kb:kept", "Kept")
    kept.import_all([{"doc_id": "k", "content": "stays here"}])
    gone = acme.with_project(f"kb:{CANARY}", f"Project {CANARY}")
    fill(gone)
    idle(service)
    before = rows_with(url, CANARY)
    assert {"documents", "projects", "jobs", "job_rejections", "memos"} <= set(before)
    assert any(name.startswith("source_chunks_") for name in before)
    assert files_with(blobs, CANARY)
    done = gone.ask("DELETE", f"/v1/projects/{gone.project_id}")
    assert done["finished_at"] is not None
    assert done["removed"]["projects"] == 1
    assert done["removed"]["memos"] == 1
    assert left(url) == {}
    assert files_with(blobs, CANARY) == []
    named = rows_with(url, gone.project_id)
    assert set(named) <= KEPT, "the id stays in the records of what was done, and nowhere else"
    assert gone.response("GET", f"/v1/projects/{gone.project_id}").status_code == 404
    assert [hit for hit, _ in kept.found("stays")] == ["k"]
    # Its name is free, and starts from nothing.
    again = acme.with_project(f"kb:{CANARY}", "Again")
    assert again.project_id != gone.project_id


def test_an_org_is_erased_when_its_name_is_said(service: Client, url: str, blobs: Path) -> None:
    other = service.with_org("other", "Other").with_project("kb:o", "Other")
    other.import_all([{"doc_id": "o", "content": "stays here"}])
    acme = service.with_org("gone-org", f"Org {CANARY}")
    fill(acme.with_project(f"kb:{CANARY}", CANARY))
    idle(service)
    with pytest.raises(AssertionError, match="is not named 'Org'"):
        service.admin("DELETE", "/v1/sys/orgs/gone-org", params={"name": "Org"})
    assert rows_with(url, CANARY)
    done = service.admin("DELETE", "/v1/sys/orgs/gone-org", params={"name": f"Org {CANARY}"})
    assert done["removed"]["orgs"] == 1
    assert left(url) == {}
    assert set(rows_with(url, "gone-org")) <= KEPT
    assert files_with(blobs, CANARY) == []
    assert files_with(blobs, "gone-org") == []
    assert acme.response("GET", "/v1/jobs").status_code == 401
    assert [hit for hit, _ in other.found("stays")] == ["o"]


def test_a_user_is_erased(service: Client, url: str) -> None:
    acme = service.with_org("acme", "Acme").with_project("kb:u", "Users")
    leaving = Client(acme.url, acme.org_id, acme.key, acme.project_id, f"user-{CANARY}")
    staying = Client(acme.url, acme.org_id, acme.key, acme.project_id, "staying")
    leaving.import_all([{"doc_id": "d", "content": "the document is the project's"}])
    for users in ([leaving.user_id], [leaving.user_id, "staying"]):
        bound = {"org_id": "acme", "name": "bound", "users": users}
        acme.admin("POST", "/v1/sys/keys", json=bound)
    for client in (leaving, staying):
        token = client.ask("POST", "/v1/memo/session")["session_token"]
        client.ask("POST", "/v1/memo", json={"session_token": token, "content": client.user_id})
    assert {"users", "memos", "sessions", "jobs"} <= set(rows_with(url, leaving.user_id))
    done = leaving.ask("DELETE", f"/v1/sys/orgs/acme/users/{leaving.user_id}")
    assert done["removed"] == {
        "api_keys": 1, "jobs": 1, "memos": 1, "sessions": 1, "users": 1,
    }  # fmt: skip
    assert set(rows_with(url, leaving.user_id)) <= KEPT
    assert "memos" in rows_with(url, "staying")
    assert [hit for hit, _ in acme.found("document")] == ["d"]
    keys = acme.admin("GET", "/v1/sys/keys", params={"org_id": "acme"})["keys"]
    assert [key["users"] for key in keys if key["name"] == "bound"] == [["staying"]]


class _Stopped(Exception):
    pass


@pytest.mark.parametrize("steps", [1, 2, 4, 7, 11])
def test_an_interrupted_erasure_goes_on(
    service: Client, url: str, blobs: Path, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ended after some of its transactions, as by a kill, and another process goes on."""
    acme = service.with_org("acme", "Acme").with_project(f"kb:{CANARY}", CANARY)
    fill(acme)
    idle(service)
    store = BlobStore(blobs.as_uri())
    with Database(url, most=2) as database:
        with database.system() as session:
            begun = erasures.begin_project(session, "acme", acme.project_id)
        left = [steps]
        real = Database.tenant, Database.system

        def stopping(method: Any) -> Any:
            def open_session(*given: Any) -> Any:
                left[0] -= 1
                if left[0] < 0:
                    raise _Stopped
                return method(*given)

            return open_session

        monkeypatch.setattr(Database, "tenant", stopping(real[0]))
        monkeypatch.setattr(Database, "system", stopping(real[1]))
        with pytest.raises(_Stopped):
            Eraser(database, store, PgVectors()).run(begun)
        monkeypatch.undo()
        assert acme.response("GET", "/v1/jobs").status_code == 404
        assert Eraser(database, store, PgVectors()).resume() == 1
    assert left(url) == {}
    assert files_with(blobs, CANARY) == []


def test_a_running_import_is_stopped_first(
    service: Client, url: str, blobs: Path, embedding: EmbeddingServer
) -> None:
    """Its worker waits for a model meanwhile, and may write nothing when it goes on."""
    acme = service.with_org("acme", "Acme").with_project(f"kb:{CANARY}", CANARY)
    embedding.gate.clear()
    job = acme.start_import(items(count=200))["job_id"]
    until(lambda: acme.ask("GET", f"/v1/jobs/{job}")["state"] == "running", 60)
    done = acme.ask("DELETE", f"/v1/projects/{acme.project_id}")
    assert done["finished_at"] is not None
    embedding.gate.set()
    idle(service)
    assert left(url) == {}
    assert files_with(blobs, CANARY) == []
