"""Rates and quotas are right to the unit: 50 clients at once, over two processes."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from coco_server.api.services import build_services
from coco_server.store import keys, orgs, usage
from tests.api_service import Org, Running, api_processes, settings_for
from tests.postgres_server import fresh_database

CLIENTS = 50

# Of the two processes, once they run.
URLS: list[str] = []


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """This process's own view of what two processes serve."""
    database_url, blobs = fresh_database(), tmp_path_factory.mktemp("blobs")
    services = build_services(settings_for(database_url, blobs))
    with ExitStack() as stack:
        services.database.open()
        stack.callback(services.database.close)
        started = stack.enter_context(api_processes(database_url, blobs, 2))
        URLS[:] = [each.url for each in started]
        yield Running(URLS[0], services)


async def _all_at_once(
    orgs_: list[Org], path: str, body: object, each: int
) -> list[httpx.Response]:
    """Let `CLIENTS` clients send ``each`` requests, half of them to either process."""
    limits = httpx.Limits(max_connections=CLIENTS)
    async with httpx.AsyncClient(timeout=60, trust_env=False, limits=limits) as client:

        async def one(number: int) -> list[httpx.Response]:
            org = orgs_[number % len(orgs_)]
            found = []
            for turn in range(each):
                url = URLS[(number + turn) % len(URLS)] + path
                answer = await client.post(url, json=body, headers=org.headers)
                answer.extensions["arrived"] = time.monotonic()
                found.append(answer)
            return found

        lists = await asyncio.gather(*map(one, range(CLIENTS)))
    return [answer for found in lists for answer in found]


WORDS = {"query": "x", "retrieval_config": {"retrieval_mode": "fts"}}


def test_a_bucket_gives_what_it_holds_and_what_flows_in(service: Running) -> None:
    burst, per_minute = 40, 60
    org = service.org("Fast", rate_limit_per_min=per_minute, rate_limit_burst=burst).with_project()
    started = time.monotonic()
    answers = asyncio.run(_all_at_once([org], "/v1/docs/query", WORDS, each=3))
    seconds = time.monotonic() - started
    counted = Counter(answer.status_code for answer in answers)
    assert set(counted) == {200, 429}
    # Exactly the burst, and one more for each second that has passed: at most between the first
    # request and the last answer, at least between the first answer and the last refused request.
    assert burst <= counted[200] <= burst + int(seconds * per_minute / 60) + 1
    refusals = [answer for answer in answers if answer.status_code == 429]
    first = min(answer.extensions["arrived"] for answer in answers)
    last = max(each.extensions["arrived"] - each.elapsed.total_seconds() for each in refusals)
    assert counted[200] >= burst + int(max(0.0, last - first) * per_minute / 60) - 1
    refused = refusals[0]
    assert refused.json()["error"]["code"] == "rate_limited"
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["x-ratelimit-limit"] == str(per_minute)
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert int(refused.headers["x-ratelimit-reset"]) > 0


def test_a_bucket_that_hardly_fills_gives_exactly_its_burst(service: Running) -> None:
    org = service.org("Slow", rate_limit_per_min=1, rate_limit_burst=30).with_project()
    answers = asyncio.run(_all_at_once([org], "/v1/docs/query", WORDS, each=1))
    assert Counter(answer.status_code for answer in answers) == {200: 30, 429: 20}


def test_imports_do_not_take_the_tokens_of_queries(service: Running) -> None:
    org = service.org("Busy", rate_limit_per_min=1, rate_limit_burst=2).with_project()
    with service.client(org.headers) as client:
        imports = [client.post("/v1/docs/import", json={}).status_code for _ in range(3)]
        assert imports == [400, 400, 429]
        assert client.post("/v1/docs/query", json=WORDS).status_code == 200
    other = org.with_project("kb:two")
    with httpx.Client(base_url=URLS[1], headers=other.headers, trust_env=False) as client:
        assert client.post("/v1/docs/import", json={}).status_code == 400


