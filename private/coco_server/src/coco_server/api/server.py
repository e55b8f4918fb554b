"""Start of the API service: checks, then uvicorn with the configured TLS."""

from __future__ import annotations

import logging
import ssl
from typing import Any

import structlog
import uvicorn

from coco_core.errors import InvalidConfig
from coco_protocol.serving.logs import configure_json_logs
from coco_server.api.app import create_app
from coco_server.api.services import Services, build_services
from coco_server.api.tracing import add_tracing
from coco_server.domain.bootstrap import bootstrap
from coco_server.settings import Settings
from coco_server.store.migrate import open_checked
from coco_server.store.preflight import refuse_embedded

__all__ = ["serve", "server_options"]

# What runs is given this long to finish; then connections are broken.
_GRACE_SECONDS = 20

_log = structlog.get_logger(__name__)


class _Server(uvicorn.Server):
    """Tells the streams to end before uvicorn waits for their connections."""

    def __init__(self, config: uvicorn.Config, services: Services) -> None:
        super().__init__(config)
        self._services = services

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Begin the end: readiness turns false and streams close, what runs is finished."""
        self._services.stopping = True
        super().handle_exit(sig, frame)


def serve(settings: Settings, *, migrate_first: bool = False) -> None:
    """Serve until a signal ends it.

    Raises:
        InvalidConfig: the settings do not fit together.
        DatabaseIncompatible: the database lacks something; the hint says what mends it.
        Unavailable: the database or the blob store cannot be reached.
    """
    configure_json_logs(settings.log_level)
    for warning in settings.warnings:
        _log.warning("setting", message=warning)
    refuse_embedded(settings.meta_db, settings.vector_db_url)
    for warning in open_checked(settings.meta_db, migrate_first=migrate_first):
        _log.warning("database", message=warning)
    services = build_services(settings)
    services.blobs.check()
    bootstrap(settings)
    app = create_app(services)
    if settings.otel_endpoint:
        add_tracing(app, settings.otel_endpoint)
    config = uvicorn.Config(
        app, host=settings.host, port=settings.port, log_config=None, **server_options(settings)
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    _log.info("serving", host=settings.host, port=settings.port, tls=settings.tls_mode or "none")
    _Server(config, services).run()
    _log.info("stopped")


def server_options(settings: Settings) -> dict[str, Any]:
    """Return how uvicorn serves under these settings, but for the address.

    Raises:
        InvalidConfig: the certificate cannot be used.
    """
    return {
        "access_log": False,
        "server_header": False,
        # The guard itself decides whom to believe about what was forwarded.
        "proxy_headers": False,
        "ws": "websockets-sansio",
        "timeout_graceful_shutdown": _GRACE_SECONDS,
        **_tls(settings),
    }


def _tls(settings: Settings) -> dict[str, Any]:
    if settings.tls_mode != "tls":
        return {}
    assert settings.tls_cert is not None
    assert settings.tls_key is not None
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
        if settings.tls_client_ca is not None:
            context.load_verify_locations(settings.tls_client_ca)
    except (ssl.SSLError, OSError) as error:
        raise InvalidConfig(
            f"The certificate {str(settings.tls_cert)!r} cannot be used with its key: {error}.",
            hint="COCO_TLS_CERT holds the chain, the server's own first; COCO_TLS_KEY its key.",
        ) from error
    tls: dict[str, Any] = {"ssl_certfile": settings.tls_cert, "ssl_keyfile": settings.tls_key}
    if settings.tls_client_ca is not None:
        tls |= {"ssl_ca_certs": str(settings.tls_client_ca), "ssl_cert_reqs": ssl.CERT_REQUIRED}
    return tls
