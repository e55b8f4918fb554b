"""A backup of a running service, restored into an empty server, gives the same answers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from coco_server.dev.postgres import DevPostgres
from tests.embedding_server import EmbeddingServer, embedding_server
from tests.operated_service import DIMENSION, Client, operated
from tests.postgres_server import fresh_database
from tests.waiting import until

WORDS = ["retry", "timeout", "cache", "ledger", "harbor", "violet", "granite", "meadow"]
QUERIES = [
    *WORDS,
    "retry timeout",
    "granite meadow harbor",
    "what does the ledger say about violet",
]
MODES = ["hybrid", "vector", "fts"]


@pytest.fixture
def embedding() -> Iterator[EmbeddingServer]:
    with embedding_server(dimension=DIMENSION) as server:
        yield server


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """An empty database on another PostgreSQL."""
    with DevPostgres() as server:
        yield server.create_database("restored")


def command(url: str, blobs: Path, *arguments: object) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COCO_")}
    return subprocess.Popen(
        [sys.executable, "-m", "coco_server.cli", *map(str, arguments)],
        env={**kept, "COCO_META_DB": url, "COCO_BLOB_URL": blobs.as_uri()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def done(process: subprocess.Popen[str]) -> Any:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return json.loads(out)


def documents(count: int) -> list[dict[str, Any]]:
    return [
        {
            "doc_id": f"d{number}",
            "title": WORDS[number % 8],
            "content": f"{WORDS[number % 8]} {WORDS[number // 3 % 8]} item{number} says "
            f"{WORDS[number // 7 % 8]}.",
        }
        for number in range(count)
    ]


def is_running(client: Client, job_id: str) -> bool:
    return bool(client.ask("GET", f"/v1/jobs/{job_id}")["state"] == "running")


def answers(client: Client) -> dict[str, list[tuple[str, float]]]:
    return {f"{mode}: {query}": client.found(query, mode) for query in QUERIES for mode in MODES}


# Four services and workers start, one after the other, on cores that others use too.
@pytest.mark.timeout(600)
def test_a_restored_service_answers_the_same(
    embedding: EmbeddingServer, elsewhere: str, tmp_path: Path
) -> None:
    url, blobs, file = fresh_database(), tmp_path / "blobs", tmp_path / "coco.backup"
    with operated(url, blobs, tmp_path / "worker.log", embedding, COCO_WORKER_SLOTS="2") as service:
        acme = service.with_org("acme", "Acme").with_project("kb:a", "A")
        acme.import_all(documents(300))
        acme.import_all(documents(240))
        # Its version has three segments, and documents that the later ones replace and delete.
        acme.import_all([{"doc_id": "d7", "content": "granite was meadow"}], mode="merge")
        acme.import_all(
            [{"doc_id": "d8", "content": "violet harbor"}], mode="merge", deletes=["d9"]
        )
        beta = service.with_org("beta", "Beta").with_project("kb:b", "B")
        beta.import_all([{"doc_id": "only", "content": "violet harbor"}])
        token = acme.ask("POST", "/v1/memo/session")["session_token"]
        acme.ask("POST", "/v1/memo", json={"session_token": token, "content": "a note"})
        before = answers(acme), answers(beta)
        assert all(before[0].values())
        gamma = service.with_org("gamma", "Gamma").with_project("kb:g", "G")
        gamma.import_all(documents(5))
        # A build and a merge are under way while the backup is taken.
        embedding.gate.clear()
        job = beta.start_import(documents(50))["job_id"]
        slate = [{"doc_id": "new", "content": "slate slate slate"}]
        merge = gamma.start_import(slate, mode="merge", deletes=["d0"])["job_id"]
        for client, each in ((beta, job), (gamma, merge)):
            until(partial(is_running, client, each), 60)
        taken = done(command(url, blobs, "backup", file, "--json", "--quiet"))
        assert taken["tables"]["orgs"] == 3
        assert taken["blobs"] == 8
        embedding.gate.set()
    assert done(command(elsewhere, blobs, "restore", file, "--check", "--json"))["rows"]
    again = tmp_path / "other-blobs"
    restored = done(command(elsewhere, again, "restore", file, "--json", "--quiet"))
    assert restored["tables"] == taken["tables"]
    assert restored["requeued_jobs"] == 2
    with operated(elsewhere, again, tmp_path / "worker2.log", embedding) as service:
        moved = [replace(each, url=service.url) for each in (acme, beta, gamma)]
        # The build that ran goes on by itself, from its import in the restored blob store.
        assert moved[1].ended(job)["state"] == "succeeded"
        assert moved[2].ended(merge)["state"] == "succeeded"
        assert moved[2].found("slate", "fts")[0][0] == "new"
        assert "d0" not in {found for word in WORDS for found, _ in moved[2].found(word)}
        assert answers(moved[0]) == before[0]
        assert len(moved[1].found("granite", "fts")) > 0
        previous = moved[1].ask("POST", f"/v1/projects/{beta.project_id}/rollback")
        assert previous["active_version_id"]
        assert answers(moved[1]) == before[1]
        notes = moved[0].ask("GET", "/v1/memo", headers={"x-coco-session-token": token})
        assert [each["content"] for each in notes["memos"]] == ["a note"]
        moved[0].ask("POST", f"/v1/projects/{acme.project_id}/rollback")
        moved[0].import_all(documents(20))


@pytest.mark.parametrize("after", ["source_chunks", "blobs"])
def test_a_killed_backup_leaves_no_file_of_that_name(
    embedding: EmbeddingServer, tmp_path: Path, after: str
) -> None:
    url, blobs, file = fresh_database(), tmp_path / "blobs", tmp_path / "coco.backup"
    with operated(url, blobs, tmp_path / "worker.log", embedding) as service:
        acme = service.with_org("acme", "Acme").with_project("kb:a", "A")
        acme.import_all(documents(3000))
    process = command(url, blobs, "backup", file)
    partial = tmp_path / ".coco.backup.partial"
    least = 10_000 if after == "source_chunks" else 40_000
    until(lambda: process.poll() is not None or (
        partial.exists() and partial.stat().st_size > least), 60)  # fmt: skip
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    if process.returncode == -signal.SIGKILL:
        assert not file.exists()
    # The next one replaces what is left, and takes the lock of the killed one.
    file.unlink(missing_ok=True)
    assert done(command(url, blobs, "backup", file, "--json"))["rows"]
    assert not partial.exists()
