"""The static table and a registered model, from the file that API service and worker both read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from coco_server.store.session import Database
from tests.api_service import Org, Running, running, settings_for
from tests.coco_embed.tiny_model import tiny_model, write_json
from tests.waiting import until
from tests.worker_process import WorkerProcess

COLOURS = {"r.md": "red red", "g.md": "green green", "b.md": "blue blue", "rb.md": "red blue"}


@pytest.fixture
def service(database: Database, database_url: str, tmp_path: Path) -> Iterator[Running]:
    """An API service and a worker with one registered model."""
    del database
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    tiny_model(tmp_path / "tiny")
    models = tmp_path / "models.toml"
    models.write_text('[models.colours]\npath = "tiny"\nmax_tokens = 64\n', encoding="utf-8")
    worker = WorkerProcess(
        tmp_path / "worker.log",
        {
            "COCO_META_DB": database_url,
            "COCO_BLOB_URL": blobs.as_uri(),
            "COCO_MODELS_FILE": str(models),
            # Neither model is to be found elsewhere.
            "COCO_EMBED_MODEL_DIR": str(tmp_path / "none"),
            "COCO_OFFLINE": "1",
        },
    ).wait_started()
    settings = settings_for(
        database_url,
        blobs,
        COCO_MODELS_FILE=str(models),
        COCO_EMBED_MODEL_DIR=str(tmp_path / "none"),
    )
    try:
        with running(settings) as found:
            yield found
    finally:
        assert worker.stop() == 0


def config(config_id: str, model: str, max_tokens: int = 64) -> dict[str, Any]:
    return {
        "config_id": config_id,
        "chunking": {"strategy_name": "fixed_token", "chunk_size": 16},
        "embedding": {"model_name": model, "max_tokens": max_tokens},
    }


def build(client: httpx.Client, config_id: str, texts: dict[str, str]) -> dict[str, Any]:
    """Import the texts under a config and return the ended job."""
    items = [{"doc_id": doc_id, "content": text} for doc_id, text in texts.items()]
    started = client.post(
        "/v1/ingest/batch", json={"items": items, "indexing_config_id": config_id}
    )
    assert started.status_code == 202, started.text
    job_id = started.json()["data"]["job_id"]

    def ended() -> dict[str, Any] | None:
        job: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").json()["data"]
        return job if job["finished_at"] else None

    return until(ended)


def ask(client: httpx.Client, query: str, config_id: str) -> tuple[dict[str, Any], list[str]]:
    answer = client.post(
        "/v1/docs/query",
        json={
            "query": query,
            "indexing_config_id": config_id,
            "retrieval_config": {"retrieval_mode": "vector", "top_k": 4},
        },
    )
    assert answer.is_success, answer.text
    hits = answer.json()["data"]["results"]
    return answer.json()["meta"], [hit["chunk"]["doc_id"] for hit in hits]


def test_documents_and_queries_are_embedded_by_the_model_of_their_config(service: Running) -> None:
    org = service.org("Acme").with_project()
    with service.client(org.headers) as client:
        for each, dimension in (
            (config("own", "colours"), 4),
            (config("static", "coco-static"), 384),
        ):
            registered = client.post("/v1/sys/configs", json=each)
            assert registered.is_success, registered.text
            assert registered.json()["data"]["dimension"] == dimension
        job = build(client, "own", COLOURS)
        assert job["state"] == "succeeded", job
        assert job["result"]["embedded"] == len(COLOURS)
        meta, found = ask(client, "green", "own")
        assert (meta["tier"], found[0]) == ("transformer", "g.md")
        assert set(ask(client, "red", "own")[1][:2]) == {"r.md", "rb.md"}
        texts = {
            "start.md": "How the service is started: run coco-server serve.",
            "limits.md": "Token buckets limit requests for each org and project.",
        }
        job = build(client, "static", texts)
        assert job["state"] == "succeeded", job
        meta, found = ask(client, "how do I start the service", "static")
        assert (meta["tier"], meta["status"], found[0]) == ("transformer", "fresh", "start.md")


def test_a_model_that_nobody_registered_is_refused_with_those_that_are(service: Running) -> None:
    org: Org = service.org("Acme").with_project()
    with service.client(org.headers) as client:
        refused = client.post("/v1/sys/configs", json=config("other", "colors"))
        assert refused.status_code == 400
        error = refused.json()["error"]
        assert error["code"] == "invalid_config"
        assert "there are all-MiniLM-L6-v2, coco-static, colours" in error["message"]
        wide = client.post("/v1/sys/configs", json=config("wide", "colours", 65))
        assert "takes 8 to 64" in wide.json()["error"]["message"]


def test_a_model_that_went_bad_leaves_keywords(service: Running, tmp_path: Path) -> None:
    org = service.org("Acme").with_project()
    with service.client(org.headers) as client:
        assert client.post("/v1/sys/configs", json=config("own", "colours")).is_success
        assert build(client, "own", COLOURS)["state"] == "succeeded"
        service.services.embedders.close()
        write_json(tmp_path / "tiny", "config.json", [])
        body = {"query": "green", "indexing_config_id": "own"}
        answer = client.post("/v1/docs/query", json=body).json()
        assert answer["meta"]["tier"] == "keyword"
        assert "Keywords alone answered: The directory" in answer["meta"]["notice"]
        assert answer["data"]["results"][0]["chunk"]["doc_id"] == "g.md"
