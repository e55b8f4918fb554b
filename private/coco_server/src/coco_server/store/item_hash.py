"""Hash of a document as it was sent: with the same one it is cut and embedded the same way."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from coco_core.version import __version__

__all__ = ["item_hash", "of_this_release"]

# Another release may cut otherwise.
_PREFIX = f"{__version__}:"


def item_hash(item: Mapping[str, object], rule: str | None = None) -> str | None:
    """Return the hash of a document that is sent whole; None of one that comes in chunks.

    Fields that are null are as good as left out. A document in chunks may come in several items, of
    which one says little, and may have vectors of its own.

    Args:
        item: as it was sent.
        rule: the text rule that changes it, by its reference.
    """
    if any(item.get(name) is not None for name in ("chunks", "vector", "ordinal")):
        return None
    meta = item.get("meta")
    given = {name: value for name, value in item.items() if value is not None}
    if isinstance(meta, Mapping):
        given["meta"] = {name: value for name, value in meta.items() if value is not None}
    if not given.get("meta"):
        given.pop("meta", None)
    data = json.dumps(
        # Parquet has dates and the like.
        [given, rule],
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        default=str,
    )
    digest = hashlib.blake2b(data.encode("utf-8", "surrogatepass"), digest_size=16)
    return _PREFIX + digest.hexdigest()


def of_this_release(hashed: str | None) -> bool:
    """Whether a stored hash was made by this release."""
    return hashed is not None and hashed.startswith(_PREFIX)
