"""Imports: every format as a stream, all or nothing, and once for each idempotency key."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from coco_server.jobs import queue
from coco_server.jobs.payload import IngestPayload
from tests.api_service import Org, Running

ROWS = [{"doc_id": str(number), "content": f"text {number}"} for number in range(7)]


def _parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), sink)
    return sink.getvalue()


FORMS = {
    "application/json": json.dumps({"items": ROWS}).encode(),
    "application/x-ndjson": "\n".join(map(json.dumps, ROWS)).encode(),
    "application/ndjson; charset=utf-8": b"\n\n".join(json.dumps(row).encode() for row in ROWS),
    "application/vnd.apache.parquet": _parquet(),
}


@pytest.fixture
def acme(service: Running) -> Org:
    """The org whose `client` it is; one for each test, as what it leaves behind is counted."""
    return service.org("Importer").with_project()


def post(client: httpx.Client, media: str, content: object, **params: str) -> httpx.Response:
    """Send the items as a body of this media type."""
    headers = {"content-type": media}
    return client.post("/v1/ingest/batch", content=content, params=params, headers=headers)


def _blobs(org: Org) -> list[Path]:
    root = Path(org.services.blobs.url.removeprefix("file://")) / org.org_id
    return [path for path in root.rglob("*") if path.is_file()] if root.exists() else []


def _counts(org: Org) -> tuple[int, int]:
    with org.services.database.tenant(org.org_id) as session:
        row = session.connection.execute(
            "SELECT (SELECT count(*) FROM project_versions), (SELECT count(*) FROM jobs)"
        ).fetchone()
    assert row is not None
    return row[0], row[1]


def _payload(org: Org, job_id: str) -> IngestPayload:
    with org.services.database.tenant(org.org_id) as session:
        return IngestPayload.from_dict(queue.get(session, org.project_id, job_id).payload)


@pytest.mark.parametrize("media", FORMS)
@pytest.mark.parametrize("path", ["/v1/docs/import", "/v1/ingest/batch"])
def test_every_format_becomes_a_job(client: httpx.Client, acme: Org, media: str, path: str) -> None:
    headers = {"content-type": media}
    answer = client.post(path, content=FORMS[media], params={"activate": "false"}, headers=headers)
    assert answer.status_code == 202
    data = answer.json()["data"]
    assert data["items"] == 7
    job = client.get(f"/v1/jobs/{data['job_id']}").json()["data"]
    assert (job["state"], job["total"], job["version_id"]) == ("queued", 7, data["version_id"])
    payload = _payload(acme, data["job_id"])
    assert payload.activate is False
    assert payload.plan.config.config_id == "small"
    stored = acme.services.blobs.open(acme.org_id, data["blob_ref"]).read()
    if payload.format == "json":
        assert json.loads(stored) == ROWS
    else:
        assert stored == FORMS[media]


def test_options_may_stand_behind_the_items(client: httpx.Client, acme: Org) -> None:
    body = {"items": ROWS, "on_error": "fail", "project_id": acme.project_id}
    data = client.post("/v1/docs/import", json=body).json()["data"]
    assert _payload(acme, data["job_id"]).on_error == "fail"


BROKEN: list[tuple[str, bytes, int]] = [
    ("application/json", b'{"items": [{"doc_id": "a"}', 400),
    ("application/json", b'{"items": [{"doc_id": "a"}], "surprise": 1}', 400),
    ("application/json", b'{"items": [{"doc_id": "a"}], "on_error": "maybe"}', 400),
    ("application/json", b'{"items": [{"doc_id": "a"}], "indexing_config_id": "none"}', 404),
    ("application/json", b'{"items": [{"doc_id": "a"}], "project_id": "prj_other"}', 400),
    ("application/json", b'{"items": [{"doc_id": "a"}], "blob_ref": "x/y.json"}', 400),
    ("application/json", b'{"items": 5}', 400),
    ("application/json", b"{}", 400),
    ("application/json", b"", 400),
    ("application/json", b"[1, 2]", 400),
    ("application/vnd.apache.parquet", b"PAR1 but not really PAR1", 400),
    ("text/plain", b"hello", 415),
    ("application/x-ndjson", b"", 400),
]


@pytest.mark.parametrize(("media", "body", "status"), BROKEN)
def test_what_is_refused_leaves_nothing_behind(
    client: httpx.Client, acme: Org, media: str, body: bytes, status: int
) -> None:
    answer = post(client, media, body)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"]
    assert _counts(acme) == (0, 0)
    assert _blobs(acme) == []


def test_unknown_options_are_refused(client: httpx.Client, acme: Org) -> None:
    answer = post(client, "application/x-ndjson", b"{}", activat="false")
    assert answer.status_code == 400
    assert "activat" in answer.json()["error"]["message"]


def test_an_import_above_the_limit_is_ended(client: httpx.Client, acme: Org) -> None:
    settings = acme.services.settings
    before = settings.max_import_bytes
    object.__setattr__(settings, "max_import_bytes", 1_000_000)
    try:
        answer = post(client, "application/x-ndjson", b"x" * 3_000_000)
    finally:
        object.__setattr__(settings, "max_import_bytes", before)
    assert answer.status_code == 413
    assert "COCO_MAX_IMPORT_BYTES" in answer.json()["error"]["hint"]
    assert _blobs(acme) == []


def test_a_second_build_of_a_config_has_to_wait(client: httpx.Client, acme: Org) -> None:
    assert client.post("/v1/docs/import", json={"items": ROWS}).status_code == 202
    refused = client.post("/v1/docs/import", json={"items": ROWS})
    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "version_conflict"
    assert len(_blobs(acme)) == 1


def test_a_blob_serves_again(client: httpx.Client, acme: Org) -> None:
    first = client.post("/v1/docs/import", json={"items": ROWS}).json()["data"]
    client.delete(f"/v1/jobs/{first['job_id']}")
    again = client.post("/v1/docs/import", json={"blob_ref": first["blob_ref"]})
    assert again.status_code == 202
    assert again.json()["data"]["items"] == 7
    assert _payload(acme, again.json()["data"]["job_id"]).format == "json"


def test_a_rebuild_takes_the_items_of_the_active_version(client: httpx.Client, acme: Org) -> None:
    nothing = client.post("/v1/docs/index", json={})
    assert nothing.status_code == 400
    version, job_id = acme.build({"a": "b"})
    data = client.post("/v1/docs/index", json={}).json()["data"]
    assert data["version_id"] != version.version_id
    assert data["blob_ref"] == _payload(acme, job_id).blob_ref


def test_activation_can_insist_on_what_it_replaces(client: httpx.Client, acme: Org) -> None:
    first, _ = acme.build({"a": "b"})
    second, _ = acme.build({"a": "c"}, activate=False)
    base = f"/v1/projects/{acme.project_id}"
    path = f"{base}/versions/{second.version_id}/activate"
    wrong = client.post(path, json={"expected_version_id": second.version_id})
    assert wrong.status_code == 409
    right = client.post(path, json={"expected_version_id": first.version_id}).json()["data"]
    assert right["previous_version_id"] == first.version_id
    back = client.post(f"{base}/rollback").json()["data"]
    assert back["active_version_id"] == first.version_id
    listed = client.get(f"{base}/versions").json()["data"]
    assert listed["active_version_id"] == first.version_id
    assert [each["status"] for each in listed["versions"]] == ["ARCHIVED", "ACTIVE"]


def test_an_answer_is_stale_only_from_another_config(client: httpx.Client, acme: Org) -> None:
    acme.build({"a": "zebra crossing"})
    asked = {"query": "zebra", "retrieval_config": {"retrieval_mode": "fts"}}
    config = {"config_id": "other", "dimension": 8, "embedding": {"model_name": "hashing"}}
    assert client.post("/v1/sys/configs", json=config).status_code == 200
    found = client.post("/v1/docs/query", json=asked).json()
    same = client.post("/v1/docs/query", json={**asked, "indexing_config_id": "small"}).json()
    other = client.post("/v1/docs/query", json={**asked, "indexing_config_id": "other"}).json()
    assert [each["meta"]["status"] for each in (found, same, other)] == ["fresh", "fresh", "stale"]
    (hit,) = found["data"]["results"]
    assert hit["chunk"]["content"] == "zebra crossing"
    assert not {"path", "start_line", "end_line"} & hit["chunk"].keys()
    assert other["data"]["results"] == []


def test_a_client_that_breaks_off_leaves_nothing(client: httpx.Client, acme: Org) -> None:
    def breaking() -> object:
        yield b'{"items": [{"doc_id": "a"}'
        raise ConnectionResetError("gone")

    with pytest.raises((httpx.TransportError, OSError)):
        post(client, "application/json", breaking())
    assert client.get("/v1/jobs").json()["data"]["jobs"] == []
    assert _counts(acme) == (0, 0)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (gzip.compress(FORMS["application/x-ndjson"]), "gzip"),
        (FORMS["application/vnd.apache.parquet"], "Parquet"),
        (FORMS["application/x-ndjson"].decode().encode("utf-16"), "UTF-16"),
        (b"PK\3\4" + bytes(100), "zip"),
    ],
    # The bytes of gzip hold the time, and processes that share the tests must agree on names.
    ids=["gzip", "parquet", "utf-16", "zip"],
)
@pytest.mark.parametrize("media", ["application/json", "application/x-ndjson"])
def test_what_is_not_what_it_says_is_refused_at_once(
    acme: Org, client: httpx.Client, body: bytes, said: str, media: str
) -> None:
    def drops() -> Iterator[bytes]:
        yield from (body[place : place + 1] for place in range(8))
        yield body[8:]

    for content in (body, drops()):
        refused = post(client, media, content)
        assert refused.status_code == 415, refused.text
        assert said in refused.json()["error"]["message"]
    assert _blobs(acme) == [] and _counts(acme) == (0, 0)


def test_what_does_not_begin_as_parquet_is_refused_at_once(acme: Org, client: httpx.Client) -> None:
    for body in (gzip.compress(_parquet()), FORMS["application/json"], b"PAR"):
        refused = post(client, "application/vnd.apache.parquet", body)
        assert refused.status_code == 415, refused.text
    assert _blobs(acme) == []


def test_parquet_that_claims_what_cannot_be_is_refused(acme: Org, client: httpx.Client) -> None:
    """A footer with -100000 rows passed quotas, or ended in a 500."""
    footer = b"\x36\xbf\x9a\x0c\x19\x0c\x00"
    body = b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"
    refused = post(client, "application/vnd.apache.parquet", body)
    assert refused.status_code == 400, refused.text
    assert "negative" in refused.json()["error"]["message"]
    assert _blobs(acme) == []
