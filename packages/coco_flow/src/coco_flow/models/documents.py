"""The table `documents` of the files below a folder, and how it is brought in step with them."""

from __future__ import annotations

import hashlib
import mimetypes
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, DateTime, MetaData, Table, bindparam, delete, insert, update
from sqlalchemy import select as sql_select
from sqlmodel import Field

from coco_flow.errors import DefinitionError
from coco_flow.models.columns import now
from coco_flow.models.database import Database, database_of
from coco_flow.models.rows import PipelineModelBase
from coco_flow.sources.file_patterns import FilePatterns
from coco_flow.sources.folder_scan import FolderScan

__all__ = ["Document", "scan_documents"]

DEFAULT_PATTERNS = ("*.md", "*.markdown", "*.txt", "*.rst", "*.html")
# What a project's folder has besides what its people wrote.
_EXCLUDED = ("**/.*", "**/node_modules", "**/__pycache__")
READY, UNREADABLE = "ready", "unreadable"

# File systems round times, some to 2 s: a file that was younger when it was read may have changed
# again under the same time.
_SETTLED_SECONDS = 2.0
_HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t]*#*$", re.MULTILINE)
# A title is looked for in the first characters of a text.
_TITLE_CHARACTERS = 20_000


class Document(PipelineModelBase, table=True):
    """A file as models read it: `Reference("documents", load_content=True)`.

    Attributes:
        id: The path relative to the folder, behind the source's name if one was given.
        path: The path relative to the folder, which the patterns of filters match.
        content_path: The path that the content is read from.
        title: The first heading of a text, or the file's name.
        status: "ready", or "unreadable"; what a program sets stays until the content changes.
        source: Which scan it belongs to.
        cluster: For programs that group documents; a scan leaves it as it is.
        content_type: Such as "text/markdown".
        content_hash: The digest of the content.
        size: In bytes.
        modified_at: The file's time when its content last changed.
    """

    __tablename__ = "documents"
    # A program may declare a table of this name for itself.
    metadata = MetaData()

    id: str = Field(primary_key=True)
    path: str = Field(index=True)
    content_path: str
    title: str | None = None
    status: str = Field(default=READY, index=True)
    source: str = Field(index=True)
    cluster: str | None = None
    content_type: str | None = None
    content_hash: str | None = None
    size: int = 0
    modified_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


_TABLE: Table = Document.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class _Known:
    """What the table has of a document."""

    content_hash: str | None
    size: int
    modified: float
    # When the content was read.
    read: float

    def is_current(self, size: int, modified: float) -> bool:
        """Say whether the file is certainly as it was read."""
        is_same = self.content_hash is not None and (self.size, self.modified) == (size, modified)
        return is_same and self.modified < self.read - _SETTLED_SECONDS


def scan_documents(
    folder: str | Path,
    patterns: str | Sequence[str] = DEFAULT_PATTERNS,
    *,
    excluded: Sequence[str] = (),
    include_hidden: bool = False,
    source: str | None = None,
    database: str | Database | None = None,
    allow_empty: bool = False,
) -> dict[str, Any]:
    """Bring the table `documents` in step with the files below a folder.

    New files get a row, changed ones a new digest, rows of files that are gone go; all in one
    transaction. A file whose time and size are as recorded is not read again.

    Args:
        folder: The folder. A relative one is recorded as it is, so that `content_path` starts
            where the program runs.
        patterns: Only files that match one of these; `*` matches "/" too.
        excluded: No files, and nothing below folders, that match one of these.
        include_hidden: Take files and folders whose names begin with a dot, and what is below
            `node_modules` and `__pycache__`, too.
        source: A name for these documents, which their ids then begin with; needed where the
            files of several folders have the same paths. Default: the folder.
        database: A URL. Default: the process's database.
        allow_empty: Let a folder without files delete all rows that it had.

    Returns:
        `new`, `changed`, `unchanged`, `gone`, `unreadable`, `documents` (rows that the source has
        now) and `seconds`.

    Raises:
        FlowError: The folder, or one below it, cannot be listed; nothing was changed.
        DefinitionError: There are no files any more, or an id belongs to another source.
    """
    started = time.monotonic()
    chosen = database_of(database)
    chosen.ensure(_TABLE)
    root = Path(folder)
    scan = _Scan(root, source, str(folder) if source is None else source)
    wanted = [patterns] if isinstance(patterns, str) else list(patterns)
    unwanted = list(excluded) if include_hidden else [*excluded, *_EXCLUDED]
    files = scan.files(FilePatterns(wanted, unwanted))
    with chosen.writing() as connection:
        known = _known(connection, scan.source)
        if known and not files and not allow_empty:
            raise DefinitionError(
                f"The folder {str(folder)!r} has no file that matches, and the table has "
                f"{len(known)} documents of it; nothing was changed.",
                hint="Give allow_empty=True to remove them all.",
            )
        _check_owners(connection, scan.source, files.keys() - known.keys())
        rows = {name: scan.row(name, *files[name], known.get(name)) for name in files}
        figures = _apply(connection, known, rows)
    return {
        **figures,
        "unreadable": scan.unreadable,
        "documents": len(files),
        "seconds": round(time.monotonic() - started, 3),
    }


