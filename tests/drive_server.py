"""A server on loopback that speaks enough of Google Drive: files, exports, changes, tokens."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.google_account import GoogleAccount
from tests.http_server import Handler, served

FOLDER = "application/vnd.google-apps.folder"
DOCUMENT = "application/vnd.google-apps.document"

# So few that a listing of some files has several pages.
_PAGE = 2

_times = itertools.count(1)


@dataclass
class DriveFile:
    id: str
    name: str
    parents: list[str]
    mime_type: str
    content: bytes
    modified: int = field(default_factory=lambda: next(_times))
    trashed: bool = False

    def shown(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "mimeType": self.mime_type,
            "modifiedTime": f"2026-01-01T00:00:00.{self.modified:03}Z",
            "trashed": self.trashed,
            "parents": self.parents,
        }
        if not self.mime_type.startswith("application/vnd.google-apps."):
            shown["md5Checksum"] = hashlib.md5(self.content).hexdigest()
            shown["size"] = str(len(self.content))
        return shown


class DriveServer:
    """Where it listens, whom it serves, and the files that it has."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.account = GoogleAccount()
        self.files: dict[str, DriveFile] = {}
        self.changes: list[str] = []
        self.requests: list[str] = []
        self.answers: list[tuple[int, dict[str, Any]]] = []
        """Answers to give instead of the next ones, in order."""
        self.tokens = 0

    @property
    def api(self) -> str:
        return f"{self.endpoint}/drive/v3"

    def put(
        self, file_id: str, parent: str, content: bytes = b"", mime_type: str = "text/plain",
        name: str | None = None,
    ) -> None:  # fmt: skip
        """Create or change a file; its name is its id unless another is given."""
        self.files[file_id] = DriveFile(file_id, name or file_id, [parent], mime_type, content)
        self.changes.append(file_id)

    def folder(self, folder_id: str, parent: str) -> None:
        self.put(folder_id, parent, mime_type=FOLDER)

    def trash(self, file_id: str) -> None:
        self.files[file_id].trashed = True
        self.changes.append(file_id)

    def remove(self, file_id: str) -> None:
        del self.files[file_id]
        self.changes.append(file_id)


@contextmanager
def drive_server() -> Iterator[DriveServer]:
    """Run the server; a fixture yields from this."""
    with served(_Handler) as server:
        state = DriveServer(f"http://127.0.0.1:{server.server_port}")
        server.state = state  # type: ignore[attr-defined]
        yield state


class _Handler(Handler):
    @property
    def state(self) -> DriveServer:
        return self.server.state  # type: ignore[attr-defined,no-any-return]

    def respond(self) -> None:
        if self.command == "POST":
            self._give_token()
        else:
            self._give_files()

    def _give_token(self) -> None:
        """Give a token to who signs with the account's key."""
        body = self.read_body().decode()
        claims = self.state.account.signed(parse_qs(body)["assertion"][0])
        if claims is None or "drive.readonly" not in claims["scope"]:
            self.answer(400, {"error": "invalid_grant", "error_description": "Bad signature."})
            return
        self.state.tokens += 1
        token = f"token-{self.state.tokens}"
        self.answer(200, {"access_token": token, "expires_in": 3600, "token_type": "Bearer"})

    def _give_files(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = parts.path.removeprefix("/drive/v3")
        self.state.requests.append(path)
        if self.headers.get("Authorization") != f"Bearer token-{self.state.tokens}":
            self._refuse(401, "Invalid Credentials")
        elif self.state.answers:
            self.answer(*self.state.answers.pop(0))
        elif path == "/changes/startPageToken":
            self.answer(200, {"startPageToken": str(len(self.state.changes))})
        elif path == "/changes":
            self.answer(200, self._changes(int(query["pageToken"])))
        elif path == "/files":
            self.answer(200, self._list(query))
        else:
            self._one(path, query)

    def _one(self, path: str, query: dict[str, str]) -> None:
        file_id, _, action = path.removeprefix("/files/").partition("/")
        file = self.state.files.get(file_id)
        if file is None:
            self._refuse(404, "File not found")
        elif action == "export":
            if file.mime_type != DOCUMENT:
                self._refuse(403, "Export only supports Docs Editors files")
            else:
                self.answer(200, f"{query['mimeType']}: {file.content.decode()}".encode())
        elif query.get("alt") == "media":
            if file.mime_type.startswith("application/vnd.google-apps."):
                self._refuse(403, "Only files with binary content can be downloaded")
            else:
                self.answer(200, file.content)
        else:
            self.answer(200, file.shown())

    def _list(self, query: dict[str, str]) -> dict[str, Any]:
        parents = set(re.findall(r"'([^']+)' in parents", query["q"]))
        assert "trashed = false" in query["q"]
        found = [
            file.shown()
            for file in self.state.files.values()
            if parents.intersection(file.parents) and not file.trashed
        ]
        start = int(query.get("pageToken", "0"))
        answer: dict[str, Any] = {"files": found[start : start + _PAGE]}
        if start + _PAGE < len(found):
            answer["nextPageToken"] = str(start + _PAGE)
        return answer

    def _changes(self, start: int) -> dict[str, Any]:
        changes = []
        for file_id in self.state.changes[start : start + _PAGE]:
            file = self.state.files.get(file_id)
            change: dict[str, Any] = {"fileId": file_id}
            if file is not None:
                change["file"] = {"mimeType": file.mime_type}
            changes.append(change)
        end = start + len(changes)
        last = end >= len(self.state.changes)
        return {"changes": changes, "newStartPageToken" if last else "nextPageToken": str(end)}

    def _refuse(self, status: int, message: str) -> None:
        self.answer(status, {"error": {"code": status, "message": message}})
