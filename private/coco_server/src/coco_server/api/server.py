"""Start of the API service: checks, then the probes, then HTTP with the configured TLS."""

from __future__ import annotations

import logging
import sys
import threading
from contextlib import ExitStack
from typing import Any

import structlog
import uvicorn

from coco_protocol.serving.logs import configure_json_logs
from coco_server.api.app import create_app
from coco_server.api.services import Services, build_services
from coco_server.api.tracing import add_tracing
from coco_server.auth.access import trusted_proxies
from coco_server.domain.bootstrap import bootstrap
from coco_server.edge.certificates import Certificates
from coco_server.edge.connections import Connections
from coco_server.edge.limits import ConnectionLimits
from coco_server.edge.probes import ProbeServer
from coco_server.edge.protocol import GuardedWebSocket
from coco_server.edge.server import EdgeServer
from coco_server.settings import Settings
from coco_server.store.migrate import open_checked
from coco_server.store.preflight import refuse_embedded

__all__ = ["build_server", "serve", "server_options"]

# What runs is given this long to finish; then connections are broken.
_GRACE_SECONDS = 20

# Of the database, blob store, workers and log, on top of the connections of clients.
_OTHER_FILES = 256

# A loop that has not come round for so long serves no request.
_STUCK_SECONDS = 3.0

_log = structlog.get_logger(__name__)


def serve(settings: Settings, *, migrate_first: bool = False) -> None:
    """Serve until a signal ends it.

    Raises:
        InvalidConfig: the settings do not fit together.
        PortTaken: the probes' port is taken.
        DatabaseIncompatible: the database lacks something; the hint says what mends it.
        Unavailable: the database or the blob store cannot be reached.
    """
    configure_json_logs(settings.log_level)
    for warning in settings.warnings:
        _log.warning("setting", message=warning)
    refuse_embedded(settings.meta_db, settings.vector_db_url)
    services = build_services(settings)
    _allow_open_files(settings.max_connections + _OTHER_FILES)
    with ExitStack() as opened:
        server = build_server(settings, services)
        probes = _probes(settings, services, server)
        if probes is not None:
            opened.callback(probes.close)
            probes.start()
        for warning in open_checked(settings.meta_db, migrate_first=migrate_first):
            _log.warning("database", message=warning)
        services.blobs.check()
        bootstrap(settings)
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        _log.info(
            "serving",
            host=settings.host,
            port=settings.port,
            tls=settings.tls_mode or "none",
            probe_port=probes.port if probes else None,
        )
        server.run()
    _log.info("stopped")


def build_server(settings: Settings, services: Services) -> EdgeServer:
    """Return the server of these services; it listens nowhere yet.

    Raises:
        InvalidConfig: the certificate cannot be used.
    """
    app = create_app(services)
    if settings.otel_endpoint:
        add_tracing(app, settings.otel_endpoint)
    config = uvicorn.Config(app, host=settings.host, port=settings.port, **server_options(settings))
    limits = ConnectionLimits(
        connections=settings.max_connections,
        per_address=settings.max_connections_per_address,
        head_bytes=settings.max_head_bytes,
        head_seconds=settings.head_seconds,
        body_seconds=settings.body_seconds,
        send_seconds=settings.send_seconds,
        idle_seconds=settings.keep_alive_seconds,
    )
    # All clients of a proxy come from its one address.
    proxies = trusted_proxies(settings)
    return EdgeServer(
        config,
        services,
        Connections(limits, shared_address=proxies.contain),
        certificates=_certificates(settings),
        drain_seconds=settings.drain_seconds,
    )


def server_options(settings: Settings) -> dict[str, Any]:
    """Return how uvicorn serves under these settings, but for the address."""
    return {
        "access_log": False,
        "log_config": None,
        "server_header": False,
        # The guard itself decides whom to believe about what was forwarded.
        "proxy_headers": False,
        "ws": GuardedWebSocket,
        # Nothing is expected from a client that follows a job.
        "ws_max_size": 65_536,
        "timeout_keep_alive": settings.keep_alive_seconds,
        "timeout_graceful_shutdown": _GRACE_SECONDS,
    }


def _certificates(settings: Settings) -> Certificates | None:
    if settings.tls_mode != "tls":
        return None
    assert settings.tls_cert is not None
    assert settings.tls_key is not None
    return Certificates(settings.tls_cert, settings.tls_key, settings.tls_client_ca)


def _probes(settings: Settings, services: Services, server: EdgeServer) -> ProbeServer | None:
    if settings.probe_port is None:
        return None

    def live() -> str | None:
        if server.loop is None or not server.started or services.stopping:
            return None
        turned = threading.Event()
        server.loop.call_soon_threadsafe(turned.set)
        if turned.wait(_STUCK_SECONDS):
            return None
        return f"The event loop has not come round for {_STUCK_SECONDS:.0f} seconds."

    def started() -> str | None:
        return None if server.started else "The service is starting."

    def ready() -> str | None:
        return started() or services.unready()

    return ProbeServer(
        "127.0.0.1" if settings.insecure_dev else settings.probe_host,
        settings.probe_port,
        live=live,
        ready=ready,
        started=started,
    )


def _allow_open_files(wanted: int) -> None:
    """Raise this process's limit of open files as far as it may be raised, and warn if short."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        _log.warning(
            "open files",
            message=f"{wanted} files may be open at once and {hard} are allowed; lower "
            "COCO_MAX_CONNECTIONS or raise the limit (ulimit -n).",
        )
