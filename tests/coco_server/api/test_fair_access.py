"""Access is cheap to refuse and fair: wrong keys, requests of an org, and errors of the inside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest

from coco_server.auth import key_checks
from coco_server.dev.children import free_port
from tests.api_service import Running, running, settings_for
from tests.postgres_server import fresh_database

WRONG_PER_MINUTE = 5


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = settings_for(
        fresh_database(),
        tmp_path_factory.mktemp("blobs"),
        COCO_WRONG_KEYS_PER_MIN=str(WRONG_PER_MINUTE),
    )
    with running(settings) as found:
        yield found


def _wrong(number: int) -> dict[str, str]:
    return {"authorization": f"Bearer coco_{number:012x}_{'A' * 43}", "x-coco-org-id": "org_x"}


def _look_ups(service: Running) -> int:
    """Return how many checks of keys have asked the database."""
    return int(service.services.key_database.statistics().get("requests_num", 0))


def test_wrong_keys_wait_and_valid_ones_go_on(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    org, late = service.org("Honest").with_project(), service.org("Late").with_project()
    path = f"/v1/projects/{org.project_id}"
    with service.client() as client:
        assert client.get(path, headers=org.headers).status_code == 200
        first = [client.get(path, headers=_wrong(n)).status_code for n in range(WRONG_PER_MINUTE)]
        assert first == [401] * WRONG_PER_MINUTE
        monkeypatch.setattr(key_checks, "_MOST_PENALTIES", 2)
        before = _look_ups(service)
        with ThreadPoolExecutor(8) as clients:
            answers = list(
                clients.map(lambda n: client.get(path, headers=_wrong(n)), range(100, 116))
            )
        statuses = Counter(answer.status_code for answer in answers)
        assert statuses.keys() == {401, 429}
        assert _look_ups(service) - before == statuses[401]
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.json()["error"]["code"] == "rate_limited"
        assert int(refused.headers["retry-after"]) >= 1
        # From the same address, a key that was seen before is served as ever, and a new one is.
        assert client.get(path, headers=org.headers).status_code == 200
        path = f"/v1/projects/{late.project_id}"
        assert client.get(path, headers=late.headers).status_code == 200


def test_a_wrong_key_again_is_refused_without_a_look_up(service: Running) -> None:
    with service.client(_wrong(99)) as client:
        client.get("/v1/sys/configs")
        before = _look_ups(service)
        assert client.get("/v1/sys/configs").status_code == 401
    assert _look_ups(service) == before


def test_requests_about_an_org_have_a_rate(service: Running) -> None:
    org = service.org("Configuring", rate_limit_per_min=1, rate_limit_burst=3)
    with service.client(org.headers) as client:
        statuses = [client.get("/v1/sys/configs").status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        refused = client.post("/v1/sys/configs", json={"config_id": "x", "dimension": 8})
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert org.org_id in refused.json()["error"]["message"]


def _check_says_nothing(service: Running, answer: httpx.Response, *secrets: str) -> None:
    settings = service.services.settings
    assert answer.status_code in {500, 503}, answer.text
    for secret in (settings.meta_db, "127.0.0.1", "Errno", *secrets):
        assert secret not in answer.text
    assert answer.json()["error"]["hint"]


def test_a_store_that_fails_does_not_say_where_it_is(service: Running, tmp_path: Path) -> None:
    settings = settings_for(service.services.settings.meta_db, tmp_path / "secret-place")
    with running(settings) as broken:
        org = broken.org("Storing").with_project()
        (tmp_path / "secret-place").rmdir()
        (tmp_path / "secret-place").write_text("in the way", encoding="utf-8")
        with broken.client(org.headers) as client:
            body = {"items": [{"doc_id": "a", "content": "x"}]}
            answer = client.post("/v1/docs/import", json=body)
    _check_says_nothing(service, answer, "secret-place", str(tmp_path))


def test_a_model_server_that_fails_does_not_say_where_it_is(
    service: Running, tmp_path: Path
) -> None:
    port = free_port()
    settings = settings_for(
        service.services.settings.meta_db,
        tmp_path,
        COCO_EMBED_URL=f"http://127.0.0.1:{port}/v1",
        COCO_EMBED_DIMENSION="256",
    )
    with running(settings) as broken:
        org = broken.org("Asking").with_project()
        with broken.client(org.headers) as client:
            body = {"config_id": "remote", "embedding": {"model_name": "remote"}}
            answer = client.post("/v1/sys/configs", json=body)
            assert answer.status_code == 200, answer.text
            org.build({"a": "x"})
            mode = {"query": "x", "retrieval_config": {"retrieval_mode": "vector"}}
            answer = client.post("/v1/docs/query", json=mode)
    _check_says_nothing(service, answer, str(port))


def test_a_database_that_refuses_does_not_say_what(service: Running) -> None:
    org = service.org("Refused").with_project()
    with psycopg.connect(service.services.settings.meta_db, autocommit=True) as connection:
        connection.execute("REVOKE SELECT ON projects FROM coco_app")
        try:
            with service.client(org.headers) as client:
                answer = client.get(f"/v1/projects/{org.project_id}")
        finally:
            connection.execute("GRANT SELECT ON projects TO coco_app")
    _check_says_nothing(service, answer, "permission denied", "coco_app")


def test_health_keeps_its_own_turn(service: Running) -> None:
    answer = httpx.get(service.url + "/v1/sys/health/ready", trust_env=False)
    assert answer.json()["data"]["ready"] is True
    assert answer.json()["data"]["reason"] == ""
