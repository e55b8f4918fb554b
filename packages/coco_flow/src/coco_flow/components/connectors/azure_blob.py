"""Blobs of containers of Azure Blob Storage as a source.

The client is the program's own, an asynchronous `ContainerClient` of azure-storage-blob.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import PurePath
from typing import Any, Self, TypeAlias
from urllib.parse import urlsplit

from coco_flow.components import file

__all__ = [
    "AzureBlobFile",
    "AzureBlobFilePath",
    "AzureBlobWalker",
    "get_blob",
    "list_blobs",
    "read",
]

# azure-storage-blob need not be installed for the types.
ContainerClient: TypeAlias = Any


class AzureBlobFilePath(file.FilePath[str]):
    """A blob's name below a walk's prefix; it leads to the whole name."""

    __slots__ = ("_account_name", "_blob_name", "_container_name")

    def __init__(
        self, account_name: str, container_name: str, path: str | PurePath, *, blob_name: str
    ) -> None:
        super().__init__(None, PurePath(path))
        self._account_name = account_name
        self._container_name = container_name
        self._blob_name = blob_name

    @property
    def account_name(self) -> str:
        """The storage account."""
        return self._account_name

    @property
    def container_name(self) -> str:
        """The container."""
        return self._container_name

    @property
    def blob_name(self) -> str:
        """The whole name."""
        return self._blob_name

    def resolve(self) -> str:
        """Return the whole name."""
        return self._blob_name

    def _with_path(self, path: PurePath) -> Self:
        return type(self)(self._account_name, self._container_name, path, blob_name=self._blob_name)

    def __coco_memo_key__(self) -> object:
        """Identify the blob by account, container and path."""
        return (self._account_name, self._container_name, self._path)


class AzureBlobFile(file.FileLike[str]):
    """A blob; its ETag tells whether the content has changed."""

    _file_path: AzureBlobFilePath

    def __init__(
        self,
        container_client: ContainerClient,
        file_path: AzureBlobFilePath,
        *,
        _metadata: file.FileMetadata | None = None,
    ) -> None:
        super().__init__(file_path, _metadata=_metadata)
        self._container_client = container_client

    @property
    def file_path(self) -> AzureBlobFilePath:
        """The blob's path."""
        return self._file_path

    async def _fetch_metadata(self) -> file.FileMetadata:
        blob = self._container_client.get_blob_client(self._file_path.blob_name)
        return _metadata(await blob.get_blob_properties())

    async def _read_impl(self, size: int = -1) -> bytes:
        return await read(self._container_client, self._file_path.blob_name, size)


class AzureBlobWalker:
    """The blobs of a container; iterate over it, or give `items()` to `mount_each`."""

    def __init__(
        self,
        container_client: ContainerClient,
        *,
        prefix: str = "",
        path_matcher: file.FilePathMatcher | None = None,
        max_file_size: int | None = None,
    ) -> None:
        self._container_client = container_client
        self._account_name, self._container_name = _names(container_client)
        self._prefix = prefix
        self._path_matcher = path_matcher or file.MatchAllFilePathMatcher()
        self._max_file_size = max_file_size

    async def __aiter__(self) -> AsyncIterator[AzureBlobFile]:
        blobs = self._container_client.list_blobs(name_starts_with=self._prefix or None)
        async for blob in blobs:
            if (path := self._wanted_path(blob.name, int(blob.size))) is not None:
                yield AzureBlobFile(
                    self._container_client,
                    AzureBlobFilePath(
                        self._account_name, self._container_name, path, blob_name=blob.name
                    ),
                    _metadata=_metadata(blob),
                )

    async def items(self) -> AsyncIterator[tuple[str, AzureBlobFile]]:
        """Yield the blobs by their path below the prefix."""
        async for found in self:
            yield found.file_path.as_posix(), found

    def _wanted_path(self, name: str, size: int) -> str | None:
        # Some tools store a directory as an empty blob.
        path = name.removeprefix(self._prefix).lstrip("/")
        if not path or name.endswith("/"):
            return None
        if self._max_file_size is not None and size > self._max_file_size:
            return None
        return path if self._path_matcher.is_file_included(PurePath(path)) else None


def list_blobs(
    container_client: ContainerClient,
    *,
    prefix: str = "",
    path_matcher: file.FilePathMatcher | None = None,
    max_file_size: int | None = None,
) -> AzureBlobWalker:
    """Return the blobs of a container.

    Args:
        container_client: An asynchronous client of azure-storage-blob.
        prefix: Only names that begin with it; paths are those below it.
        path_matcher: Chooses blobs by their path; all by default.
        max_file_size: Larger blobs, in bytes, are ignored.
    """
    return AzureBlobWalker(
        container_client, prefix=prefix, path_matcher=path_matcher, max_file_size=max_file_size
    )


async def get_blob(container_client: ContainerClient, blob_name: str) -> AzureBlobFile:
    """Return one blob."""
    account_name, container_name = _names(container_client)
    blob = container_client.get_blob_client(blob_name)
    return AzureBlobFile(
        container_client,
        AzureBlobFilePath(account_name, container_name, blob_name, blob_name=blob_name),
        _metadata=_metadata(await blob.get_blob_properties()),
    )


async def read(container_client: ContainerClient, blob_name: str, size: int = -1) -> bytes:
    """Return the first `size` bytes of a blob, or all."""
    if size == 0:
        return b""
    blob = container_client.get_blob_client(blob_name)
    stream = await blob.download_blob(offset=0, length=None if size < 0 else size)
    return bytes(await stream.readall())


def _names(client: ContainerClient) -> tuple[str, str]:
    """Return account and container, which not every version of the client gives itself."""
    account = getattr(client, "account_name", None)
    container = getattr(client, "container_name", None)
    if not (account and container):
        url = urlsplit(getattr(client, "url", ""))
        account = account or (url.hostname or "").partition(".")[0]
        container = container or url.path.strip("/").rpartition("/")[2]
    if not (account and container):
        raise ValueError(
            "The container's client names neither account_name and container_name nor a URL with "
            "both: pass a ContainerClient of azure-storage-blob."
        )
    return account, container


def _metadata(found: Any) -> file.FileMetadata:
    etag = found.etag
    digest = etag.encode() if etag else None
    return file.FileMetadata(int(found.size), found.last_modified, digest)
