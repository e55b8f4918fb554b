"""TLS context of the service, read again from its files while the service runs."""

from __future__ import annotations

import ssl
from pathlib import Path

from coco_core.errors import InvalidConfig

__all__ = ["Certificates"]


class Certificates:
    """Certificate chain, private key, and whose certificates clients must show."""

    def __init__(self, chain: Path, key: Path, client_ca: Path | None = None) -> None:
        """Read the files.

        Raises:
            InvalidConfig: they cannot be used.
        """
        self._chain = chain
        self._key = key
        self._client_ca = client_ca
        self.context = self._read()
        """For the next connection; those that are open keep theirs."""

    def reload(self) -> None:
        """Read the files again.

        Raises:
            InvalidConfig: they cannot be used; new connections go on with what was read before.
        """
        self.context = self._read()

    def _read(self) -> ssl.SSLContext:
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._chain, self._key)
            if self._client_ca is not None:
                context.load_verify_locations(self._client_ca)
                context.verify_mode = ssl.CERT_REQUIRED
        except (ssl.SSLError, OSError) as error:
            raise InvalidConfig(
                f"The certificate {str(self._chain)!r} cannot be used with its key: {error}.",
                hint="COCO_TLS_CERT holds the chain, the server's own first; COCO_TLS_KEY its key; "
                "COCO_TLS_CLIENT_CA whose certificates clients show.",
            ) from error
        return context
