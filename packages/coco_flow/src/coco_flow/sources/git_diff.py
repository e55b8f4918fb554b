"""Parser of `git diff-tree`: the files and line ranges that commits changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["ARGUMENTS", "ChangedFile", "read_changes"]

ARGUMENTS = (
    *("-c", "core.quotepath=off", "diff-tree", "--stdin", "--root", "-r", "-M", "--raw", "-p"),
    *("-U0", "--no-color", "--no-ext-diff", "--no-textconv", "--full-index"),
)
"""Input: hashes of commits. Output for each: its hash, its files, then their hunks."""

_COMMIT = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")

_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")

_CHANGES = {
    b"A": "added",
    b"C": "copied",
    b"D": "deleted",
    b"M": "changed",
    b"R": "renamed",
    b"T": "changed",
}

# Git escapes unusual characters of a name as C does.
_ESCAPED = re.compile(rb"\\([0-7]{3}|.)")
_ESCAPES = dict(zip(b'abtnvfr"\\', b'\a\b\t\n\v\f\r"\\', strict=True))


@dataclass(slots=True)
class ChangedFile:
    """One file that a commit changed.

    Attributes:
        path: Its name after the commit; if it is deleted, before.
        old_path: Its name before, if that was another.
        change: added, changed, deleted, renamed or copied.
        added: Lines that the commit wrote.
        removed: Lines that it removed.
        ranges: Where the written lines are: first line, and the one after the last.
    """

    path: str
    old_path: str | None
    change: str
    added: int = 0
    removed: int = 0
    ranges: list[tuple[int, int]] = field(default_factory=list)


def read_changes(lines: Iterator[bytes]) -> dict[str, list[ChangedFile]]:
    """Return the files of each commit; merges have none."""
    commits: dict[str, list[ChangedFile]] = {}
    files: list[ChangedFile] = []
    # Files of the patches that follow; one that became a link is removed, then added.
    patched: list[ChangedFile] = []
    number = -1
    for line in lines:
        if line.startswith(b":"):
            file, status = _file(line)
            files.append(file)
            patched += [file, file] if status == b"T" else [file]
        elif line.startswith(b"diff --git "):
            number += 1
        elif hunk := _HUNK.match(line):
            removed, start, added = (1 if part is None else int(part) for part in hunk.groups())
            file = patched[number]
            file.removed += removed
            file.added += added
            if added:
                file.ranges.append((start, start + added))
            # The lines themselves may look like anything.
            for _ in range(removed + added):
                next(lines)
        elif _COMMIT.fullmatch(line):
            files = commits.setdefault(line.decode(), [])
            patched, number = [], -1
    return commits


def _file(line: bytes) -> tuple[ChangedFile, bytes]:
    described, *names = line.split(b"\t")
    status = described.split()[-1][:1]
    paths = [_unquoted(name) for name in names]
    old = paths[0] if len(paths) > 1 else None
    return ChangedFile(paths[-1], old, _CHANGES.get(status, "changed")), status


def _unquoted(name: bytes) -> str:
    if name.startswith(b'"'):
        name = _ESCAPED.sub(_meant, name[1:-1])
    return name.decode(errors="replace")


def _meant(escaped: re.Match[bytes]) -> bytes:
    text = escaped[1]
    return bytes([int(text, 8) if len(text) == 3 else _ESCAPES[text[0]]])
