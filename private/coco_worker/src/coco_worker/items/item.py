"""Items of an import, and the reasons of rejections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from coco_core.types import Chunk, FloatVector

__all__ = [
    "Deletion",
    "Item",
    "ItemLimits",
    "ItemMeta",
    "Outcome",
    "Part",
    "Rejection",
    "RejectionReason",
]


class RejectionReason(StrEnum):
    """Why an item was refused; part of the wire contract."""

    NOT_JSON = "not_json"
    MISSING_FIELD = "missing_field"
    UNKNOWN_FIELD = "unknown_field"
    WRONG_TYPE = "wrong_type"
    TOO_LARGE = "too_large"
    EMPTY = "empty"
    WRONG_DIMENSION = "wrong_dimension"
    NOT_FINITE = "not_finite"
    ZERO_VECTOR = "zero_vector"
    DUPLICATE = "duplicate"
    RULE_FAILED = "rule_failed"
    WRONG_ALLOW = "wrong_allow"


@dataclass(frozen=True, slots=True)
class Rejection:
    """An item that is left out, told by its position (0-based) in what was sent."""

    index: int
    reason: RejectionReason
    message: str
    doc_id: str = ""
    """Empty when the item does not even tell that."""


@dataclass(frozen=True, slots=True)
class ItemMeta:
    """What is known about an item beside its text."""

    quality_score: float | None = None
    """0 to 1"""
    verified: bool | None = None
    tags: tuple[str, ...] = ()
    changed_at: float | None = None
    """Unix seconds."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """The sender's own fields; plain data."""


@dataclass(frozen=True, slots=True)
class Part:
    """A chunk that arrived as such."""

    ordinal: int
    chunk: Chunk
    """Its language and its tokens are not known yet."""
    vector: FloatVector | None = None
    """L2-normalized float32[d]."""


@dataclass(frozen=True, slots=True)
class Item:
    """One document, or some of its chunks."""

    index: int
    doc_id: str
    content: str = ""
    """The whole document, to be cut; empty when ``parts`` arrived."""
    parts: tuple[Part, ...] = ()
    title: str = ""
    source_ref: str = ""
    language: str = ""
    """As sent; empty when detection shall tell."""
    meta: ItemMeta = field(default_factory=ItemMeta)
    allow: tuple[str, ...] | None = None
    """Names of `coco_server.store.access` whom it is shown to; None: everybody in the project."""
    keeps_allow: bool = False
    """Whether, instead, those are shown it whom it is shown to now."""
    first: bool = True
    """Whether no earlier item brought chunks of the document."""
    hashed: str | None = None
    """Of the item as it was sent: see `item_hash`; None when it came in chunks."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """A document that a merge takes out."""

    index: int
    doc_id: str


Outcome: TypeAlias = Item | Deletion | Rejection


@dataclass(frozen=True, slots=True)
class ItemLimits:
    """What one item may be."""

    dimension: int
    """Length of the index's vectors."""
    # Twice what the chunker still parses: generated files are documents too.
    content_bytes: int = 8_388_608
    # One item with everything around its text: a vector in JSON takes 20 bytes a number.
    item_bytes: int = 33_554_432
    meta_bytes: int = 65_536
    # Pages of a megabyte, their dictionaries and a batch of rows; ordinary files need a tenth.
    decoder_bytes: int = 536_870_912
    # What a file may be decoded to, and a hundred times its size more: dictionaries and compression
    # make files that much smaller, and hardly any of texts.
    decoded_bytes: int = 268_435_456
    deletions: bool = False
    """Whether an item may delete a document."""
    rule: str | None = None
    """The text rule that the items go through, by its reference."""
