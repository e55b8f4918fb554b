"""Objects of buckets of S3, and of services like it, as a source.

The client is the program's own, made with aiobotocore.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import PurePath
from typing import Any, Self, TypeAlias

from coco_flow.components import file

__all__ = ["S3File", "S3FilePath", "S3Walker", "get_object", "list_objects", "read"]

# aiobotocore makes its clients' methods while the program runs.
Client: TypeAlias = Any

_SCHEME = "s3://"


class S3FilePath(file.FilePath[str]):
    """An object's key below a walk's prefix; it leads to the whole key."""

    __slots__ = ("_bucket_name", "_object_key")

    def __init__(self, bucket_name: str, path: str | PurePath, *, object_key: str) -> None:
        super().__init__(None, PurePath(path))
        self._bucket_name = bucket_name
        self._object_key = object_key

    @property
    def bucket_name(self) -> str:
        """The bucket."""
        return self._bucket_name

    def resolve(self) -> str:
        """Return the whole key."""
        return self._object_key

    def _with_path(self, path: PurePath) -> Self:
        return type(self)(self._bucket_name, path, object_key=self._object_key)

    def __coco_memo_key__(self) -> object:
        """Identify the object by bucket and path."""
        return (self._bucket_name, self._path)


class S3File(file.FileLike[str]):
    """An object; its ETag tells whether the content has changed."""

    _file_path: S3FilePath

    def __init__(
        self, client: Client, file_path: S3FilePath, *, _metadata: file.FileMetadata | None = None
    ) -> None:
        super().__init__(file_path, _metadata=_metadata)
        self._client = client

    async def _fetch_metadata(self) -> file.FileMetadata:
        path = self._file_path
        return await _head(self._client, path.bucket_name, path.resolve())

    async def _read_impl(self, size: int = -1) -> bytes:
        path = self._file_path
        return await _read(self._client, path.bucket_name, path.resolve(), size)


class S3Walker:
    """The objects of a bucket; iterate over it, or give `items()` to `mount_each`."""

    def __init__(
        self,
        client: Client,
        bucket_name: str,
        *,
        prefix: str = "",
        path_matcher: file.FilePathMatcher | None = None,
        max_file_size: int | None = None,
    ) -> None:
        self._client = client
        self._bucket_name = bucket_name
        self._prefix = prefix
        self._path_matcher = path_matcher or file.MatchAllFilePathMatcher()
        self._max_file_size = max_file_size

    async def __aiter__(self) -> AsyncIterator[S3File]:
        options = {"Prefix": self._prefix} if self._prefix else {}
        pages = self._client.get_paginator("list_objects_v2")
        async for page in pages.paginate(Bucket=self._bucket_name, **options):
            for found in page.get("Contents", ()):
                if (path := self._wanted_path(found["Key"], found["Size"])) is not None:
                    yield S3File(
                        self._client,
                        S3FilePath(self._bucket_name, path, object_key=found["Key"]),
                        _metadata=_metadata(found["Size"], found),
                    )

    async def items(self) -> AsyncIterator[tuple[str, S3File]]:
        """Yield the objects by their path below the prefix."""
        async for found in self:
            yield found.file_path.as_posix(), found

    def _wanted_path(self, key: str, size: int) -> str | None:
        # Some tools store a directory as an empty object.
        path = key.removeprefix(self._prefix).lstrip("/")
        if not path or key.endswith("/"):
            return None
        if self._max_file_size is not None and size > self._max_file_size:
            return None
        return path if self._path_matcher.is_file_included(PurePath(path)) else None


def list_objects(
    client: Client,
    bucket_name: str,
    *,
    prefix: str = "",
    path_matcher: file.FilePathMatcher | None = None,
    max_file_size: int | None = None,
) -> S3Walker:
    """Return the objects of a bucket.

    Args:
        client: A client for S3 of aiobotocore.
        bucket_name: The bucket.
        prefix: Only keys that begin with it; paths are those below it.
        path_matcher: Chooses objects by their path; all by default.
        max_file_size: Larger objects, in bytes, are ignored.
    """
    return S3Walker(
        client, bucket_name, prefix=prefix, path_matcher=path_matcher, max_file_size=max_file_size
    )


async def get_object(client: Client, bucket_name_or_uri: str, key: str | None = None, /) -> S3File:
    """Return one object, of a bucket and a key or of an `s3://bucket/key`.

    Raises:
        ValueError: Neither is given, or both.
    """
    if bucket_name_or_uri.startswith(_SCHEME):
        if key is not None:
            raise ValueError(
                f"The URI {bucket_name_or_uri!r} names a key itself; leave out {key!r}."
            )
        bucket_name, key = _parts(bucket_name_or_uri)
    elif key is None:
        raise ValueError(
            f"{bucket_name_or_uri!r} is a bucket: pass the object's key as well, or a URI of the "
            "form s3://bucket/key."
        )
    else:
        bucket_name = bucket_name_or_uri
    metadata = await _head(client, bucket_name, key)
    return S3File(client, S3FilePath(bucket_name, key, object_key=key), _metadata=metadata)


async def read(client: Client, uri: str, size: int = -1) -> bytes:
    """Return the first `size` bytes of an object, or all.

    Raises:
        ValueError: The URI is not of the form `s3://bucket/key`.
    """
    return await _read(client, *_parts(uri), size)


def _parts(uri: str) -> tuple[str, str]:
    bucket_name, slash, key = uri.removeprefix(_SCHEME).partition("/")
    if not uri.startswith(_SCHEME) or not slash:
        raise ValueError(f"Invalid S3 URI {uri!r}: expected s3://bucket/key.")
    return bucket_name, key


async def _head(client: Client, bucket_name: str, key: str) -> file.FileMetadata:
    found = await client.head_object(Bucket=bucket_name, Key=key)
    return _metadata(found["ContentLength"], found)


def _metadata(size: int, found: dict[str, Any]) -> file.FileMetadata:
    etag = found.get("ETag")
    return file.FileMetadata(int(size), found["LastModified"], etag.encode() if etag else None)


async def _read(client: Client, bucket_name: str, key: str, size: int) -> bytes:
    if size == 0:
        return b""
    options = {} if size < 0 else {"Range": f"bytes=0-{size - 1}"}
    found = await client.get_object(Bucket=bucket_name, Key=key, **options)
    async with found["Body"] as stream:
        return bytes(await stream.read())