def _totals(service: Running, org: Org) -> orgs.OrgTotals:
    with service.services.database.tenant(org.org_id) as session:
        return orgs.totals(session)


def test_a_quota_of_documents_is_reserved_at_once(service: Running) -> None:
    # One project for each client, for a project builds one version of a config at a time.
    org = service.org("Full", org_max_documents=103, rate_limit_burst=1000)
    projects = [org.with_project(f"kb:p{number}") for number in range(CLIENTS)]
    items = {"items": [{"doc_id": str(number), "content": "x"} for number in range(10)]}
    answers = asyncio.run(_all_at_once(projects, "/v1/ingest/batch", items, each=1))
    counted = Counter(answer.status_code for answer in answers)
    assert counted == {202: 10, 403: 40}
    assert _totals(service, org).documents == 100
    refused = next(answer for answer in answers if answer.status_code == 403).json()["error"]
    assert refused["code"] == "quota_exceeded"
    assert refused["details"] == {
        "quota": "COCO_ORG_MAX_DOCUMENTS", "limit": 103, "used": 100, "requested": 10,
    }  # fmt: skip
    assert "103" in refused["message"]
    # What was refused has left nothing behind: neither versions nor jobs nor bytes.
    with service.services.database.tenant(org.org_id) as session:
        row = session.connection.execute(
            "SELECT (SELECT count(*) FROM project_versions), (SELECT count(*) FROM jobs)"
        ).fetchone()
    assert row == (10, 10)


def test_a_quota_of_bytes_is_reserved_at_once(service: Running) -> None:
    body = {"items": [{"doc_id": "a", "content": "x" * 971}]}
    size = len('[{"doc_id":"a","content":""}]') + 971
    assert size == 1000
    org = service.org("Heavy", org_max_storage_bytes=7_500, rate_limit_burst=1000)
    projects = [org.with_project(f"kb:p{number}") for number in range(CLIENTS)]
    answers = asyncio.run(_all_at_once(projects, "/v1/docs/import", body, each=1))
    assert Counter(answer.status_code for answer in answers) == {202: 7, 403: 43}
    assert _totals(service, org).storage_bytes == 7_000


def test_a_cancelled_import_gives_its_reservation_back(service: Running) -> None:
    org = service.org("Undone", org_max_documents=5, rate_limit_burst=1000).with_project()
    items = {"items": [{"doc_id": str(number), "content": "x"} for number in range(5)]}
    with service.client(org.headers) as client:
        job_id = client.post("/v1/docs/import", json=items).json()["data"]["job_id"]
        assert _totals(service, org).documents == 5
        assert client.delete(f"/v1/jobs/{job_id}").json()["data"]["state"] == "cancelled"
        assert _totals(service, org) == orgs.OrgTotals(0, 0, 0)
        assert client.post("/v1/docs/import", json=items).status_code == 202


def test_chunks_and_embeddings_are_counted_where_they_are_made(service: Running) -> None:
    org = service.org("Counted").with_project()
    org.build({"a": "one", "b": "two"})
    held = _totals(service, org)
    assert (held.documents, held.chunks) == (2, 2)
    with service.services.database.tenant(org.org_id) as session:
        usage.count(session, usage.Quotas(embeddings_per_day=3), embeddings=3)
        with pytest.raises(Exception, match="COCO_ORG_MAX_EMBEDDINGS_PER_DAY"):
            usage.count(session, usage.Quotas(embeddings_per_day=3), embeddings=1)


def test_a_rotated_key_opens_in_every_process_at_once(service: Running) -> None:
    org = service.org("Turning").with_project()
    path = f"/v1/projects/{org.project_id}"
    with service.services.database.system() as session:
        old = keys.verify(session, org.key)
        assert old is not None
        made = keys.rotate(session, old.key_id)
    for url in URLS:
        with httpx.Client(base_url=url, headers=org.headers, trust_env=False) as client:
            assert client.get(path).status_code == 401
            fresh = {"authorization": f"Bearer {made.text}"}
            assert client.get(path, headers=fresh).status_code == 200
