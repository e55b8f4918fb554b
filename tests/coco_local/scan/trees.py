"""Writing projects to disk, and listing them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from coco_local.scan import ProjectScan


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=True)
    return done.stdout.decode("utf-8", "surrogateescape")


def put(root: Path, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def listed(scan: ProjectScan) -> set[str]:
    """The listing, after making sure that deciding one by one says the same."""
    listing = scan.list_files()
    for directory, _, names in os.walk(scan.root):
        for name in names:
            path = Path(directory, name)
            doc = path.relative_to(scan.root).as_posix()
            assert scan.decide(path).indexed == (doc in listing.files), doc
    return set(listing.files)
