"""Blob store: a directory, S3, Google Cloud, or Azure, chosen by URL.

Bytes pass through in pieces, in both directions; a body of any size takes the same memory.
Credentials and endpoints come from the environment, under each cloud's own names (``AWS_…``,
``GOOGLE_…``, ``AZURE_…``).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import obstore
import structlog
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from coco_core.errors import BodyTooLarge, InvalidConfig, NotFound, Unavailable
from coco_server.store.range_file import RangeFile

if TYPE_CHECKING:
    from obstore import ObjectMeta

__all__ = ["BlobFile", "BlobInfo", "BlobStore"]

log = structlog.get_logger(__name__)

# One part of an upload: large enough that S3's 10,000 parts hold 80 GB.
_PART_BYTES = 8_388_608
# Parts on their way at the same time.
_PARALLEL_PARTS = 2
# What one request reads ahead.
_READ_BYTES = 4_194_304

_SCHEMES = ("file", "s3", "gs", "az", "abfss")
# What this program writes: the org, then a name without meaning and the format.
_REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,100}/[0-9a-f]{32}\.[a-z0-9]{1,16}")
# What `check` writes and removes.
_CHECK = ".check"
# Names that are asked for at a time.
_LISTED = 1_000


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """A stored body."""

    ref: str
    """``<org>/<name>.<suffix>``; a reference opens nothing in another org."""
    size: int
    """Bytes."""
    sha256: str
    """Empty when it is not known."""


class BlobStore:
    """Bodies by reference, each below its org."""

    def __init__(self, url: str, *, options: Mapping[str, object] | None = None) -> None:
        """Prepare the store at ``url``; nothing is sent before the first use.

        Args:
            url: ``file:///var/lib/coco``, ``s3://bucket/prefix``, ``gs://…`` or ``az://…``.
            options: What the cloud's client shall know beyond the environment.

        Raises:
            InvalidConfig: the URL names no store.
        """
        self.url = url
        self._store = _open(url, options or {})

    async def put(
        self, org_id: str, suffix: str, body: AsyncIterator[bytes], *, most: int
    ) -> BlobInfo:
        """Store a body piece by piece; it exists when all of it has come, or not at all.

        Args:
            org_id: Whose it is.
            suffix: Its format, as ``ndjson``.
            body: The pieces; an error that it raises ends the upload.
            most: Bytes allowed.

        Raises:
            BodyTooLarge: more than ``most`` bytes came.
            Unavailable: the store does not take it.
        """
        ref = _reference(org_id, suffix)
        counted = _Counted(body, most)
        with self._translated_errors():
            await obstore.put_async(
                self._store,
                ref,
                counted,
                use_multipart=True,
                chunk_size=_PART_BYTES,
                max_concurrency=_PARALLEL_PARTS,
            )
        return BlobInfo(ref, counted.size, counted.digest.hexdigest())

    def put_bytes(self, org_id: str, suffix: str, body: bytes) -> BlobInfo:
        """Store a small body at once.

        Raises:
            Unavailable: the store does not take it.
        """
        ref = _reference(org_id, suffix)
        with self._translated_errors():
            obstore.put(self._store, ref, body)
        return BlobInfo(ref, len(body), hashlib.sha256(body).hexdigest())

    def info(self, org_id: str, ref: str) -> BlobInfo:
        """Return what is known of a body of this org.

        Raises:
            NotFound: there is none, or it belongs to another org.
        """
        with self._translated_errors(ref):
            return BlobInfo(ref, obstore.head(self._store, _owned(org_id, ref))["size"], "")

    def open(self, org_id: str, ref: str) -> BlobFile:
        """Open a body of this org for reading from any place.

        Raises:
            NotFound: there is none, or it belongs to another org.
        """
        return BlobFile(self, _owned(org_id, ref), self.info(org_id, ref).size)

    def read_range(self, ref: str, start: int, end: int) -> bytes:
        """Return bytes from ``start`` to before ``end`` of a body that `open` has found."""
        with self._translated_errors(ref):
            return bytes(obstore.get_range(self._store, ref, start=start, end=end))

    def delete(self, org_id: str, ref: str) -> None:
        """Remove a body of this org; one that is gone already is as good."""
        with self._translated_errors(ref):
            try:
                obstore.delete(self._store, _owned(org_id, ref))
            except FileNotFoundError:
                return

    def written_before(self, org_id: str | None, until: datetime) -> Iterator[BlobInfo]:
        """Yield everything of one org, or of all, that was written before ``until``.

        Raises:
            Unavailable: the store cannot be listed.
        """
        with self._translated_errors():
            for each in self._listed(org_id):
                if each["last_modified"] <= until:
                    yield BlobInfo(each["path"], each["size"], "")

    def stored(self, org_id: str | None) -> Iterator[BlobInfo]:
        """Yield everything of one org or of all: imports, text rules.

        Raises:
            Unavailable: the store cannot be listed.
        """
        with self._translated_errors():
            for each in self._listed(org_id):
                if not each["path"].endswith(_CHECK):
                    yield BlobInfo(each["path"], each["size"], "")

    def put_again(self, ref: str, pieces: Iterator[bytes]) -> None:
        """Store a body under the reference that it had, out of a backup.

        Raises:
            InvalidConfig: it is no reference.
            Unavailable: the store does not take it.
        """
        if not _REFERENCE.fullmatch(ref):
            raise InvalidConfig(f"{ref!r} cannot be a blob's reference.")
        with self._translated_errors():
            obstore.put(self._store, ref, pieces, use_multipart=True, chunk_size=_PART_BYTES)

    def _listed(self, org_id: str | None) -> Iterator[ObjectMeta]:
        """Yield what this program has written."""
        for found in obstore.list(self._store, prefix=org_id, chunk_size=_LISTED):
            yield from (each for each in found if _REFERENCE.fullmatch(each["path"]))

    def check(self) -> None:
        """Write, read and remove a few bytes, so that a wrong configuration shows at once.

        Raises:
            Unavailable: the store cannot be used; the message is for its operator, and says why.
        """
        try:
            written = self.put_bytes("coco", _CHECK.removeprefix("."), b"coco")
            self.open("coco", written.ref).close()
            self.delete("coco", written.ref)
        except Unavailable as error:
            raise Unavailable(
                f"The blob store {self.url} failed: {str(error.__cause__)[:300]}.",
                hint="Check COCO_BLOB_URL, the credentials and that the store can be reached.",
            ) from error

    @contextmanager
    def _translated_errors(self, ref: str = "") -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise NotFound(f"There is no blob {ref!r}.") from error
        except (BaseError, OSError) as error:
            # Paths, buckets and accounts are the operator's to know, and no tenant's.
            log.error("blob_store_failed", url=self.url, ref=ref, reason=str(error)[:1000])
            raise Unavailable(
                "The blob store cannot be used at present.",
                hint="Try again later; the service's log says what failed (blob_store_failed): "
                "COCO_BLOB_URL, the credentials, or the way to the store.",
            ) from error


class BlobFile(RangeFile):
    """A stored body as a file that can seek; reads ahead, and holds no more than that."""

    def __init__(self, store: BlobStore, ref: str, size: int) -> None:
        super().__init__(size)
        self._store = store
        self._ref = ref
        self._ahead = b""
        self._ahead_at = 0

    def _range(self, start: int, end: int) -> bytes:
        ahead = start - self._ahead_at
        if ahead >= 0 and end - self._ahead_at <= len(self._ahead):
            return self._ahead[ahead : end - self._ahead_at]
        if end - start >= _READ_BYTES:
            return self._store.read_range(self._ref, start, end)
        self._ahead = self._store.read_range(self._ref, start, min(self.size, start + _READ_BYTES))
        self._ahead_at = start
        return self._ahead[: end - start]


class _Counted:
    """The body on its way: counted, hashed and ended when it grows too large."""

    def __init__(self, body: AsyncIterator[bytes], most: int) -> None:
        self.size = 0
        self.digest = hashlib.sha256()
        self._body = body
        self._most = most

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await anext(self._body)
        self.size += len(piece)
        if self.size > self._most:
            raise BodyTooLarge(
                f"The body has more than {self._most} bytes.",
                hint="Send it in several imports, or raise COCO_MAX_IMPORT_BYTES.",
            )
        self.digest.update(piece)
        return piece


def _open(url: str, options: Mapping[str, object]) -> ObjectStore:
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES:
        raise InvalidConfig(
            f"The blob store's URL is {url!r}.",
            hint="Use file:///directory, s3://bucket/prefix, gs://bucket/prefix or az://container.",
        )
    if parts.scheme == "file":
        directory = Path(unquote(parts.path))
        if parts.netloc or not directory.is_absolute():
            raise InvalidConfig(f"{url!r} names no absolute directory.", hint="Use file:///…")
        try:
            directory.mkdir(parents=True, exist_ok=True)
            # Imports are the tenants' data: no other user of the machine reads them.
            directory.chmod(0o700)
        except OSError as error:
            raise InvalidConfig(
                f"The blob store's folder {str(directory)!r} cannot be used: {error.strerror}.",
                hint="COCO_BLOB_URL names a folder that this user may make or owns.",
            ) from error
        return LocalStore(directory)
    try:
        return from_url(url, **options)  # type: ignore[call-overload, no-any-return]
    except (BaseError, ValueError) as error:
        raise InvalidConfig(f"The blob store {url!r} cannot be used: {error}.") from error


def _reference(org_id: str, suffix: str) -> str:
    ref = f"{org_id}/{secrets.token_hex(16)}.{suffix}"
    if not _REFERENCE.fullmatch(ref):
        raise InvalidConfig(f"{ref!r} cannot be a blob's reference.")
    return ref


def _owned(org_id: str, ref: str) -> str:
    if not _REFERENCE.fullmatch(ref) or not ref.startswith(f"{org_id}/"):
        raise NotFound(f"There is no blob {ref!r}.")
    return ref
