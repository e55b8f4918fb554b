"""TLS, mutual TLS and proxy mode on real sockets; and no start without any of them."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx
import pytest
import trustme

from coco_core.errors import CocoError, InvalidConfig
from coco_server.api.server import build_server
from coco_server.api.services import build_services
from coco_server.settings import load_settings
from tests.api_service import ADMIN_KEY, running, settings_for
from tests.postgres_server import fresh_database

HEALTH = "/v1/sys/health/live"


@pytest.fixture(scope="module")
def database_url() -> str:
    return fresh_database()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def files(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """PEM files: the server's and a client's certificate, and whose they are."""
    place = tmp_path_factory.mktemp("pem")
    found = {name: place / f"{name}.pem" for name in ("cert", "key", "ca", "client")}
    server = authority.issue_cert("127.0.0.1")
    found["cert"].write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
    found["key"].write_bytes(server.private_key_pem.bytes())
    found["ca"].write_bytes(authority.cert_pem.bytes())
    client = authority.issue_cert("client.example")
    found["client"].write_bytes(client.private_key_and_cert_chain_pem.bytes())
    return found


def _tls_environment(files: dict[str, Path]) -> dict[str, str]:
    return {
        "COCO_TLS_MODE": "tls",
        "COCO_TLS_CERT": str(files["cert"]),
        "COCO_TLS_KEY": str(files["key"]),
    }


def test_tls_serves_those_who_trust_its_certificate(
    database_url: str, files: dict[str, Path], tmp_path: Path
) -> None:
    settings = settings_for(database_url, tmp_path, **_tls_environment(files))
    trusting = ssl.create_default_context(cafile=str(files["ca"]))
    with running(settings) as service:
        assert service.url.startswith("https://")
        with httpx.Client(verify=trusting, trust_env=False) as client:
            assert client.get(service.url + HEALTH).json()["data"]["signature"] == "coco"
        with httpx.Client(trust_env=False) as client, pytest.raises(httpx.ConnectError):
            client.get(service.url + HEALTH)
        plain = service.url.replace("https", "http")
        with httpx.Client(trust_env=False) as client, pytest.raises(httpx.TransportError):
            client.get(plain + HEALTH)


def test_mutual_tls_serves_those_who_show_a_certificate(
    database_url: str, files: dict[str, Path], tmp_path: Path
) -> None:
    environ = {**_tls_environment(files), "COCO_TLS_CLIENT_CA": str(files["ca"])}
    showing = ssl.create_default_context(cafile=str(files["ca"]))
    showing.load_cert_chain(files["client"])
    bare = ssl.create_default_context(cafile=str(files["ca"]))
    with running(settings_for(database_url, tmp_path, **environ)) as service:
        with httpx.Client(verify=showing, trust_env=False) as client:
            assert client.get(service.url + HEALTH).status_code == 200
        refused = pytest.raises(httpx.TransportError)
        with httpx.Client(verify=bare, trust_env=False) as client, refused:
            client.get(service.url + HEALTH)


def test_behind_a_proxy_only_https_is_served(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(database_url, tmp_path, COCO_TLS_MODE="proxy")
    with running(settings) as service, service.client() as client:
        for sent, status in (
            ({"x-forwarded-proto": "https"}, 200),
            ({"x-forwarded-proto": "https, http"}, 200),
            ({"x-forwarded-proto": "http"}, 403),
            ({"x-forwarded-proto": "http, https"}, 403),
            ({}, 403),
        ):
            assert client.get("/v1/sys/health", headers=sent).status_code == status
            # Probes come from inside, without the proxy's headers.
            assert client.get(HEALTH, headers=sent).status_code == 200


def test_only_the_proxy_is_believed(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(
        database_url, tmp_path, COCO_TLS_MODE="proxy", COCO_TRUSTED_PROXIES="10.0.0.0/8"
    )
    with running(settings) as service, service.client() as client:
        refused = client.get("/v1/sys/health", headers={"x-forwarded-proto": "https"})
    assert refused.status_code == 403
    assert "COCO_TRUSTED_PROXIES" in refused.json()["error"]["hint"]


BASE = {
    "COCO_META_DB": "postgresql://coco@127.0.0.1/coco",
    "COCO_BLOB_URL": "file:///tmp/blobs",
    "COCO_ADMIN_KEY": ADMIN_KEY,
}


@pytest.mark.parametrize(
    ("environ", "insecure", "mends"),
    [
        ({}, False, "COCO_TLS_MODE=tls with COCO_TLS_CERT"),
        ({"COCO_HOST": "0.0.0.0"}, True, "--host 127.0.0.1"),
        ({"COCO_HOST": "coco.example"}, True, "--host 127.0.0.1"),
        ({"COCO_TLS_MODE": "tls"}, False, "COCO_TLS_CERT and COCO_TLS_KEY"),
        ({"COCO_TLS_MODE": "none"}, False, "tls or proxy"),
        ({"COCO_TLS_MODE": "proxy", "COCO_TLS_CLIENT_CA": __file__}, False, "COCO_TLS_MODE=tls"),
        ({"COCO_ADMIN_KEY": ""}, True, "COCO_ADMIN_KEY"),
        ({"COCO_ADMIN_KEY": "short"}, True, "16 printable"),
        ({"COCO_META_DB": ""}, True, "COCO_META_DB=postgresql://"),
        ({"COCO_BLOB_URL": ""}, True, "COCO_BLOB_URL=file:///"),
        ({"COCO_QUEUE_MODE": "redis"}, True, "COCO_REDIS_URL=redis://"),
        ({"COCO_VECTOR_BACKEND": "qdrant"}, True, "COCO_VECTOR_DB_URL=http://"),
        (
            {"COCO_VECTOR_BACKEND": "qdrant", "COCO_VECTOR_DB_URL": "http://q:6333"},
            True,
            "COCO_VECTOR_DB_COLLECTION_PREFIX",
        ),
    ],
)
def test_a_start_that_is_refused_says_what_mends_it(
    environ: dict[str, str], insecure: bool, mends: str
) -> None:
    flags = {} if "COCO_HOST" in environ or not insecure else {"host": "127.0.0.1"}
    with pytest.raises(InvalidConfig) as refusal:
        load_settings(flags, environ={**BASE, **environ}, insecure_dev=insecure)
    assert mends in str(refusal.value)


def test_a_certificate_that_is_none_is_refused(files: dict[str, Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate", encoding="utf-8")
    environ = {**BASE, **_tls_environment(files), "COCO_TLS_CERT": str(broken)}
    settings = load_settings({}, environ=environ)
    with pytest.raises(CocoError, match="cannot be used with its key"):
        build_server(settings, build_services(settings))
