"""Files below folders of Google Drive as a source, read with a service account."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any, Self

from coco_flow.components import file
from coco_flow.errors import FlowError
from coco_flow.sources.google_drive_api import DriveApi, GoneError
from coco_flow.sources.google_token import GoogleToken

__all__ = [
    "DriveFile",
    "DriveFileInfo",
    "DriveFilePath",
    "GoogleDriveSource",
    "GoogleDriveSourceSpec",
    "list_files",
]

_SCOPES = ["https://www.googleapis.com/auth/drive.readonly"]

_GOOGLE = "application/vnd.google-apps."
_FOLDER = f"{_GOOGLE}folder"

# Google's own kinds of documents have no bytes and are exported as text; the others of its kinds,
# such as forms and shortcuts, cannot be read.
_EXPORTS = {
    f"{_GOOGLE}document": "text/markdown",
    f"{_GOOGLE}spreadsheet": "text/csv",
    f"{_GOOGLE}presentation": "text/plain",
}

# Folders that are listed in one request: the query has a limited length.
_FOLDERS_AT_ONCE = 20


class DriveFilePath(file.FilePath[str]):
    """A file's name; it leads to the file's id."""

    __slots__ = ("_file_id",)

    def __init__(self, path: str | PurePath, *, file_id: str) -> None:
        super().__init__(None, PurePath(path))
        self._file_id = file_id

    def resolve(self) -> str:
        """Return the file's id."""
        return self._file_id

    def _with_path(self, path: PurePath) -> Self:
        return type(self)(path, file_id=self._file_id)

    def __coco_memo_key__(self) -> object:
        """Identify the file: several may have one name."""
        return (self._path, self._file_id)


@dataclass
class DriveFileInfo:
    """What a listing says about a file.

    Attributes:
        size: Bytes; 0 for documents of Google's own kinds.
        md5: The digest that Google keeps of the bytes; documents of its own kinds have none.
    """

    file_id: str
    name: str
    mime_type: str
    size: int
    modified_time: datetime
    md5: str | None = None

    def metadata(self) -> file.FileMetadata:
        """Return it as metadata of a file."""
        digest = None if self.md5 is None else self.md5.encode()
        return file.FileMetadata(self.size, self.modified_time, digest)


class DriveFile(file.FileLike[str]):
    """A file of Google Drive; documents of Google's own kinds are read as text."""

    def __init__(self, service: GoogleToken, info: DriveFileInfo) -> None:
        path = DriveFilePath(info.name, file_id=info.file_id)
        super().__init__(path, _metadata=info.metadata())
        self._service = service
        self._info = info

    @property
    def mime_type(self) -> str:
        """The type, as Google gives it."""
        return self._info.mime_type

    async def _fetch_metadata(self) -> file.FileMetadata:
        async with DriveApi(self._service) as drive:
            return _info(await drive.file(self._info.file_id)).metadata()

    async def _read_impl(self, size: int = -1) -> bytes:
        async with DriveApi(self._service) as drive:
            export = _EXPORTS.get(self._info.mime_type)
            if export is None:
                data = await drive.download(self._info.file_id)
            else:
                data = await drive.export(self._info.file_id, export)
        return data if size < 0 else data[:size]


@dataclass
class GoogleDriveSourceSpec:
    """Which files are wanted.

    Attributes:
        service_account_credential_path: The key file of a service account with which the folders
            are shared.
        root_folder_ids: The folders, by their ids; those below them count too.
        mime_types: Only files of these types.
    """

    service_account_credential_path: str
    root_folder_ids: Sequence[str]
    mime_types: Sequence[str] | None = None


class GoogleDriveSource:
    """The files below folders; iterate over `files()`, or give `items()` to `mount_each`."""

    def __init__(
        self,
        *,
        service_account_credential_path: str,
        root_folder_ids: Sequence[str],
        mime_types: Sequence[str] | None = None,
    ) -> None:
        self._spec = GoogleDriveSourceSpec(
            service_account_credential_path, root_folder_ids, mime_types
        )

    async def files(self) -> AsyncIterator[DriveFile]:
        """Yield the files.

        Raises:
            DefinitionError: The key file is none.
            FlowError: There is no such folder for this account.
            Unavailable: Google does not answer.
        """
        async for found in _walk(self._spec):
            yield found

    async def items(self) -> AsyncIterator[tuple[str, DriveFile]]:
        """Yield the files by name; another file of the same name has its id in the key."""
        seen: set[str] = set()
        async for found in self.files():
            name = found.file_path.as_posix()
            yield (f"{name} ({found.file_path.resolve()})" if name in seen else name), found
            seen.add(name)


def list_files(spec: GoogleDriveSourceSpec) -> Iterator[DriveFile]:
    """Yield the files, from synchronous code."""
    from coco_flow.runtime import run

    async def collect() -> list[DriveFile]:
        return [found async for found in _walk(spec)]

    yield from run(collect())


async def _walk(spec: GoogleDriveSourceSpec) -> AsyncIterator[DriveFile]:
    token = GoogleToken(spec.service_account_credential_path, _SCOPES)
    seen = set(spec.root_folder_ids)
    left = list(spec.root_folder_ids)
    async with DriveApi(token) as drive:
        for root in spec.root_folder_ids:
            await _check_root(drive, root)
        while left:
            folders, left = left[:_FOLDERS_AT_ONCE], left[_FOLDERS_AT_ONCE:]
            async for page in drive.children(folders):
                for each in page:
                    if each["id"] in seen:
                        continue
                    seen.add(each["id"])
                    if each["mimeType"] == _FOLDER:
                        left.append(each["id"])
                    elif _is_wanted(each["mimeType"], spec.mime_types):
                        yield DriveFile(token, _info(each))


async def _check_root(drive: DriveApi, root: str) -> None:
    # A listing below an unknown folder is empty, which would mean that all files are gone.
    try:
        await drive.file(root)
    except GoneError:
        raise FlowError(
            f"There is no folder {root!r} in Google Drive for this service account.",
            hint="Share the folder with the account's e-mail address, or correct root_folder_ids.",
        ) from None


def _is_wanted(mime_type: str, wanted: Sequence[str] | None) -> bool:
    if mime_type.startswith(_GOOGLE) and mime_type not in _EXPORTS:
        return False
    return not wanted or mime_type in wanted


def _info(found: dict[str, Any]) -> DriveFileInfo:
    modified = found.get("modifiedTime")
    return DriveFileInfo(
        file_id=found["id"],
        name=found["name"],
        mime_type=found["mimeType"],
        size=int(found.get("size") or 0),
        modified_time=(
            datetime.fromisoformat(modified) if modified else datetime.fromtimestamp(0, UTC)
        ),
        md5=found.get("md5Checksum"),
    )
