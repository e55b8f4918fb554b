"""Duplicate detection: documents and chunks seen in an import, in 16 bytes each."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from coco_worker.items.item import Item

__all__ = ["SeenItems"]

# Python's set takes about 100 bytes a key, so only the newest stay in one.
_FRESH = 16_384


class SeenItems:
    """A set that only grows: a small set of the newest keys, and sorted arrays of the others.

    Keys are known by 120 bits of their hash; among ten million keys two would be taken for each
    other once in 10²² imports.
    """

    def __init__(self) -> None:
        self._fresh: set[bytes] = set()
        self._runs: list[NDArray[np.bytes_]] = []

    def contradicts(self, item: Item) -> bool:
        """Whether an earlier item brought chunks of the document with another allow list."""
        if not item.parts or not self._holds(_key(item.doc_id, "some")):
            return False
        return not self._holds(_allow_key(item))

    def remember(self, doc_id: str) -> None:
        """Take a document as one that came."""
        key = _key(doc_id, "whole")
        if not self._holds(key):
            self._remember(key)

    def holds(self, doc_id: str) -> bool:
        """Whether an item of this document came."""
        return self._holds(_key(doc_id, "whole")) or self._holds(_key(doc_id, "some"))

    def add(self, item: Item) -> Item | None:
        """Remember an item, and return it with ``first`` set; None when a chunk of it came before.

        A document that came whole has all its chunks.
        """
        whole, some = _key(item.doc_id, "whole"), _key(item.doc_id, "some")
        if not item.parts:
            if self._holds(whole) or self._holds(some):
                return None
            self._remember(whole)
            return item
        parts = [_key(item.doc_id, str(part.ordinal)) for part in item.parts]
        if self._holds(whole) or any(map(self._holds, parts)):
            return None
        for part in parts:
            self._remember(part)
        if self._holds(some):
            return replace(item, first=False)
        self._remember(some)
        self._remember(_allow_key(item))
        return item

    def _holds(self, key: bytes) -> bool:
        return key in self._fresh or any(_found(run, key) for run in self._runs)

    def _remember(self, key: bytes) -> None:
        self._fresh.add(key)
        if len(self._fresh) >= _FRESH:
            run = np.sort(np.array(list(self._fresh), dtype="S16"))
            self._fresh = set()
            # Equal lengths are merged, so that there are few runs however many keys.
            while self._runs and len(self._runs[-1]) <= len(run):
                run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
            self._runs.append(run)


def _key(doc_id: str, part: str) -> bytes:
    raw = f"{part}\0{doc_id}".encode("utf-8", "surrogatepass")
    # NumPy takes zeros at the end of a byte string for padding.
    return hashlib.blake2b(raw, digest_size=15).digest() + b"\x01"


def _allow_key(item: Item) -> bytes:
    # Names have no NUL, and no list at all is not an empty one.
    if item.keeps_allow:
        return _key(item.doc_id, "keep")
    names = "everybody" if item.allow is None else "\0".join(("allow", *item.allow))
    return _key(item.doc_id, names)


def _found(run: NDArray[np.bytes_], key: bytes) -> bool:
    wanted = np.bytes_(key)
    place = int(np.searchsorted(run, wanted))
    return place < len(run) and bool(run[place] == wanted)
