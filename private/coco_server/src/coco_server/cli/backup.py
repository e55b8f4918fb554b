"""`coco-server backup` and `coco-server restore`."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from coco_protocol.base import Answer
from coco_server.cli.connection import blob_store, database_url, opened
from coco_server.cli.output import AsJson, show
from coco_server.settings import explain_settings
from coco_server.store.backup import load
from coco_server.store.backup.dump import Dumped, dump

__all__ = ["backup", "restore"]

# Between two lines of progress.
_LINE_SECONDS = 2.0

_QDRANT = (
    "The vectors are in Qdrant and not in this file: restore a snapshot of Qdrant that is not "
    "older, or build the versions again."
)


class BackupData(Answer):
    """What a backup holds, or what was restored from it."""

    file: str
    revision: str
    created_at: float
    rows: int
    tables: dict[str, int]
    blobs: int
    missing_blobs: list[str]
    file_bytes: int
    seconds: float
    requeued_jobs: int | None = None
    note: str = ""


class _Progress:
    """Lines on standard error, a few seconds apart."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._begin = self._last = time.monotonic()
        self._done = self._rows = self._bytes = 0

    def __call__(self, name: str, rows: int, size: int) -> None:
        self._done, self._rows, self._bytes = self._done + 1, self._rows + rows, self._bytes + size
        now = time.monotonic()
        if not self._quiet and now - self._last >= _LINE_SECONDS:
            self._last = now
            line = (
                f"{self._done} tables and blobs, {self._rows} rows, {self._bytes >> 20} MiB: {name}"
            )
            print(line, file=sys.stderr, flush=True)  # noqa: T201

    @property
    def seconds(self) -> float:
        return round(time.monotonic() - self._begin, 2)


_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No lines of progress.")]


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not exist yet.")],
    blobs: Annotated[
        bool, typer.Option("--blobs/--no-blobs", help="With the imports of the blob store.")
    ] = True,
    quiet: _Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write one file with the data of all orgs, as of one moment, while the service runs."""
    progress = _Progress(quiet)
    with opened() as database:
        done = dump(
            database.url,
            file,
            blobs=blob_store() if blobs else None,
            vectors=_vector_backend(),
            progress=progress,
        )
    _print(_data(file, done, progress), as_json)


def restore(
    *,
    file: Annotated[Path, typer.Argument(help="A file that `coco-server backup` has written.")],
    force: Annotated[
        bool, typer.Option("--force", help="First remove all that CoCo has in the database.")
    ] = False,
    blobs: Annotated[
        bool, typer.Option("--blobs/--no-blobs", help="With the imports, into COCO_BLOB_URL.")
    ] = True,
    check: Annotated[
        bool, typer.Option("--check", help="Only verify the file; no database is used.")
    ] = False,
    quiet: _Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write a backup into an empty database; stop the service and its workers first."""
    progress = _Progress(quiet)
    if check:
        header, manifest = load.check_archive(file)
        done = load.Restored(header["revision"], header["created_at"], manifest["rows"],
                             manifest["blobs"], manifest["missing_blobs"])  # fmt: skip
    else:
        store = blob_store() if blobs else None
        done = load.restore(database_url(), file, blobs=store, force=force, progress=progress)
    requeued = None if check else done.requeued_jobs
    _print(_data(file, done, progress, requeued_jobs=requeued), as_json)


def _data(
    file: Path, done: Dumped | load.Restored, progress: _Progress, requeued_jobs: int | None = None
) -> BackupData:
    return BackupData(
        file=str(file),
        revision=done.revision,
        created_at=done.created_at,
        rows=sum(done.rows.values()),
        tables=done.rows,
        blobs=done.blobs,
        missing_blobs=done.missing_blobs,
        file_bytes=file.stat().st_size,
        seconds=progress.seconds,
        requeued_jobs=requeued_jobs,
        note=_QDRANT if done.vectors == "qdrant" else "",
    )


def _print(data: BackupData, as_json: bool) -> None:
    hidden = {"tables", "missing_blobs"} | ({"note"} if not data.note else set())
    row = data.model_dump(exclude=hidden) | {"missing_blobs": len(data.missing_blobs)}
    show(data, [row], as_json=as_json)


def _vector_backend() -> str:
    values = {each.name: each.value for each in explain_settings(environ=os.environ)}
    return str(values["vector_backend"])
