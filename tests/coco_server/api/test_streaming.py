"""Answers and imports of any size take the service the same memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from coco_server.api.services import build_services
from tests.api_service import ApiProcess, Running, api_processes, settings_for
from tests.postgres_server import fresh_database

MEGABYTE = 1_000_000

# A hundred megabytes of answer, in chunks that are large for a chunk.
LARGE = dict.fromkeys(map(str, range(2_000)), "x" * 52_000)


@dataclass(frozen=True)
class Place:
    """A service in its own process, and this process's view of the database."""

    process: ApiProcess
    service: Running
    blobs: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    database_url, blobs = fresh_database(), tmp_path_factory.mktemp("blobs")
    services = build_services(settings_for(database_url, blobs))
    services.database.open()
    with api_processes(database_url, blobs, 1) as (process,):
        yield Place(process, Running(process.url, services), blobs)
    services.database.close()


def resident(place: Place) -> int:
    return int(psutil.Process(place.process.pid).memory_info().rss)


def test_a_hundred_megabytes_pass_through(place: Place) -> None:
    org = place.service.org("Large", rate_limit_burst=1000).with_project()
    small, _ = org.build({"d": "x"})
    version, _ = org.build(LARGE)
    path = f"/v1/projects/{org.project_id}/versions/{{}}/chunks"
    with httpx.Client(base_url=place.process.url, headers=org.headers, timeout=60) as client:
        first = client.get(path.format(small.version_id)).json()
        assert [chunk["doc_id"] for chunk in first["data"]["chunks"]] == ["d"]
        before = most = resident(place)
        size, end = 0, b""
        with client.stream("GET", path.format(version.version_id)) as answer:
            assert answer.status_code == 200
            for number, piece in enumerate(answer.iter_raw()):
                size, end = size + len(piece), piece[-10:]
                if number % 50 == 0:
                    most = max(most, resident(place))
    print(f"{size / MEGABYTE:.0f} MB, RSS +{(most - before) / MEGABYTE:.1f} MB")
    assert size > 100 * MEGABYTE
    assert end.endswith(b"]}}")
    assert most - before < 20 * MEGABYTE


def test_a_client_that_leaves_gives_its_connection_back(place: Place) -> None:
    org = place.service.org("Leaving", rate_limit_burst=1000).with_project()
    version, _ = org.build(LARGE)
    path = f"/v1/projects/{org.project_id}/versions/{version.version_id}/chunks"
    # More often than there are connections, so that a lost one would show.
    for _ in range(12):
        with httpx.stream("GET", place.process.url + path, headers=org.headers) as answer:
            next(answer.iter_raw())
    with httpx.Client(base_url=place.process.url, headers=org.headers, timeout=60) as client:
        assert client.get(f"/v1/projects/{org.project_id}").status_code == 200


def test_what_fails_before_the_first_row_is_an_error_envelope(place: Place) -> None:
    org = place.service.org("Gone", rate_limit_burst=1000).with_project()
    version, _ = org.build({"d": "x"})
    with place.service.services.database.tenant(org.org_id) as session:
        session.connection.execute(
            "SELECT coco_drop_version(%s, %s)", (version.version_no, org.org_id)
        )
    path = f"/v1/projects/{org.project_id}/versions/{version.version_id}/chunks"
    with httpx.Client(base_url=place.process.url, headers=org.headers) as client:
        answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "version_not_found"


def _items(megabytes: int) -> Iterator[bytes]:
    yield b'{"on_error": "fail", "items": ['
    content = "x" * 10_000
    for number in range(megabytes * 100):
        separator = b"," if number else b""
        yield separator + json.dumps({"doc_id": str(number), "content": content}).encode()
    yield b"]}"


def test_a_hundred_megabytes_are_imported(place: Place) -> None:
    org = place.service.org("Sender", rate_limit_burst=1000).with_project()
    headers = {**org.headers, "content-type": "application/json"}
    with httpx.Client(base_url=place.process.url, headers=headers, timeout=120) as client:
        warm = client.post("/v1/ingest/batch", content=b"".join(_items(1)))
        client.delete(f"/v1/jobs/{warm.json()['data']['job_id']}")
        before = most = resident(place)

        def watched() -> Iterator[bytes]:
            nonlocal most
            for number, piece in enumerate(_items(100)):
                if number % 200 == 0:
                    most = max(most, resident(place))
                yield piece

        answer = client.post("/v1/ingest/batch", content=watched())
    assert answer.status_code == 202
    data = answer.json()["data"]
    assert data["items"] == 10_000
    assert data["bytes"] > 100 * MEGABYTE
    stored = place.blobs / data["blob_ref"]
    assert stored.stat().st_size == data["bytes"]
    print(f"RSS +{(most - before) / MEGABYTE:.1f} MB")
    # Two parts of 8 MiB on their way, and what is being filled.
    assert most - before < 64 * MEGABYTE
