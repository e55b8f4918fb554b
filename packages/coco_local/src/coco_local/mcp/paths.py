"""Paths as models write them: with a line, a leading ``./``, quotes or the other separator."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

__all__ = ["Spot", "exists", "expanded", "file_uri_path", "inside", "spot_of"]

# `a.py:12`, `a.py:12-40`, `a.py:12:5` (a column), `a.py#L12`, `a.py#L12-L40`
LINES = re.compile(r"(?<=[^:/\\]):(\d{1,9})(?:-(\d{1,9})|:\d+)?$|#L(\d{1,9})(?:-L?(\d{1,9}))?$")
QUOTES = (('"', '"'), ("'", "'"), ("`", "`"), ("<", ">"))


@dataclass(frozen=True, slots=True)
class Spot:
    """A path, and the lines that were written behind it."""

    path: Path
    first_line: int | None = None
    last_line: int | None = None


def spot_of(text: str, bases: Sequence[Path]) -> Spot:
    """Read a path; what exists under this very name below one of ``bases`` is meant as it is."""
    if any(exists(base / text) for base in bases):
        return Spot(Path(text))
    bare = text.strip()
    for start, end in QUOTES:
        if len(bare) > 2 and bare.startswith(start) and bare.endswith(end):
            bare = bare[1:-1].strip()
    if bare.startswith("@") and not bare.startswith("@/"):
        # Chats mark a file with it; a directory that begins so exists under its very name.
        bare = bare[1:] if not any(exists(base / bare) for base in bases) else bare
    first = last = None
    found = LINES.search(bare)
    if found:
        bare = bare[: found.start()]
        first, last = (int(each) if each else None for each in _lines(found))
    path = file_uri_path(bare) if bare.startswith("file:") else None
    if path is None:
        if os.sep == "/" and "\\" in bare:
            bare = bare.replace("\\", "/")
        path = Path(bare)
    return Spot(expanded(path), first or None, last or None)


def inside(root: Path, target: Path) -> Path | None:
    """Return where ``target`` may lie in a project although it is not found where it points.

    Models write ``/src/a.py`` for what is below the root, and ``shop/src/a.py`` in ``…/shop``.
    """
    parts = target.parts[1:] if target.is_absolute() else target.parts
    if target.is_absolute() and parts and exists(root.joinpath(*parts)):
        return root.joinpath(*parts)
    if len(parts) > 1 and parts[0] == root.name and exists(root.joinpath(*parts[1:])):
        return root.joinpath(*parts[1:])
    return None


def exists(path: Path) -> bool:
    """Tell whether there is such a file; a name that no file can have is not there either."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def expanded(path: Path) -> Path:
    """Return the path with ``~`` replaced by the home."""
    try:
        return path.expanduser()
    except RuntimeError:
        # `~name` of a user that this machine does not have is a name like any other.
        return path


def file_uri_path(uri: str) -> Path | None:
    """Return the path of a ``file:`` address; None when it is another one."""
    parts = urlsplit(uri)
    if parts.scheme != "file":
        return None
    # `file://server/share` is a Windows network path; elsewhere the host means this machine.
    host = f"//{parts.netloc}" if os.name == "nt" and parts.netloc else ""
    return Path(url2pathname(f"{host}{parts.path}"))


def _lines(found: re.Match[str]) -> tuple[str | None, str | None]:
    return (found[1], found[2]) if found[1] else (found[3], found[4])
