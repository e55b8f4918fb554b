"""TLS of the gRPC link, optionally mutual."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import grpc

from coco_core.errors import InvalidConfig

__all__ = ["RpcTls"]


@dataclass(frozen=True, slots=True)
class RpcTls:
    """PEM files; with a certificate on the client's side and a CA on the worker's it is mutual."""

    ca: Path | None = None
    """Whom the other side's certificate must be from."""
    cert: Path | None = None
    """This side's own, with its chain."""
    key: Path | None = None

    def __post_init__(self) -> None:
        if (self.cert is None) != (self.key is None):
            raise InvalidConfig(
                "A certificate for the gRPC link needs its key, and a key its certificate.",
                hint="Set COCO_WORKER_TLS_CERT and COCO_WORKER_TLS_KEY together.",
            )

    @property
    def configured(self) -> bool:
        """Whether the link is encrypted at all."""
        return self.ca is not None or self.cert is not None

    def for_client(self) -> grpc.ChannelCredentials:
        """Return what a channel needs; without a CA the system's are trusted."""
        return grpc.ssl_channel_credentials(
            root_certificates=_read(self.ca),
            private_key=_read(self.key),
            certificate_chain=_read(self.cert),
        )

    def for_server(self) -> grpc.ServerCredentials:
        """Return what a listening port needs; with a CA every client must show a certificate.

        Raises:
            InvalidConfig: the server has no certificate to show.
        """
        if self.cert is None or self.key is None:
            raise InvalidConfig(
                "The worker has a CA for its clients' certificates, and none of its own to show.",
                hint="Set COCO_WORKER_TLS_CERT and COCO_WORKER_TLS_KEY.",
            )
        return grpc.ssl_server_credentials(
            [(self.key.read_bytes(), self.cert.read_bytes())],
            root_certificates=_read(self.ca),
            require_client_auth=self.ca is not None,
        )


def _read(path: Path | None) -> bytes | None:
    return path.read_bytes() if path is not None else None
