"""Backup: copies all rows of one snapshot into an archive, and refuses to leave any out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from psycopg import sql

from coco_core.errors import DatabaseIncompatible, NotFound
from coco_core.version import __version__
from coco_server.store.backup import catalog
from coco_server.store.backup.archive import PIECE_BYTES, ArchiveWriter, writing
from coco_server.store.backup.catalog import StoredTable
from coco_server.store.blobs import BlobStore
from coco_server.store.migrate import current_revision
from coco_server.store.preflight import connect
from coco_server.store.session import Connection

__all__ = ["DROPS_LOCK", "Dumped", "Progress", "dump"]

DROPS_LOCK = 4_242_003
"""Held while a backup is taken; a drop of a segment's tables gives up meanwhile."""

Progress = Callable[[str, int, int], None]
"""Hears the name of each table or blob that is done, its rows, and its bytes."""

# Transactions of one table each would cost more than reading small ones.
_TABLES_PER_TRANSACTION = 100


@dataclass(slots=True)
class Dumped:
    """What a backup holds."""

    revision: str
    created_at: float
    rows: dict[str, int] = field(default_factory=dict)
    """By table; all segments of a kind together."""
    bytes: int = 0
    blobs: int = 0
    blob_bytes: int = 0
    missing_blobs: list[str] = field(default_factory=list)
    """Gone between the listing and the copy."""
    vectors: str = "pgvector"
    """Where vectors are kept; those in Qdrant are not in the backup."""

    def count(self, name: str, rows: int, size: int) -> None:
        """Add what was copied."""
        self.rows[name] = self.rows.get(name, 0) + rows
        self.bytes += size


def dump(
    url: str,
    path: Path,
    *,
    blobs: BlobStore | None = None,
    vectors: str = "pgvector",
    progress: Progress = lambda *_: None,
) -> Dumped:
    """Write a backup of the database at ``url``, and of ``blobs``, to a new file.

    Raises:
        DatabaseIncompatible: the role for backups would not see all rows, or rows are missing.
        InvalidInput: there is a file of this name.
        Unavailable: the database, the blob store or the file cannot be used.
    """
    with writing(path) as archive, _snapshot(url) as (holder, snapshot):
        revision = current_revision(holder)
        assert revision is not None, "the command checks the schema"
        done = Dumped(revision, datetime.now(UTC).timestamp(), vectors=vectors)
        tables = catalog.list_tables(holder)
        archive.header(
            {
                "created_at": done.created_at,
                "program": __version__,
                "revision": revision,
                "postgres": holder.info.server_version,
                "vectors": vectors,
                "blobs": blobs is not None,
            }
        )
        with connect(url) as reader:
            for begin in range(0, len(tables), _TABLES_PER_TRANSACTION):
                with _reading(reader, snapshot):
                    part = tables[begin : begin + _TABLES_PER_TRANSACTION]
                    _copy_tables(reader, archive, part, done, progress)
            with _reading(reader, snapshot):
                _require_all_chunks(reader)
            numbers = catalog.sequences(reader)
        if blobs is not None:
            _copy_blobs(blobs, archive, done, progress)
        archive.manifest(
            {
                "rows": done.rows,
                "sequences": numbers,
                "blobs": done.blobs,
                "missing_blobs": done.missing_blobs,
            }
        )
    return done


@contextmanager
def _snapshot(url: str) -> Iterator[tuple[Connection, str]]:
    """Yield a transaction and the name of its snapshot, while no segment is dropped."""
    with connect(url) as guard, guard.transaction(), connect(url) as holder:
        # In a transaction of its own: the snapshot must be younger than the last drop.
        guard.execute("SELECT pg_advisory_xact_lock(%s)", (DROPS_LOCK,))
        with holder.transaction():
            holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            row = holder.execute("SELECT pg_export_snapshot()").fetchone()
            assert row is not None
            yield holder, str(row[0])


@contextmanager
def _reading(reader: Connection, snapshot: str) -> Iterator[None]:
    with reader.transaction():
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        reader.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot)))
        # A long COPY is no runaway query.
        reader.execute("SET LOCAL statement_timeout = 0")
        yield


