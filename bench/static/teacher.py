"""Vectors of the real model for the corpus, kept in a folder so that a run can be resumed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from coco_core.ports import Embedder
from coco_core.types import FloatMatrix

__all__ = ["known_vectors", "taught"]

# Texts between two writes: a minute's work at most is lost.
_BLOCK = 1024


def taught(embedder: Embedder, texts: Sequence[str], cache: Path) -> FloatMatrix:
    """Return float32[n, d]: the embedder's vectors, computed where the cache has none."""
    known = known_vectors(embedder.name, cache)
    missing = [text for text in dict.fromkeys(texts) if _key(text) not in known]
    for start in range(0, len(missing), _BLOCK):
        block = missing[start : start + _BLOCK]
        vectors = embedder.embed_documents(block)
        _keep(_folder(embedder.name, cache), [_key(text) for text in block], vectors)
        known |= zip(map(_key, block), vectors, strict=True)
        print(f"taught {start + len(block)} of {len(missing)}", flush=True)
    return np.stack([known[_key(text)] for text in texts]).astype(np.float32)


def known_vectors(embedder_name: str, cache: Path) -> dict[bytes, FloatMatrix]:
    """Return what the cache has, by the digest of the text."""
    known: dict[bytes, FloatMatrix] = {}
    for file in sorted(_folder(embedder_name, cache).glob("*.npz")):
        with np.load(file) as block:
            keys = [key.tobytes() for key in block["keys"]]
            known |= zip(keys, block["vectors"], strict=True)
    return known


def _folder(embedder_name: str, cache: Path) -> Path:
    return cache / hashlib.blake2b(embedder_name.encode(), digest_size=8).hexdigest()


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _keep(folder: Path, keys: Sequence[bytes], vectors: FloatMatrix) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{keys[0].hex()}.npz"
    part = file.with_suffix(".part")
    with part.open("wb") as stream:
        rows = np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), -1)
        np.savez(stream, keys=rows, vectors=vectors.astype(np.float16))
    part.replace(file)
