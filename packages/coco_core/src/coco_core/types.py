"""Core records: the frozen data that the stages of search pass on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Candidate",
    "CandidateSet",
    "Chunk",
    "ChunkKind",
    "ChunkMetadata",
    "Definition",
    "DocumentKey",
    "FloatMatrix",
    "FloatVector",
    "Span",
    "chunk_ids",
    "text_hash",
]

FloatVector: TypeAlias = NDArray[np.float32]
FloatMatrix: TypeAlias = NDArray[np.float32]
DocumentKey: TypeAlias = str
"""``doc_id``: in local mode the path relative to the project's root, with ``/``."""


class ChunkKind(StrEnum):
    """What a chunk is."""

    FUNCTION = "function"
    CLASS = "class"
    METHOD = "method"
    SECTION = "section"
    TABLE = "table"
    CODE_BLOCK = "code_block"
    CONFIG = "config"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Span:
    """A contiguous range of a document: 1-based inclusive lines, half-open bytes as on disk."""

    start_line: int
    end_line: int
    start_byte: int
    end_byte: int

    @classmethod
    def whole(cls, text: str) -> Span:
        """Return the span of a text that is a document by itself; its bytes count for nothing."""
        return cls(1, text.count("\n") + 1, 0, 0)


@dataclass(frozen=True, slots=True)
class Definition:
    """A symbol that a chunk defines: ``path`` is dotted (``App.run``), lines are 1-based."""

    path: str
    kind: ChunkKind
    line: int
    """Where its name stands."""
    end_line: int = 0
    """The last line of the whole definition; 0 when it is not known."""
    title: str = ""
    """A heading's own text; its ``path`` is the slug."""
    signature: str = ""
    """Its head on one line; of a heading, the trail of headings down to it."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A contiguous range of a document with its meaning: the one record of all stages and stores.

    ``text`` is exactly the decoded text of ``span``; context that helps an embedder (signature of
    an enclosing definition, heading trail) stands in the other fields and never in ``text``. A
    store that keeps no text gives chunks with an empty one, and `content_hash` says what it was.
    """

    kind: ChunkKind
    text: str
    span: Span
    language: str
    symbol: str = ""
    """Dotted path of the chunk's main definition, or of the one that encloses it; empty if none."""
    signature: str = ""
    """One line: the head of the main or enclosing definition."""
    definitions: tuple[Definition, ...] = ()
    """All definitions that start inside the chunk, in order."""
    heading_trail: tuple[str, ...] = ()
    fragment: str = ""
    """What follows ``#`` in the anchor: heading slug or symbol path."""
    imports: tuple[str, ...] = ()
    token_count: int = 0
    """Tokens of ``text`` by the config's counter (word pieces or an estimate)."""
    content_hash: str = field(default="")

    def __post_init__(self) -> None:
        if not self.content_hash:
            object.__setattr__(self, "content_hash", text_hash(self.text))

    @classmethod
    def plain(cls, text: str, *, symbol: str = "", language: str = "") -> Chunk:
        """Return a whole text as a chunk, of which no more is known than perhaps a name."""
        return cls(ChunkKind.TEXT, text, Span.whole(text), language, symbol)

    def with_text(self, text: str) -> Chunk:
        """Return the chunk with another text, which is a document by itself."""
        return replace(self, text=text, span=Span.whole(text), content_hash="")


@dataclass(frozen=True, slots=True)
class ChunkMetadata:
    """What ranking and filters know of an indexed chunk: few fields, for there are thousands."""

    key: int
    """The store's own integer for the chunk, unique within one index."""
    doc_id: DocumentKey
    kind: ChunkKind
    language: str
    symbol: str
    definitions: tuple[str, ...]
    """Dotted paths of the definitions that start in the chunk."""
    start_line: int
    end_line: int
    token_count: int

    @classmethod
    def of(cls, key: int, doc_id: DocumentKey, chunk: Chunk) -> ChunkMetadata:
        """Return the metadata of a chunk that a store has given a key."""
        return cls(
            key,
            doc_id,
            chunk.kind,
            chunk.language,
            chunk.symbol,
            tuple(definition.path for definition in chunk.definitions),
            chunk.span.start_line,
            chunk.span.end_line,
            chunk.token_count,
        )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk with its raw stage scores.

    An executor scores every candidate in both stages wherever it can. ``keyword`` is ``None`` or 0
    when no term occurs: no evidence. ``vector`` is ``None`` when the chunk has no vector yet:
    unknown, which is not the same as low.
    """

    metadata: ChunkMetadata
    keyword: float | None = None
    """Fielded BM25."""
    vector: float | None = None
    """Cosine similarity to the query vector."""
    exact_name_match: bool = False
    """Holds ``Query.name``: the whole name that was asked for, not only its parts."""
    literal: float = 0.0
    """How much of the query's wording stands in the text as written, 0 to 1; 0 if not looked at."""


FilterName: TypeAlias = Literal["no_such_path", "no_such_language", "no_such_symbol"]
"""A filter that can be of something which no index has, by the reason for an empty page."""


@dataclass(frozen=True, slots=True)
class CandidateSet:
    """What an executor found, unranked."""

    candidates: Sequence[Candidate]
    vector_coverage: float = 0.0
    """Share of the index's chunks that have a vector, 0 to 1."""
    static_share: float = 0.0
    """Share of the index's chunks whose vector is only the static table's, 0 to 1."""
    total: int = 0
    """Chunks in the index."""
    filtered: int = 0
    """Chunks that pass the filters: 0 of many means that the filters exclude everything."""
    unmet: FilterName | None = None
    """The one filter that no chunk of the index passes, as far as the executor tells."""
    term_weights: Mapping[str, float] = field(default_factory=dict)
    """What each of the query's terms tells, as in BM25; empty where an executor does not say."""
    frequencies: Mapping[str, int] = field(default_factory=dict)
    """Chunks of the index that hold each term of `Query.wording`."""
    promising: Sequence[int] = ()
    """Keys of the candidates that hold most of `Query.wording`, whose text is worth reading."""

    @property
    def model_coverage(self) -> float:
        """Share of the index's chunks that have the model's own vector, 0 to 1."""
        return self.vector_coverage - self.static_share


def text_hash(text: str) -> str:
    """Return the 128-bit hex digest that identifies a chunk's text."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def chunk_ids(doc_id: DocumentKey, content_hashes: Iterable[str]) -> list[str]:
    """Return stable chunk ids of one document: they survive moved lines and depend on nothing else.

    Equal texts in one document are told apart by their order of occurrence.
    """
    seen: dict[str, int] = {}
    ids: list[str] = []
    for digest in content_hashes:
        occurrence = seen.get(digest, 0)
        seen[digest] = occurrence + 1
        raw = f"{doc_id}\0{digest}\0{occurrence}".encode("utf-8", "surrogatepass")
        ids.append(hashlib.blake2b(raw, digest_size=12).hexdigest())
    return ids
