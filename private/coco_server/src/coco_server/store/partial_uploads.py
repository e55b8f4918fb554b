"""Uploads that broke off: files that a killed process has left in a directory of blobs.

In a cloud store an upload that is not completed shows in no listing; the bucket's own rule for
incomplete multipart uploads removes it (docs/server-storage.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["partial_uploads"]

# What the library writes to before it renames: the blob's own name, and a number.
_STAGED = re.compile(r"[0-9a-f]{32}\.[a-z0-9]{1,16}#[0-9]+")


def partial_uploads(url: str, org_id: str | None, until: datetime) -> Iterator[tuple[Path, int]]:
    """Yield files with their sizes that have not grown since ``until``; none for a cloud store."""
    parts = urlsplit(url)
    if parts.scheme != "file":
        return
    root = Path(unquote(parts.path))
    for folder in [root / org_id] if org_id is not None else sorted(root.iterdir()):
        if not folder.is_dir():
            continue
        for path in sorted(folder.iterdir()):
            if not _STAGED.fullmatch(path.name):
                continue
            try:
                found = path.stat()
            except FileNotFoundError:
                # It was completed just now.
                continue
            if found.st_mtime <= until.timestamp():
                yield path, found.st_size
