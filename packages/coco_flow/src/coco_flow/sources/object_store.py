"""The source of files in an object store, shared by S3, Azure and Google Cloud Storage."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from coco_flow.errors import FlowError, RowFailed, missing_extra
from coco_flow.ports import Key, ListedRow, ReadRow, Watch
from coco_flow.sources.file_content import FileContent
from coco_flow.sources.file_patterns import FilePatterns

if TYPE_CHECKING:
    from obstore.store import ObjectStore

__all__ = ["ObjectStoreSource", "client_options", "load_obstore", "retry_config"]

_BATCH = 512

# Downloads of one batch that run at the same time: stores answer in some 50 ms each.
_DOWNLOADS = 32


class ObjectSelection(Protocol):
    """The fields that specs of object stores have in common: which objects, and as what."""

    binary: bool
    prefix: str | None
    included_patterns: list[str] | None
    excluded_patterns: list[str] | None
    max_file_size: int | None


class ObjectStoreSource:
    """Lists and reads the objects of one bucket or container.

    Attributes:
        place: The bucket or container, for messages.
    """

    change_capture: str | None = None

    def __init__(self, store: ObjectStore, place: str, spec: ObjectSelection) -> None:
        """Bind to a store; keys are whole, and patterns match whole keys."""
        self.place = place
        self._store = store
        self._content = FileContent(binary=spec.binary)
        self.schema = self._content.schema
        self.content_options: object = self._content.options
        self._prefix = spec.prefix or ""
        self._patterns = FilePatterns(spec.included_patterns, spec.excluded_patterns)
        self._max_file_size = spec.max_file_size
        # Of empty objects, by key and token: whether they are files.
        self._empty: dict[tuple[str, bytes], bool] = {}
        start = self._patterns.start
        longest = start if start.startswith(self._prefix) else self._prefix
        # Stores list by folders, so what comes after the last "/" is compared here.
        self._folder = longest[: longest.rfind("/") + 1]

    def list_rows(self) -> Iterator[list[ListedRow]]:
        """Yield all objects that patterns choose; their version is their token."""
        try:
            for objects in self._store.list(self._folder or None, chunk_size=_BATCH):
                rows = [found for found in objects if self._is_row(found)]
                markers = self._folder_markers([found for found in rows if not found["size"]])
                yield [self._listed(found) for found in rows if found["path"] not in markers]
        except _store_errors() as error:
            raise _unlisted(self.place, error) from error

    async def read(self, keys: Sequence[Key]) -> list[ReadRow | Exception]:
        """Read objects, several at a time; what cannot be read fails that row only."""
        free = asyncio.Semaphore(_DOWNLOADS)
        return await asyncio.gather(*(self._read(key, free) for (key,) in keys))

    def watch(self) -> Watch | None:
        """Return None: the store itself sends no events."""
        return None

    def close(self) -> None:
        """Do nothing: connections end with the store."""

    def accepts(self, key: str) -> bool:
        """Say whether an object belongs to the source, by its key."""
        return key.startswith(self._prefix) and self._patterns.accepts(key)

    def _is_row(self, found: Any) -> bool:
        limit = self._max_file_size
        return self.accepts(found["path"]) and (limit is None or found["size"] <= limit)

    def _folder_markers(self, empty: Sequence[Any]) -> set[str]:
        """Return those of some empty objects that mark a folder.

        Consoles create an object "docs/" for an empty folder; listings of obstore call it "docs",
        under which name no object can be read.
        """
        unknown = [found for found in empty if (found["path"], _token(found)) not in self._empty]
        if unknown:
            with ThreadPoolExecutor(_DOWNLOADS) as threads:
                for found, exists in zip(unknown, threads.map(self._exists, unknown), strict=True):
                    self._empty[found["path"], _token(found)] = exists
        return {found["path"] for found in empty if not self._empty[found["path"], _token(found)]}

    def _exists(self, found: Any) -> bool:
        try:
            self._store.head(found["path"])
        except FileNotFoundError:
            return False
        return True

    @staticmethod
    def _listed(found: Any) -> ListedRow:
        return ListedRow((found["path"],), token=_token(found), size=found["size"])

    async def _read(self, key: str, free: asyncio.Semaphore) -> ReadRow | Exception:
        if not self.accepts(key):
            return ReadRow(None)
        async with free:
            try:
                answer = await self._store.get_async(key)
                if not self._is_row(answer.meta):
                    return ReadRow(None)
                data = bytes(await answer.bytes_async())
            except FileNotFoundError:
                return ReadRow(None)
            except _store_errors() as error:
                failed = RowFailed(
                    f"{key!r} of {self.place} cannot be read: {_reason(error)}.",
                    hint="The next update tries again; see whether the credentials may read it.",
                )
                failed.__cause__ = error
                return failed
        try:
            return ReadRow(self._content.row(data, key), _token(answer.meta))
        except RowFailed as error:
            return error


def load_obstore(source: str) -> Any:
    """Import `obstore.store`.

    Raises:
        ExtraMissing: obstore is not installed.
    """
    try:
        import obstore.store
    except ImportError as error:
        raise missing_extra(f"The source {source}", "obstore", "cloud") from error
    return obstore.store


def client_options(endpoint: str | None) -> dict[str, Any]:
    """Return options of HTTP clients: no encryption only for an endpoint that is given so."""
    options: dict[str, Any] = {"connect_timeout": timedelta(seconds=10)}
    # Large objects take longer than the usual 30 s.
    options["timeout"] = timedelta(minutes=10)
    if endpoint is not None and endpoint.startswith("http://"):
        options["allow_http"] = True
    return options


def retry_config() -> dict[str, Any]:
    """Return options of retries: an unreachable source should fail within a minute."""
    return {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}


def _token(found: Any) -> bytes:
    tag = found["e_tag"]
    if tag is None:
        return f"{found['last_modified'].isoformat()} {found['size']}".encode()
    # Azure quotes it in some answers only. Versions are only in some.
    return str(tag).removeprefix("W/").strip('"').encode()


def _store_errors() -> tuple[type[Exception], ...]:
    from obstore.exceptions import BaseError

    # obstore raises Python's own errors where there is one.
    return (BaseError, OSError, ValueError)


def _unlisted(place: str, error: Exception) -> FlowError:
    from obstore.exceptions import InvalidPathError

    place = place[0].upper() + place[1:]
    if isinstance(error, InvalidPathError):
        return FlowError(
            f"{place} holds an object whose key cannot be handled: {_reason(error)}.",
            hint="Rename it, or leave it out by a `prefix` that ends in '/'.",
        )
    return FlowError(
        f"{place} cannot be listed: {_reason(error)}.",
        hint="Check its name, the region and the credentials. Nothing was deleted from targets.",
    )


def _reason(error: Exception) -> str:
    """Return the first part of obstore's message, which ends in a dump of the error."""
    return str(error).partition("\n\nDebug source:")[0].strip().rstrip(".")
