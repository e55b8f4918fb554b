"""Access tokens of Google for a service account, by google-auth over httpx."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from coco_core.errors import Unavailable
from coco_flow.errors import DefinitionError, missing_extra
from coco_flow.sources.tls import trusted

__all__ = ["GoogleToken"]

_TIMEOUT_SECONDS = 30.0


class GoogleToken:
    """Authenticates requests; renews the token in time."""

    def __init__(self, credential_path: str, scopes: Sequence[str]) -> None:
        """Read a key file.

        Raises:
            ExtraMissing: google-auth is not installed.
            DefinitionError: The file is none.
        """
        try:
            from google.auth.exceptions import GoogleAuthError
            from google.oauth2 import service_account
        except ImportError as error:
            raise missing_extra("Signing in to Google", "google-auth", "cloud") from error
        load: Any = service_account.Credentials.from_service_account_file  # which has no types
        try:
            self._credentials = load(credential_path, scopes=scopes)
        except (OSError, ValueError, GoogleAuthError) as error:
            raise DefinitionError(
                f"{credential_path!r} is not the key file of a service account: {error}.",
                hint="Create a key for the service account in the console, and save its JSON.",
            ) from error
        self._lock = threading.Lock()

    def headers(self) -> dict[str, str]:
        """Return the headers that authenticate a request; may request a new token from Google.

        Raises:
            Unavailable: Google gives no token.
        """
        from google.auth.exceptions import GoogleAuthError

        with self._lock:
            if not self._credentials.valid:
                try:
                    self._credentials.refresh(_transport)
                except GoogleAuthError as error:
                    raise Unavailable(
                        f"Google gives no access token: {error}",
                        hint="Check that the service account exists and that its key is valid.",
                    ) from error
            return {"Authorization": f"Bearer {self._credentials.token}"}

    async def headers_async(self) -> dict[str, str]:
        """Do the same without blocking the loop."""
        return await asyncio.to_thread(self.headers)


class _Response:
    """An answer in google-auth's form."""

    def __init__(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
        self.status = status
        self.headers = headers
        self.data = data


def _transport(
    url: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float | None = None,
    **_: Any,
) -> _Response:
    """Send a request for google-auth, whose own transports need further packages."""
    import httpx
    from google.auth import exceptions

    # It has no types.
    failure: Any = exceptions.TransportError
    try:
        answer = httpx.request(
            method,
            url,
            content=body,
            headers=headers,
            timeout=timeout or _TIMEOUT_SECONDS,
            verify=trusted(),
        )
    except httpx.HTTPError as error:
        raise failure(error) from error
    return _Response(answer.status_code, answer.headers, answer.content)
