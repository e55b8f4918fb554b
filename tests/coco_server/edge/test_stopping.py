"""Probes, the end in steps, and renewed certificates, on a service in a process of its own."""

from __future__ import annotations

import signal
import ssl
from pathlib import Path

import httpx
import pytest
import trustme

from tests.coco_server.edge.raw import connect
from tests.postgres_server import fresh_database
from tests.service_process import ServiceProcess, service_process
from tests.waiting import until

LIVE = "/v1/sys/health/live"


def _ready(service: ServiceProcess) -> tuple[int, str]:
    found = service.probe("ready")
    assert found is not None
    status, body = found
    return status, body.get("reason", "")


def test_sigterm_says_not_ready_first_and_serves_until_the_drain_is_over(tmp_path: Path) -> None:
    environ = {"COCO_DRAIN_SECONDS": "3"}
    with service_process(fresh_database(), tmp_path, environ) as service:
        assert _ready(service) == (200, "")
        assert service.probe("live") == (200, {"status": "ok"})
        service.signal(signal.SIGTERM)
        until(lambda: _ready(service) == (503, "The service is stopping."))
        # New connections are still served, and the service is alive.
        assert httpx.get(service.url + LIVE, trust_env=False).is_success
        told = httpx.get(service.url + "/v1/sys/health/ready", trust_env=False)
        assert (told.status_code, told.json()["data"]["reason"]) == (
            503,
            "The service is stopping.",
        )
        assert service.probe("live") == (200, {"status": "ok"})
        assert service.process.wait(30) in {0, -signal.SIGTERM}


def test_a_second_sigterm_ends_it_at_once(tmp_path: Path) -> None:
    environ = {"COCO_DRAIN_SECONDS": "600"}
    with service_process(fresh_database(), tmp_path, environ) as service:
        # A request that never ends must not hold it up.
        hanging = connect(service.url)
        hanging.send(b"GET " + LIVE.encode())
        service.signal(signal.SIGTERM)
        until(lambda: _ready(service)[0] == 503)
        assert service.process.poll() is None
        service.signal(signal.SIGTERM)
        assert service.process.wait(20) in {0, -signal.SIGTERM}
        hanging.close()


def test_a_probe_port_that_is_taken_ends_the_start(tmp_path: Path) -> None:
    with service_process(fresh_database(), tmp_path, {}) as first:
        port = first.probes.rpartition(":")[2]
        place = tmp_path / "second"
        place.mkdir()
        with (
            pytest.raises(AssertionError, match="COCO_PROBE_PORT"),
            service_process("postgresql://x@127.0.0.1/x", place, {"COCO_PROBE_PORT": port}),
        ):
            pass


class _Pem:
    """Certificate files of a service."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.environ = {
            "COCO_TLS_MODE": "tls",
            "COCO_TLS_CERT": str(place / "cert.pem"),
            "COCO_TLS_KEY": str(place / "key.pem"),
        }

    def issue(self) -> ssl.SSLContext:
        """Write a certificate of a new authority; returns what trusts only that."""
        authority = trustme.CA()
        made = authority.issue_cert("127.0.0.1")
        (self._place / "cert.pem").write_bytes(made.cert_chain_pems[0].bytes())
        (self._place / "key.pem").write_bytes(made.private_key_pem.bytes())
        authority.cert_pem.write_to_path(str(self._place / "ca.pem"))
        return ssl.create_default_context(cafile=str(self._place / "ca.pem"))

    def break_certificate(self) -> None:
        """Write what is no certificate."""
        (self._place / "cert.pem").write_text("no certificate", encoding="utf-8")


def _served(service: ServiceProcess, trusting: ssl.SSLContext) -> bool:
    try:
        return httpx.get(service.url + LIVE, verify=trusting, trust_env=False).is_success
    except httpx.TransportError:
        return False


def test_sighup_reads_the_certificates_again(tmp_path: Path) -> None:
    pem = _Pem(tmp_path)
    first = pem.issue()
    with service_process(fresh_database(), tmp_path, pem.environ, insecure=False) as service:
        with httpx.Client(verify=first, trust_env=False) as kept:
            assert kept.get(service.url + LIVE).is_success
            second = pem.issue()
            assert not _served(service, second)
            service.signal(signal.SIGHUP)
            until(lambda: _served(service, second))
            assert not _served(service, first)
            # A connection that is open goes on.
            assert kept.get(service.url + LIVE).is_success
        pem.break_certificate()
        service.signal(signal.SIGHUP)
        (told,) = until(lambda: service.events("certificate not reloaded"))
        assert "cannot be used with its key" in told["reason"]
        assert _served(service, second)
        assert service.process.poll() is None


def test_mutual_tls_leaves_the_probes_open(tmp_path: Path) -> None:
    pem = _Pem(tmp_path)
    trusting = pem.issue()
    environ = {**pem.environ, "COCO_TLS_CLIENT_CA": str(tmp_path / "ca.pem")}
    with service_process(fresh_database(), tmp_path, environ, insecure=False) as service:
        assert not _served(service, trusting)
        assert service.probe("ready") == (200, {"status": "ok"})
        unknown = service.probe("metrics")
        assert unknown is not None
        assert unknown[0] == 404
