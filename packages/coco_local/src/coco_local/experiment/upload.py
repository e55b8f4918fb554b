"""A directory's files as items of an import: the files that local mode would index."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from coco_core.decoding import decode
from coco_core.errors import InvalidInput, Unreadable
from coco_local.indexing.pipeline import read_file
from coco_local.scan import ProjectScan
from coco_local.settings import Settings

__all__ = ["Items", "gathered_items"]

# A directory of this size is written to the disk instead of held in memory.
_MOST_IN_MEMORY = 16 << 20


@dataclass(frozen=True, slots=True)
class Items:
    """Documents, one a line of JSON, as `POST /v1/ingest/batch` reads them."""

    file: IO[bytes]
    documents: tuple[str, ...]
    digest: str
    """Of names and contents: the same files give the same."""


@contextmanager
def gathered_items(root: Path, settings: Settings) -> Iterator[Items]:
    """Read a directory as the daemon would.

    Raises:
        InvalidInput: nothing in the directory would be indexed.
    """
    with tempfile.SpooledTemporaryFile(max_size=_MOST_IN_MEMORY) as file:
        digest = hashlib.blake2b(digest_size=12)
        documents: list[str] = []
        for doc_id in sorted(ProjectScan(root, settings).list_files().files):
            try:
                content = read_file(root / doc_id, settings.max_file_bytes)
            except Unreadable:
                # Binaries and what cannot be opened: the daemon has no document of these either.
                continue
            if content is None:
                continue
            digest.update(doc_id.encode("utf-8", "surrogatepass") + b"\0" + content.digest)
            item = {"doc_id": doc_id, "content": decode(content.data).text}
            file.write(json.dumps(item).encode() + b"\n")
            documents.append(doc_id)
        if not documents:
            raise InvalidInput(
                f"Nothing in {str(root)!r} would be indexed.",
                hint="Name another directory; what is ignored, binary or too large is left out.",
            )
        yield Items(file, tuple(documents), digest.hexdigest())
