"""The calls of Google Drive's HTTP API that the source needs, with retries."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from coco_core.errors import Unavailable
from coco_flow.errors import FlowError
from coco_flow.sources.google_token import GoogleToken
from coco_flow.sources.tls import trusted

if TYPE_CHECKING:
    import httpx

__all__ = ["DriveApi", "GoneError", "RefusedError", "first_page_token"]

_API = "https://www.googleapis.com/drive/v3"

_FIELDS = "id,name,mimeType,md5Checksum,modifiedTime,size,trashed,parents"

# Files of shared drives count too.
_ALL_DRIVES = {"supportsAllDrives": "true", "includeItemsFromAllDrives": "true"}

_PAGE = 1000

# Google answers 403 with one of these when it means "later".
_LATER = ("rateLimitExceeded", "userRateLimitExceeded")

_ATTEMPTS = 6
_FIRST_WAIT = 0.5

_TIMEOUT_SECONDS = 60.0


class GoneError(Exception):
    """There is no such file, or not for this account."""


class RefusedError(FlowError):
    """Google refuses the request, and would again."""


class DriveApi:
    """One session over one client; used as an asynchronous context."""

    def __init__(self, token: GoogleToken) -> None:
        self._token = token
        self._client: httpx.AsyncClient

    async def __aenter__(self) -> Self:
        import httpx

        self._client = httpx.AsyncClient(
            verify=trusted(), timeout=_TIMEOUT_SECONDS, follow_redirects=True
        )
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def children(self, folders: Iterable[str]) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield the direct children of the folders, in pages."""
        quoted = (folder.replace("\\", "\\\\").replace("'", "\\'") for folder in folders)
        parents = " or ".join(f"'{folder}' in parents" for folder in quoted)
        parameters = {
            "q": f"({parents}) and trashed = false",
            "fields": f"nextPageToken,files({_FIELDS})",
            "pageSize": str(_PAGE),
            **_ALL_DRIVES,
        }
        while True:
            answer = (await self._get("/files", parameters)).json()
            yield answer.get("files", [])
            if "nextPageToken" not in answer:
                return
            parameters["pageToken"] = answer["nextPageToken"]

    async def file(self, file_id: str) -> dict[str, Any]:
        """Return the metadata of a file.

        Raises:
            GoneError: There is no such file.
        """
        parameters = {"fields": _FIELDS, "supportsAllDrives": "true"}
        found: dict[str, Any] = (await self._get(f"/files/{file_id}", parameters)).json()
        return found

    async def download(self, file_id: str) -> bytes:
        """Return a file's bytes."""
        parameters = {"alt": "media", "supportsAllDrives": "true"}
        return (await self._get(f"/files/{file_id}", parameters)).content

    async def export(self, file_id: str, mime_type: str) -> bytes:
        """Return a document of Google's own kinds in another form."""
        return (await self._get(f"/files/{file_id}/export", {"mimeType": mime_type})).content

    async def changes(self, page_token: str) -> tuple[list[dict[str, Any]], str]:
        """Return what changed since a token was given, and the next token."""
        found: list[dict[str, Any]] = []
        while True:
            parameters = {
                "pageToken": page_token,
                "pageSize": str(_PAGE),
                "includeRemoved": "true",
                "fields": "nextPageToken,newStartPageToken,changes(fileId,file(mimeType))",
                **_ALL_DRIVES,
            }
            answer = (await self._get("/changes", parameters)).json()
            found += answer.get("changes", [])
            if "newStartPageToken" in answer:
                return found, answer["newStartPageToken"]
            page_token = answer["nextPageToken"]

    async def _get(self, path: str, parameters: Mapping[str, str]) -> httpx.Response:
        import httpx

        failure: Exception = Unavailable("Google Drive does not answer.")
        for attempt in range(_ATTEMPTS):
            if attempt:
                # Random waits spread the retries of several readers.
                await asyncio.sleep(_FIRST_WAIT * 2 ** (attempt - 1) * (1 + random.random()))  # noqa: S311
            try:
                answer = await self._client.get(
                    _API + path, params=parameters, headers=await self._token.headers_async()
                )
            except httpx.TransportError as error:
                failure = Unavailable(f"Google Drive cannot be reached: {error!r}")
                continue
            if answer.status_code == 200:
                return answer
            if answer.status_code == 404:
                raise GoneError
            if answer.status_code not in (429, 500, 502, 503, 504) and not _means_later(answer):
                raise RefusedError(
                    f"Google Drive refuses {path!r} (HTTP {answer.status_code}): {_why(answer)}.",
                    hint="Check that the folder is shared with the service account, and that the "
                    "Drive API is enabled in its project.",
                )
            failure = Unavailable(f"Google Drive is busy (HTTP {answer.status_code}).")
        raise failure


def first_page_token(token: GoogleToken) -> str:
    """Return the page token of changes from now on."""
    import httpx

    try:
        answer = httpx.get(
            f"{_API}/changes/startPageToken",
            params={"supportsAllDrives": "true"},
            headers=token.headers(),
            timeout=_TIMEOUT_SECONDS,
            verify=trusted(),
        )
    except httpx.TransportError as error:
        raise Unavailable(f"Google Drive cannot be reached: {error!r}") from error
    if answer.status_code != 200:
        raise Unavailable(f"Google Drive gives no changes (HTTP {answer.status_code}).")
    return str(answer.json()["startPageToken"])


def _means_later(answer: httpx.Response) -> bool:
    return answer.status_code == 403 and any(reason in answer.text for reason in _LATER)


def _why(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"]["message"]).rstrip(".")
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]
