"""What a hostile client of one org can send, against everything that `dev` starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import psutil
import pytest

from tests.hostile_parquet import bomb_of_equal_texts, bomb_of_nulls, parquet
from tests.hostile_rules import growing_rule, slow_to_compile
from tests.waiting import until

PARQUET = {"content-type": "application/vnd.apache.parquet"}
NDJSON = {"content-type": "application/x-ndjson"}
ENDED = {"succeeded", "failed", "cancelled"}


@dataclass
class Stack:
    client: httpx.Client
    admin: httpx.Client
    process: psutil.Process
    org_id: str

    def worker(self) -> psutil.Process:
        return next(
            each
            for each in self.process.children(recursive=True)
            if "coco_worker" in each.cmdline() and "run" in each.cmdline()
        )

    def ended(self, started: httpx.Response) -> dict[str, object]:
        assert started.status_code < 300, started.text
        path = f"/v1/jobs/{started.json()['data']['job_id']}"

        def look() -> dict[str, object] | None:
            job: dict[str, object] = self.client.get(path).json()["data"]
            return job if job["state"] in ENDED else None

        return until(look, 100)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COCO")}
    with subprocess.Popen(
        [sys.executable, "-m", "coco_server.cli", "dev", "--port", "0", "--json"],
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        try:
            assert process.stdout is not None
            access = json.loads(process.stdout.readline())
            url = access["url"]
            admin = httpx.Client(
                base_url=url,
                headers={"authorization": f"Bearer {access['admin_key']}"},
                timeout=100,
                trust_env=False,
            )
            with admin:
                made = admin.post(
                    "/v1/sys/register",
                    json={"org_id": access["org_id"], "source_ref": "kb:h", "name": "Hostile"},
                )
                assert made.status_code == 200, made.text
                headers = {
                    "authorization": f"Bearer {access['api_key']}",
                    "x-coco-org-id": access["org_id"],
                    "x-coco-user-id": access["user_id"],
                    "x-coco-project-id": made.json()["data"]["project_id"],
                }
                with httpx.Client(
                    base_url=url, headers=headers, timeout=100, trust_env=False
                ) as client:
                    yield Stack(client, admin, psutil.Process(process.pid), access["org_id"])
        finally:
            process.terminate()
            process.wait(60)


def test_a_parquet_bomb_fails_and_the_worker_does_not_grow(stack: Stack) -> None:
    """Under 10 kB took a worker from 316 to 2,883 MB."""
    good = parquet({"doc_id": ["a"], "content": ["x"], "vector": [[1.0] * 384]})
    assert stack.ended(stack.client.post("/v1/ingest/batch", content=good, headers=PARQUET))[
        "state"
    ] == ("succeeded")
    worker = stack.worker()
    before = worker.memory_info().rss
    for bomb in (bomb_of_equal_texts(1_500, 4_000_000), bomb_of_nulls(100_000_000)):
        assert len(bomb) < 100_000
        started = stack.client.post("/v1/ingest/batch", content=bomb, headers=PARQUET)
        job = stack.ended(started)
        assert (job["state"], job["attempt"]) == ("failed", 1), job
        assert job["error"]["code"] == "unreadable"  # type: ignore[index]
    assert worker.is_running()
    assert worker.memory_info().rss - before < 100 << 20


def test_a_footer_that_lies_is_refused_at_once(stack: Stack) -> None:
    footer = b"\x36\xbf\x9a\x0c\x19\x0c\x00"
    body = b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"
    refused = stack.client.post("/v1/ingest/batch", content=body, headers=PARQUET)
    assert refused.status_code == 400, refused.text
    assert "negative" in refused.json()["error"]["message"]


def test_a_module_that_came_as_an_import_does_not_run(stack: Stack) -> None:
    sent = stack.client.post("/v1/ingest/batch", content=growing_rule(1), headers=NDJSON)
    assert sent.status_code == 415
    ref = f"{stack.org_id}/{'0' * 32}.wasm"
    named = stack.client.post(
        "/v1/ingest/batch",
        content=b'{"doc_id": "a", "content": "x"}',
        params={"wasm_module_ref": ref},
        headers=NDJSON,
    )
    assert (named.status_code, named.json()["error"]["code"]) == (400, "wasm_rejected")


def test_rules_are_bounded_in_compiling_and_in_growth(stack: Stack) -> None:
    wasm = {"content-type": "application/wasm"}
    slow = stack.client.post("/v1/rules", content=slow_to_compile(), headers=wasm)
    assert (slow.status_code, slow.json()["error"]["code"]) == (400, "wasm_rejected")
    rule = stack.client.post("/v1/rules", content=growing_rule(60 << 20), headers=wasm)
    assert rule.status_code == 200, rule.text
    started = stack.client.post(
        "/v1/ingest/batch",
        content=b'{"doc_id": "a", "content": "five"}',
        params={"wasm_module_ref": rule.json()["data"]["wasm_module_ref"]},
        headers=NDJSON,
    )
    job = stack.ended(started)
    assert job["state"] == "failed"
    listed = stack.client.get(f"/v1/jobs/{job['job_id']}/rejections").json()["data"]["rejections"]
    assert [each["code"] for each in listed] == ["rule_failed"]


def test_a_memo_key_opens_no_session_for_another_user(stack: Stack) -> None:
    refused = stack.client.post("/v1/memo/session", headers={"x-coco-user-id": "victim"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
    body = {"org_id": stack.org_id, "name": "ann's", "scopes": ["memo"], "users": ["ann"]}
    key = stack.admin.post("/v1/sys/keys", json=body).json()["data"]["key"]
    ann = {"authorization": f"Bearer {key}", "x-coco-user-id": "ann"}
    begun = stack.client.post("/v1/memo/session", headers=ann)
    assert begun.status_code == 200, begun.text
    token = begun.json()["data"]["session_token"]
    made = stack.client.post(
        "/v1/memo", headers=ann, json={"session_token": token, "content": "buy milk"}
    )
    assert made.status_code == 200
    found = stack.client.post(
        "/v1/memo/query", headers=ann, json={"session_token": token, "query": "milk"}
    )
    assert [hit["content"] for hit in found.json()["data"]["results"]] == ["buy milk"]


def test_errors_of_jobs_name_no_path(stack: Stack) -> None:
    jobs = stack.client.get("/v1/jobs").text
    for path in ("file://", "/tmp/", "/home/", "/root/", "base/"):
        assert path not in jobs
