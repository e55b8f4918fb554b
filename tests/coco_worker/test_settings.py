from __future__ import annotations

from pathlib import Path

import pytest

from coco_core.errors import InvalidConfig
from coco_server.store.usage import Quotas, quotas_of
from coco_worker.settings import load_settings

LEAST = {"COCO_META_DB": "postgresql://h/coco", "COCO_BLOB_URL": "s3://bucket"}


def test_the_least_that_must_be_set() -> None:
    settings = load_settings(environ=LEAST)
    assert (settings.worker_host, settings.worker_port) == ("127.0.0.1", 3457)
    assert (settings.queue_mode, settings.worker_slots) == ("postgres", 1)
    assert settings.embedding.url is None
    assert not settings.tls.configured


def test_a_flag_goes_before_the_environment_and_an_alias_is_known() -> None:
    environ = {"COCO_DB_URL": "postgresql://h/x", "COCO_BLOB_URL": "file:///b",
               "COCO_WORKER_SLOTS": "3", "COCO_WORKER_PORT": "4000"}  # fmt: skip
    settings = load_settings({"worker_slots": 5, "worker_port": None}, environ=environ)
    assert (settings.meta_db, settings.worker_slots) == ("postgresql://h/x", 5)
    assert settings.worker_port == 4000


def test_an_orgs_own_quotas_go_before_the_services() -> None:
    environ = {**LEAST, "COCO_ORG_MAX_CHUNKS": "100", "COCO_ORG_MAX_STORAGE_BYTES": "1GiB"}
    settings = load_settings(environ=environ)
    assert quotas_of(settings, {}) == Quotas(chunks=100, storage_bytes=1 << 30)
    assert quotas_of(settings, {"org_max_chunks": 0}) == Quotas(chunks=0, storage_bytes=1 << 30)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"COCO_META_DB": ""}, "COCO_META_DB is not set"),
        ({"COCO_BLOB_URL": ""}, "COCO_BLOB_URL is not set"),
        ({"COCO_QUEUE_MODE": "redis"}, "COCO_REDIS_URL is not set"),
        ({"COCO_WORKER_SLOTS": "many"}, "worker_slots is 'many' .env COCO_WORKER_SLOTS."),
        ({"COCO_BLOB_URL": "ftp://x"}, "blob_url is 'ftp://x' .env COCO_BLOB_URL."),
        ({"COCO_WORKER_SLOTS": "0"}, "outside 1 to 256"),
        ({"COCO_WORKER_TLS_CERT": "/none.pem"}, "there is no such file"),
        ({"COCO_EMBED_DIMENSION": "-1"}, "COCO_EMBED_DIMENSION"),
    ],
)
def test_what_cannot_be_used_is_named(changed: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidConfig, match=said):
        load_settings(environ={**LEAST, **changed})


def test_a_certificate_and_its_key_belong_together(tmp_path: Path) -> None:
    path = tmp_path / "a.pem"
    path.write_text("x", encoding="utf-8")
    settings = load_settings(environ={**LEAST, "COCO_WORKER_TLS_CERT": str(path)})
    with pytest.raises(InvalidConfig, match="needs its key"):
        _ = settings.tls


def test_a_secret_is_not_repeated() -> None:
    with pytest.raises(InvalidConfig) as caught:
        load_settings(environ={**LEAST, "COCO_REDIS_URL": "http://:pass@h"})
    assert "pass" not in str(caught.value)