class _Scan:
    """Makes rows of the files below one folder."""

    def __init__(self, root: Path, prefix: str | None, source: str) -> None:
        self.source = source
        self.unreadable = 0
        self._root = root
        self._prefix = "" if prefix is None else f"{prefix}/"

    def files(self, patterns: FilePatterns) -> dict[str, tuple[int, float]]:
        """Return size and time of each file, by the document's id."""
        scan = FolderScan(str(self._root), patterns)
        found = {}
        for batch in scan.batches():
            for listed in batch:
                (name,) = listed.key
                try:
                    status = (self._root / name).stat()
                except FileNotFoundError:
                    continue
                found[self._prefix + name] = (status.st_size, round(status.st_mtime, 6))
        return found

    def row(
        self, document_id: str, size: int, modified: float, known: _Known | None
    ) -> dict[str, Any] | None:
        """Return the columns of a document that is new or changed, or None."""
        if known is not None and known.is_current(size, modified):
            return None
        name = document_id.removeprefix(self._prefix)
        path = self._root / name
        row: dict[str, Any] = {
            "id": document_id,
            "path": name,
            "content_path": path.as_posix(),
            "source": self.source,
            "size": size,
            "modified_at": datetime.fromtimestamp(modified, UTC),
            "content_type": mimetypes.guess_type(name)[0],
        }
        try:
            content = path.read_bytes()
        except OSError as error:
            self.unreadable += 1
            if known is not None and known.content_hash is None:
                return None
            reason = f"The file cannot be read: {error.strerror or type(error).__name__}."
            failed = {"title": path.name, "content_hash": None, "status": UNREADABLE}
            return {**row, **failed, "error": reason}
        digest = hashlib.blake2b(content, digest_size=16).hexdigest()
        if known is not None and known.content_hash == digest:
            return None
        title = _title(content) or path.stem
        return {**row, "title": title, "content_hash": digest, "status": READY, "error": None}


def _title(content: bytes) -> str | None:
    found = _HEADING.search(content[:_TITLE_CHARACTERS].decode("utf-8", "ignore"))
    return found[1] if found else None


def _known(connection: Connection, source: str) -> dict[str, _Known]:
    columns = (
        _TABLE.c[name] for name in ("id", "content_hash", "size", "modified_at", "updated_at")
    )
    rows = connection.execute(sql_select(*columns).where(_TABLE.c.source == source))
    return {row[0]: _Known(row[1], row[2], _seconds(row[3]), _seconds(row[4])) for row in rows}


def _seconds(time: datetime | None) -> float:
    if time is None:
        return 0.0
    # SQLite returns times without their zone.
    known = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return round(known.timestamp(), 6)


def _check_owners(connection: Connection, source: str, new: Iterable[str]) -> None:
    """Refuse ids that another source has.

    Raises:
        DefinitionError: One is; the message names both.
    """
    wanted = set(new)
    if not wanted:
        return
    others = connection.execute(
        sql_select(_TABLE.c.id, _TABLE.c.source).where(_TABLE.c.source != source)
    )
    for document_id, other in others:
        if document_id in wanted:
            raise DefinitionError(
                f"The document {document_id!r} of {source!r} is there already, from {other!r}.",
                hint='Name the sources: scan_documents(folder, source="…").',
            )


def _apply(
    connection: Connection, known: dict[str, _Known], rows: dict[str, dict[str, Any] | None]
) -> dict[str, int]:
    """Write what differs, and return how many documents were what."""
    time = now()
    found = {name: row for name, row in rows.items() if row is not None}
    new = [
        {**row, "created_at": time, "updated_at": time}
        for name, row in found.items()
        if name not in known
    ]
    changed = [
        {f"new_{column}": value for column, value in row.items()} | {"new_updated_at": time}
        for name, row in found.items()
        if name in known
    ]
    gone = [{"gone": name} for name in known.keys() - rows.keys()]
    if new:
        connection.execute(insert(_TABLE), new)
    if changed:
        columns = [column.removeprefix("new_") for column in changed[0]]
        values: dict[str, Any] = {
            column: bindparam(f"new_{column}") for column in columns if column != "id"
        }
        matches = _TABLE.c.id == bindparam("new_id")
        connection.execute(update(_TABLE).where(matches).values(values), changed)
    if gone:
        connection.execute(delete(_TABLE).where(_TABLE.c.id == bindparam("gone")), gone)
    return {
        "new": len(new),
        "changed": len(changed),
        "unchanged": len(rows) - len(found),
        "gone": len(gone),
    }
