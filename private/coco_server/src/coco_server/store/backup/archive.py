"""Archive of a backup: a compressed tar that is read from its beginning to its end.

The members are ``header.json``, then of each table ``table.json`` and the pieces of its rows, then
the pieces of each blob, and last ``manifest.json`` with the counts and a checksum of all before it.
A file without the manifest is no backup. Memory is bounded by one piece, whatever the file's size.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coco_core.errors import InvalidInput, Unavailable

__all__ = ["FORMAT", "PIECE_BYTES", "ArchiveReader", "ArchiveWriter", "Member", "writing"]

FORMAT = "coco-server-backup-1"
"""What the header of an archive says; a program refuses formats that it does not know."""

# What is held in memory at a time.
PIECE_BYTES = 4_194_304

# Vectors hardly shrink at any level, and texts do at the fastest one.
_COMPRESSION = 1

_HEADER = "header.json"
_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Member:
    """One piece of an archive."""

    name: str
    data: bytes

    def json(self) -> Any:
        """Return the data of a member whose name ends with ``.json``."""
        return json.loads(self.data)


class ArchiveWriter:
    """Writes the members of an archive, and counts and hashes them."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._digest = hashlib.sha256()

    def header(self, values: dict[str, Any]) -> None:
        """Write what comes first."""
        self.add_json(_HEADER, {"format": FORMAT, **values})

    def manifest(self, values: dict[str, Any]) -> None:
        """Write what comes last and makes the archive complete."""
        self.add_json(_MANIFEST, {**values, "sha256": self._digest.hexdigest()})

    def add_json(self, name: str, values: dict[str, Any]) -> None:
        """Write a member of plain data."""
        self.add(name, json.dumps(values).encode())

    def add(self, name: str, data: bytes) -> None:
        """Write a member."""
        member = tarfile.TarInfo(name)
        member.size = len(data)
        self._tar.addfile(member, io.BytesIO(data))
        _hash(self._digest, name, data)


@contextmanager
def writing(path: Path) -> Iterator[ArchiveWriter]:
    """Yield the writer of a file that has its name only once it is complete and on the disk.

    Raises:
        InvalidInput: there is a file of this name.
        Unavailable: the file cannot be written.
    """
    if path.exists():
        raise InvalidInput(
            f"{str(path)!r} exists already.", hint="Name a new file: a backup replaces none."
        )
    partial = path.with_name(f".{path.name}.partial")
    try:
        # Readable by its owner alone: it holds the data of all tenants.
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with (
            os.fdopen(descriptor, "wb") as file,
            gzip.GzipFile(fileobj=file, mode="wb", compresslevel=_COMPRESSION, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w|", bufsize=PIECE_BYTES) as tar,
        ):
            yield ArchiveWriter(tar)
        _sync(partial)
        partial.rename(path)
        _sync(path.parent)
    except OSError as error:
        raise Unavailable(
            f"The backup cannot be written to {str(path)!r}: {error.strerror}.",
            hint="Check the folder, its permissions and the space that is left.",
        ) from error
    finally:
        partial.unlink(missing_ok=True)


class ArchiveReader:
    """Reads a file that `writing` has written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def verify(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Read everything once; returns the header and the manifest.

        Raises:
            InvalidInput: it is no backup, or not all of one, or it was changed.
        """
        header: dict[str, Any] | None = None
        manifest: dict[str, Any] | None = None
        digest = hashlib.sha256()
        for member in self.members():
            if header is None:
                header = self._header(member)
            if member.name == _MANIFEST:
                manifest = member.json()
            else:
                _hash(digest, member.name, member.data)
        if header is None or manifest is None:
            raise self._broken("it ends before its manifest")
        if digest.hexdigest() != manifest["sha256"]:
            raise self._broken("its checksum differs")
        return header, manifest

    def members(self) -> Iterator[Member]:
        """Yield the members in their order.

        Raises:
            InvalidInput: the file cannot be read as an archive.
        """
        try:
            with (
                gzip.open(self.path, "rb") as packed,
                tarfile.open(fileobj=packed, mode="r|", bufsize=PIECE_BYTES) as tar,
            ):
                for each in tar:
                    content = tar.extractfile(each)
                    data = content.read() if content is not None else b""
                    if len(data) != each.size:
                        raise self._broken("it ends early")
                    yield Member(each.name, data)
                    # A stream's members are never asked for again; the list would only grow.
                    tar.members = []  # type: ignore[attr-defined]  # missing in typeshed
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise self._broken(str(error) or type(error).__name__) from error
        except OSError as error:
            raise InvalidInput(f"{str(self.path)!r} cannot be read: {error}.") from error

    def _header(self, member: Member) -> dict[str, Any]:
        if member.name != _HEADER:
            raise self._broken("it has no header")
        header: dict[str, Any] = member.json()
        if header.get("format") != FORMAT:
            raise InvalidInput(
                f"{str(self.path)!r} has the format {header.get('format')!r}; this program reads "
                f"{FORMAT!r}.",
                hint="Restore it with the version of CoCo that wrote it.",
            )
        return header

    def _broken(self, why: str) -> InvalidInput:
        return InvalidInput(
            f"{str(self.path)!r} is no complete backup: {why}.",
            hint="Use another backup; this file was cut off or damaged.",
        )


def _hash(digest: Any, name: str, data: bytes) -> None:
    digest.update(f"{name}\n{len(data)}\n".encode())
    digest.update(data)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
