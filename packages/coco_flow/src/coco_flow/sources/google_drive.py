"""Source of the files below folders of Google Drive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

from coco_flow.errors import FlowError, RowFailed
from coco_flow.op.spec import SourceSpec
from coco_flow.ports import Key, ListedRow, ReadRow, SourceSchema, Watch
from coco_flow.sources.file_content import basic_field, content_field, decode_text
from coco_flow.sources.file_patterns import FilePatterns
from coco_flow.sources.google_drive_api import DriveApi, GoneError, RefusedError, first_page_token
from coco_flow.sources.google_token import GoogleToken
from coco_flow.sources.registry import register_source

__all__ = ["GoogleDrive", "GoogleDriveSource"]

_SCOPES = ["https://www.googleapis.com/auth/drive.readonly"]

_GOOGLE = "application/vnd.google-apps."
_FOLDER = f"{_GOOGLE}folder"

# Google's own kinds of documents have no bytes; they are exported, as text or as something to see.
_EXPORTS = {
    f"{_GOOGLE}document": ("text/markdown", "application/pdf"),
    f"{_GOOGLE}drawing": ("image/svg+xml", "image/png"),
    f"{_GOOGLE}presentation": ("text/plain", "application/pdf"),
    f"{_GOOGLE}script": (f"{_GOOGLE}script+json", f"{_GOOGLE}script+json"),
    f"{_GOOGLE}spreadsheet": ("text/csv", "application/pdf"),
}

# Folders that are listed in one request: the query has a limited length.
_FOLDERS_AT_ONCE = 20

# Requests of one batch that run at the same time; Google allows some 10 a second.
_READS = 8


class GoogleDrive(SourceSpec):
    """Files below folders, as rows of `file_id`, `filename`, `mime_type` and `content`.

    Documents of Google's own kinds are exported, to Markdown, CSV and the like, or to PDF.

    Attributes:
        service_account_credential_path: The key file of a service account with which the folders
            are shared.
        root_folder_ids: The folders, by their ids.
        binary: Give the content as bytes instead of text.
        included_patterns: Only files whose path below the root folder matches one of these.
        excluded_patterns: No files, and nothing below folders, that match one of these.
        max_file_size: Larger files, in bytes, are ignored.
        recent_changes_poll_interval: In live mode, poll for changes this often.
    """

    service_account_credential_path: str
    root_folder_ids: list[str]
    binary: bool = False
    included_patterns: list[str] | None = None
    excluded_patterns: list[str] | None = None
    max_file_size: int | None = None
    recent_changes_poll_interval: timedelta | None = None


class GoogleDriveSource:
    """Lists, reads and follows the files of one `GoogleDrive`."""

    def __init__(self, spec: GoogleDrive) -> None:
        self._roots = list(spec.root_folder_ids)
        self._binary = spec.binary
        self._patterns = FilePatterns(spec.included_patterns, spec.excluded_patterns)
        self._max_file_size = spec.max_file_size
        self._interval = spec.recent_changes_poll_interval
        self._token = GoogleToken(spec.service_account_credential_path, _SCOPES)
        # The path of each known folder below its root; None for those that are not below one.
        self._folders: dict[str, str | None] = {}
        self._forget_folders()
        self.schema = SourceSchema(
            key=(basic_field("file_id", "Str"),),
            value=(
                basic_field("filename", "Str"),
                basic_field("mime_type", "Str"),
                content_field(spec.binary, filename_index=1),
            ),
        )
        self.content_options: object = {"binary": spec.binary}
        self.change_capture = "poll of Google Drive's list of changes" if self._interval else None

    async def list_rows(self) -> AsyncIterator[list[ListedRow]]:
        """Yield all files, a page of a listing at a time."""
        self._forget_folders()
        seen: set[str] = set()
        async with DriveApi(self._token) as drive:
            for root in self._roots:
                await self._check_root(drive, root)
            left = list(self._roots)
            while left:
                folders, left = left[:_FOLDERS_AT_ONCE], left[_FOLDERS_AT_ONCE:]
                async for page in drive.children(folders):
                    rows = []
                    for file in page:
                        if file["id"] in seen:
                            continue
                        seen.add(file["id"])
                        path = self._path(file)
                        if file["mimeType"] == _FOLDER:
                            if file["id"] not in self._folders and self._patterns.enters(path):
                                self._folders[file["id"]] = path
                                left.append(file["id"])
                        elif self._is_row(file, path):
                            rows.append(_listed(file))
                    if rows:
                        yield rows

    async def read(self, keys: Sequence[Key]) -> list[ReadRow | Exception]:
        """Read files, several at a time; what cannot be read fails that row only."""
        free = asyncio.Semaphore(_READS)
        async with DriveApi(self._token) as drive:
            return await asyncio.gather(*(self._read(drive, key, free) for (key,) in keys))

    def watch(self) -> Watch | None:
        """Begin to poll for changes: every one after this call returns will be reported."""
        if self._interval is None:
            return None
        return self._changes(first_page_token(self._token), self._interval.total_seconds())

    def close(self) -> None:
        """Do nothing: every call has its own session."""

    async def _changes(self, page_token: str, seconds: float) -> AsyncIterator[list[Key] | None]:
        async with DriveApi(self._token) as drive:
            while True:
                await asyncio.sleep(seconds)
                changes, page_token = await drive.changes(page_token)
                found = {change["fileId"]: change.get("file") or {} for change in changes}
                if any(
                    file.get("mimeType") == _FOLDER or file_id in self._folders
                    for file_id, file in found.items()
                ):
                    # Files below a folder have changed their path, or are gone with it.
                    self._forget_folders()
                    yield None
                elif found:
                    yield [(file_id,) for file_id in found]

    def _forget_folders(self) -> None:
        self._folders = dict.fromkeys(self._roots, "")

    async def _check_root(self, drive: DriveApi, root: str) -> None:
        # A listing below an unknown folder is empty, which would mean that all files are gone.
        try:
            await drive.file(root)
        except GoneError:
            raise FlowError(
                f"There is no folder {root!r} in Google Drive for this service account.",
                hint="Share the folder with the account's e-mail address, or correct "
                "root_folder_ids. Nothing was deleted from the targets.",
            ) from None

    def _path(self, file: dict[str, Any]) -> str:
        folders = (self._folders.get(parent) for parent in file.get("parents", ()))
        folder = next((path for path in folders if path is not None), "")
        return f"{folder}/{file['name']}" if folder else str(file["name"])

    def _is_row(self, file: dict[str, Any], path: str) -> bool:
        kind = file["mimeType"]
        if kind.startswith(_GOOGLE) and kind not in _EXPORTS:
            # Forms, sites, shortcuts: there is nothing to read.
            return False
        limit = self._max_file_size
        if limit is not None and int(file.get("size", 0)) > limit:
            return False
        return self._patterns.accepts(path)

    async def _read(
        self, drive: DriveApi, file_id: str, free: asyncio.Semaphore
    ) -> ReadRow | Exception:
        try:
            async with free:
                file = await drive.file(file_id)
                if file.get("trashed") or not await self._is_below(drive, file):
                    return ReadRow(None)
                if file["mimeType"] == _FOLDER or not self._is_row(file, self._path(file)):
                    return ReadRow(None)
                exports = _EXPORTS.get(file["mimeType"])
                if exports is None:
                    data = await drive.download(file_id)
                else:
                    data = await drive.export(file_id, exports[self._binary])
        except GoneError:
            return ReadRow(None)
        except RefusedError as error:
            failed = RowFailed(f"The file {file_id!r} cannot be read: {error}")
            failed.__cause__ = error
            return failed
        content = data if self._binary else decode_text(data, file["name"])
        return ReadRow([file["name"], file["mimeType"], content], _listed(file).token)

    async def _is_below(self, drive: DriveApi, file: dict[str, Any]) -> bool:
        """Say whether a file is below a root; record the folders on the way up."""
        for parent in file.get("parents", ()):
            if await self._folder_path(drive, parent, frozenset()) is not None:
                return True
        return False

    async def _folder_path(
        self, drive: DriveApi, folder_id: str, below: frozenset[str]
    ) -> str | None:
        """Return a folder's path below its root; None if it is below none."""
        if folder_id in self._folders:
            return self._folders[folder_id]
        path: str | None = None
        try:
            folder = await drive.file(folder_id)
        except GoneError:
            folder = {"trashed": True}
        if not folder.get("trashed"):
            for parent in folder.get("parents", ()):
                if parent in below:
                    continue
                above = await self._folder_path(drive, parent, below | {folder_id})
                if above is not None:
                    path = f"{above}/{folder['name']}" if above else str(folder["name"])
                    break
        # Only what is certain is kept: others may look it up at the same time.
        self._folders[folder_id] = path
        return path


def _listed(file: dict[str, Any]) -> ListedRow:
    """Return the row of a file: its token covers content, name and kind."""
    version = file.get("md5Checksum") or file["modifiedTime"]
    token = f"{version} {file['mimeType']} {file['name']}".encode()
    return ListedRow((file["id"],), token, size=int(file.get("size", 0)))


register_source(GoogleDrive, GoogleDriveSource)
