"""Results file: atomic write, and reading that says what is invalid."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from coco_core.errors import InvalidConfig, Unreadable
from coco_experiments.results import Results

__all__ = ["read_results", "unwritable", "write_results", "write_whole"]

# Results of a thousand questions take some megabytes; something else was named.
_MOST_BYTES = 1 << 30


def write_results(out: Path, results: Results) -> None:
    """Write a results file as a whole.

    Raises:
        Unreadable: the directory cannot be written.
    """
    # Escaped: a text may hold what UTF-8 has no bytes for, and every reader shall read the file.
    write_whole(out, json.dumps(results.to_dict(), indent=1).encode("ascii") + b"\n")


def read_results(path: Path) -> Results:
    """Read a results file.

    Raises:
        Unreadable: there is none, or it is no JSON.
        InvalidConfig: it is not a results file; the message names the fields.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise Unreadable(f"{str(path)!r} is too large to be a results file.")
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise Unreadable(
            f"{str(path)!r} cannot be read: {error.strerror or error}.",
            hint="Results are written by: coco experiment run",
        ) from error
    except ValueError as error:
        raise Unreadable(
            f"{str(path)!r} holds no results: {error}.",
            hint="Results are written by: coco experiment run",
        ) from error
    if not isinstance(data, dict):
        raise InvalidConfig(f"{str(path)!r} holds no results: it is no JSON object.")
    try:
        return Results.from_dict(data)
    except InvalidConfig as error:
        raise InvalidConfig(
            f"{str(path)!r} cannot be used. {error.message}", hint=error.hint, details=error.details
        ) from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file as a whole: at any moment it is the old one or the new one."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> Unreadable:
    """Return the error for a place that takes no file."""
    return Unreadable(
        f"{str(path)!r} cannot be written: {error.strerror or error}.",
        hint="Write elsewhere: --out FILE",
    )
