"""The program of the version before and this one serve together on the schema of this one.

In the documented order: migrate, then replace the workers, then the API processes one by one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from coco_server.store.migrate import migrate
from tests.api_service import api_processes
from tests.embedding_server import EmbeddingServer, embedding_server
from tests.operated_service import DIMENSION, SCOPES, Client
from tests.postgres_server import running_postgres
from tests.worker_process import WorkerProcess

ROOT = Path(__file__).parents[3]

# The last program that knew nothing of segments, and of schemas newer than its own.
BEFORE = "e2e469d34e4124637ddfa4f35459d68109b20f8c"
SCHEMA_BEFORE = "0003"


@pytest.fixture(scope="module")
def program_before(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The PYTHONPATH of the version before."""
    done = subprocess.run(
        ["git", "-C", str(ROOT), "archive", BEFORE, "packages", "private"],
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"this clone lacks the commit {BEFORE[:8]}: git fetch --unshallow brings it")
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return os.pathsep.join(map(str, sorted(folder.glob("p*/*/src"))))


@pytest.fixture
def embedding() -> Iterator[EmbeddingServer]:
    with embedding_server(dimension=DIMENSION) as server:
        yield server


class _Asking:
    """Asks one service again and again, and keeps what was not answered as before."""

    def __init__(self, client: Client, query: str) -> None:
        self._client, self._query = client, query
        self._expected = client.found(query)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.count = 0
        self.wrong: list[object] = []

    def __enter__(self) -> _Asking:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                found = self._client.found(self._query)
            except AssertionError as error:
                self.wrong.append(error)
                return
            self.count += 1
            if found != self._expected:
                self.wrong.append(found)


def items(word: str, count: int = 30) -> list[dict[str, str]]:
    return [
        {"doc_id": f"{word}-{number}", "content": f"{word} says number{number}"}
        for number in range(count)
    ]


def use_everything(client: Client, word: str) -> None:
    """Do what clients do; each step fails if the schema does not fit the program."""
    before = client.ask("GET", f"/v1/projects/{client.project_id}")["active_version_id"]
    client.import_all(items(word))
    assert {doc.partition("-")[0] for doc, _ in client.found(word)} == {word}
    versions = client.ask("GET", f"/v1/projects/{client.project_id}/versions")["versions"]
    assert before in {each["version_id"] for each in versions}
    client.ask("POST", f"/v1/projects/{client.project_id}/rollback")
    path = f"/v1/projects/{client.project_id}/versions/{versions[0]['version_id']}"
    client.ask("POST", path + "/activate")
    chunks = client.response("GET", path + "/chunks").json()["data"]["chunks"]
    assert len(chunks) == 30
    token = client.ask("POST", "/v1/memo/session")["session_token"]
    client.ask("POST", "/v1/memo", json={"session_token": token, "content": f"note {word}"})
    notes = client.ask("GET", "/v1/memo", headers={"x-coco-session-token": token})["memos"]
    assert f"note {word}" in {note["content"] for note in notes}
    client.admin("POST", "/v1/sys/prune", json={"dry_run": True})


# Two versions start, each with a worker, on cores that others use too.
@pytest.mark.timeout(600)
def test_both_programs_serve_together(
    program_before: str, embedding: EmbeddingServer, tmp_path: Path
) -> None:
    url, blobs = running_postgres().create_database("rolling"), tmp_path / "blobs"
    models = {"COCO_EMBED_URL": embedding.url, "COCO_EMBED_DIMENSION": str(DIMENSION)}
    shared = {"COCO_META_DB": url, "COCO_BLOB_URL": blobs.as_uri(), **models}
    old = {"PYTHONPATH": program_before}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COCO_")}
    said = subprocess.run(
        [sys.executable, "-m", "coco_server.cli", "migrate"],
        env={**kept, **shared, **old},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    assert f"to {SCHEMA_BEFORE}." in said.stdout
    workers = [WorkerProcess(tmp_path / "before.log", {**shared, **old})]
    try:
        with api_processes(url, blobs, 1, **models, **old) as (first,):
            workers[0].wait_started()
            client = Client(first.url).with_org("acme", "Acme", "query", "ingest", "manage", "memo")
            steady = client.with_project("kb:steady", "Steady")
            steady.import_all(items("steady"))
            busy = client.with_project("kb:busy", "Busy")
            busy.import_all(items("first"))
            with _Asking(steady, "steady says") as asking:
                assert migrate(url)[0] == SCHEMA_BEFORE
                use_everything(busy, "migrated")
                workers.append(WorkerProcess(tmp_path / "now.log", shared).wait_started())
                use_everything(busy, "together")
                workers[0].stop()
                use_everything(busy, "worker")
                with api_processes(url, blobs, 1, **models) as (second,):
                    # For notes of several users, keys of this version say so.
                    moved = replace(busy, url=second.url).with_key(*SCOPES)
                    assert moved.found("worker") == busy.found("worker")
                    use_everything(moved, "new")
                    assert busy.found("new says") == moved.found("new says")
                    use_everything(busy, "old")
                    assert busy.found("old says") == moved.found("old says")
            assert asking.wrong == []
            assert asking.count > 10
    finally:
        for worker in workers:
            worker.stop()
