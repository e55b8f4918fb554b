"""Static embedder: a table of token vectors fitted to all-MiniLM-L6-v2.

A text's vector is the sum of a row for each of its word pieces. The table stands in the package, so
it answers before any model is there and can be searched with the model's own queries.
How it was fitted, and on what: docs/static-tier.md.
"""

from __future__ import annotations

import functools
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from coco_core.errors import Unreadable
from coco_core.ports import Embedder, Tokenizer
from coco_core.types import FloatMatrix, FloatVector
from coco_embed.store import DEFAULT_MODEL
from coco_embed.tokenizer import WordPieces

__all__ = ["STATIC_MODEL", "TABLE_PATH", "StaticEmbedder", "StaticTable", "bag", "word_pieces"]

STATIC_MODEL = "coco-static"
"""What configs call the table when it embeds documents and queries alike."""

TABLE_PATH = Path(__file__).with_name("static.npz")

# A window counts the two special tokens that the model puts around a text, so that both read the
# same of it; the table has no use for them.
_SPECIAL_TOKENS = 2
# One piece each where they stand in a text as they are, as in the official tokenizer.
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
# Texts between two looks at the lock of the interpreter: queries of other threads run between.
_GROUP = 64


@dataclass(frozen=True, slots=True)
class StaticTable:
    """What a fit gives; `save` and `load` are exact."""

    vocabulary: tuple[str, ...]
    """All word pieces of the model; their place is their number."""
    pieces: NDArray[np.uint16]
    """The n pieces that have a row, ascending; the corpus held no others."""
    rows: NDArray[np.int8]
    """int8[n, d]"""
    scales: NDArray[np.float16]
    """float16[n]: what a row is multiplied with."""
    mean: FloatVector
    """float32[d]: the vector of an empty bag."""
    spread: float
    """How much wider the model's vectors scatter than the table's, on texts that no fit saw."""
    shift: FloatVector
    """float32[d]: what is left between their means then."""
    name: str
    """Identity of the fit."""

    def save(self, path: Path) -> None:
        """Write one file, the same bytes for the same table."""
        words = zlib.compress("\n".join(self.vocabulary).encode(), 9)
        np.savez(
            path,
            vocabulary=np.frombuffer(words, np.uint8),
            pieces=self.pieces,
            rows=self.rows,
            scales=self.scales,
            mean=self.mean,
            spread=np.array(self.spread),
            shift=self.shift,
            name=np.array(self.name),
        )

    @classmethod
    def load(cls, path: Path = TABLE_PATH) -> StaticTable:
        """Read what `save` wrote; a file that is missing or damaged raises `Unreadable`."""
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return cls(
                    tuple(zlib.decompress(arrays["vocabulary"].tobytes()).decode().split("\n")),
                    arrays["pieces"],
                    arrays["rows"],
                    arrays["scales"],
                    arrays["mean"],
                    float(arrays["spread"]),
                    arrays["shift"],
                    str(arrays["name"]),
                )
        except (OSError, EOFError, ValueError, KeyError, BadZipFile, zlib.error) as error:
            raise Unreadable(
                f"{path} is not a static table: {error}.", hint="Install CoCo again."
            ) from error


def bag(
    pieces: Sequence[int], known: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the distinct known pieces of a text and their shares, of length 1 together."""
    found, counts = np.unique(np.asarray(pieces, np.int64), return_counts=True)
    kept = known[found]
    found, shares = found[kept], np.log1p(counts[kept].astype(np.float32))
    length = np.float32(np.linalg.norm(shares) or 1.0)
    return found, (shares / length).astype(np.float32)


class StaticEmbedder:
    """The table as an embedder; every method may be called from any thread at any time."""

    model_name = DEFAULT_MODEL
    """The model in whose space the vectors lie."""

    def __init__(self, path: Path = TABLE_PATH, *, max_tokens: int = 128) -> None:
        """Describe the embedder; the file is opened with the first text.

        Args:
            path: What `StaticTable.save` wrote.
            max_tokens: What is read of a text, counted as the model counts it.
        """
        self._path = path
        self._max_tokens = max_tokens
        self._opening = threading.Lock()
        self._opened: _Opened | None = None

    @property
    def name(self) -> str:
        """The fit's name: vectors of equal names can be compared."""
        return self._open().table.name

    @property
    def dimension(self) -> int:
        """Length of a vector, that of the model."""
        return len(self._open().table.mean)

    @property
    def max_tokens(self) -> int:
        """Longest input in word pieces and two special tokens; what is beyond is cut."""
        return self._max_tokens

    def at(self, max_tokens: int) -> StaticEmbedder:
        """Return an embedder that reads more or less of a text from the same table."""
        other = StaticEmbedder(self._path, max_tokens=max_tokens)
        other._opened = self._open()
        return other

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Return float32[n, d] in the order of ``texts``, computed in the calling thread."""
        opened = self._open()
        most = self._max_tokens - _SPECIAL_TOKENS
        vectors = np.empty((len(texts), len(opened.table.mean)), np.float32)
        for start in range(0, len(texts), _GROUP):
            group = opened.words.pieces(texts[start : start + _GROUP], most)
            for place, pieces in enumerate(group, start):
                vectors[place] = opened.vector(pieces)
        return vectors

    def embed_query(self, text: str) -> FloatVector:
        """Return float32[d]."""
        vector: FloatVector = self.embed_documents([text])[0]
        return vector

    def calibrated(self, vectors: FloatMatrix) -> FloatMatrix:
        """Return the table's vectors so that they score as the model's own do, on average.

        A fit pulls towards the mean: unchanged, such a vector would lose against the model's
        where both stand in one index. The result has no unit length.
        """
        table = self._open().table
        same: FloatMatrix = vectors * np.float32(table.spread) + table.shift
        return same

    def _open(self) -> _Opened:
        opened = self._opened
        if opened is None:
            with self._opening:
                opened = self._opened = self._opened or _Opened(StaticTable.load(self._path))
        return opened


class _Opened:
    """A table with what is looked up in it."""

    def __init__(self, table: StaticTable) -> None:
        self.table = table
        self.words = WordPieces.of_vocabulary(table.vocabulary)
        self._row = np.zeros(len(table.vocabulary), np.int64)
        self._row[table.pieces] = np.arange(len(table.pieces))
        self._known = np.zeros(len(table.vocabulary), np.bool_)
        self._known[table.pieces] = True
        self._scales = table.scales.astype(np.float32)

    def vector(self, pieces: Sequence[int]) -> FloatVector:
        found, shares = bag(pieces, self._known)
        rows = self._row[found]
        vector = (shares * self._scales[rows]) @ self.table.rows[rows].astype(np.float32)
        vector += self.table.mean
        vector /= max(float(np.linalg.norm(vector)), 1e-9)
        unit: FloatVector = vector
        return unit


@functools.cache
def word_pieces() -> Tokenizer:
    """Return the tokenizer of all-MiniLM-L6-v2, from the package: it needs no model file."""
    return WordPieces.of_vocabulary(StaticTable.load().vocabulary, special=_SPECIAL)


_: type[Embedder] = StaticEmbedder