def _copy_tables(
    reader: Connection,
    archive: ArchiveWriter,
    tables: Sequence[StoredTable],
    done: Dumped,
    progress: Progress,
) -> None:
    """Copy tables, of which most are small: a round trip for each is all that they cost."""
    columns = catalog.columns(reader, [each.name for each in tables])
    made = catalog.definitions(reader, [each.name for each in tables if each.segment])
    secured = False
    for table in tables:
        if table.copied and table.secured != secured:
            secured = table.secured
            reader.execute("SET LOCAL ROLE coco_system" if secured else "RESET ROLE")
        _copy_table(
            reader,
            archive,
            table,
            columns[table.name],
            made=made.get(table.name),
            done=done,
            progress=progress,
        )


def _copy_table(
    reader: Connection,
    archive: ArchiveWriter,
    table: StoredTable,
    columns: Sequence[str],
    *,
    made: Mapping[str, Any] | None,
    done: Dumped,
    progress: Progress,
) -> None:
    archive.add_json(
        f"tables/{table.name}/table.json",
        {"name": table.name, "secured": table.secured, "columns": list(columns), "made": made},
    )
    if not table.copied:
        return
    statement = sql.SQL("COPY (SELECT {} FROM public.{}) TO STDOUT (FORMAT BINARY)").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(table.name)
    )
    size = 0
    with reader.cursor() as cursor:
        with cursor.copy(statement) as copy:
            for number, piece in enumerate(_pieces(bytes(each) for each in copy)):
                archive.add(f"tables/{table.name}/rows/{number:06}", piece)
                size += len(piece)
        rows = cursor.rowcount
    done.count(table.name.rstrip("0123456789").rstrip("_") if table.segment else table.name,
               rows, size)  # fmt: skip
    progress(table.name, rows, size)


def _pieces(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in pieces of some megabytes; a row of any size stays in one."""
    held: list[bytes] = []
    size = 0
    for part in parts:
        held.append(part)
        size += len(part)
        if size >= PIECE_BYTES:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _require_all_chunks(reader: Connection) -> None:
    """Compare what each complete segment counts for itself with the rows that are there.

    Raises:
        DatabaseIncompatible: rows are missing.
    """
    reader.execute("SET LOCAL ROLE coco_system")
    rows = reader.execute(
        "WITH complete AS (SELECT * FROM project_versions "
        "WHERE status IN ('READY', 'ACTIVE', 'ARCHIVED')) "
        "SELECT version_no, version_id, chunk_count FROM complete WHERE segments = '{}' "
        "UNION SELECT segment_no, min(complete.version_id), segments.chunk_count FROM segments "
        "JOIN complete ON segment_no = ANY (complete.segments) "
        "GROUP BY segment_no, segments.chunk_count"
    ).fetchall()
    for number, version, counted in rows:
        found = reader.execute(
            sql.SQL("SELECT count(*) FROM public.{}").format(
                sql.Identifier(f"source_chunks_{number:d}")
            )
        ).fetchone()
        if found is None or found[0] != counted:
            raise DatabaseIncompatible(
                f"The version {version!r} counts {counted} chunks, and "
                f"{found[0] if found else 0} are visible: no backup was written.",
                hint="Run `coco-server doctor`; build the version again: POST /v1/docs/index.",
            )
    reader.execute("RESET ROLE")


def _copy_blobs(blobs: BlobStore, archive: ArchiveWriter, done: Dumped, progress: Progress) -> None:
    for blob in blobs.stored(None):
        try:
            with blobs.open(blob.ref.partition("/")[0], blob.ref) as file:
                number = 0
                while piece := file.read(PIECE_BYTES):
                    archive.add(f"blobs/{blob.ref}/{number:06}", piece)
                    number += 1
                if number == 0:
                    archive.add(f"blobs/{blob.ref}/{number:06}", b"")
        except NotFound:
            done.missing_blobs.append(blob.ref)
            continue
        done.blobs += 1
        done.blob_bytes += blob.size
        progress(blob.ref, 0, blob.size)
