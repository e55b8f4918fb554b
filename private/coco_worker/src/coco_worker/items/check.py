"""Item validation: a raw item becomes an `Item` or a rejection."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
import orjson

from coco_core.languages import named_language
from coco_core.types import Chunk, ChunkKind, Definition, FloatVector, Span
from coco_protocol.server.source_ref import path_reason
from coco_server.store.access import KEEP
from coco_server.store.item_hash import item_hash
from coco_worker.items.allow import WrongAllow, allow_of
from coco_worker.items.item import (
    Deletion,
    Item,
    ItemLimits,
    ItemMeta,
    Outcome,
    Part,
    Rejection,
    RejectionReason,
)

__all__ = ["FIELDS", "PART_FIELDS", "check_item"]

_OWN_FIELDS = frozenset({"doc_id", "title", "source_ref", "language", "meta", "allow", "chunks"})

PART_FIELDS = frozenset(
    {"content", "vector", "ordinal", "kind", "symbol", "signature", "heading_trail"}
)
"""Fields of a chunk, whether it stands in ``chunks`` or is an item of its own."""

FIELDS = _OWN_FIELDS | PART_FIELDS
"""Every field of an item."""

# Longer ids are texts that slipped into the wrong field; indexes in the database end at 2,700.
_LONGEST_ID = 1024
_LONGEST_NAME = 4096
_MOST_TAGS = 100
_LONGEST_TAG = 200
_MOST_HEADINGS = 32
_MOST_PARTS = 100_000
# The database's integer.
_LARGEST_ORDINAL = 2**31 - 1

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class _Refused(Exception):
    """Ends the check of an item; never leaves this module."""

    def __init__(self, reason: RejectionReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def check_item(index: int, raw: object, limits: ItemLimits) -> Outcome:
    """Return the item, or why it is none."""
    doc_id = ""
    try:
        if not isinstance(raw, Mapping):
            _refuse(RejectionReason.WRONG_TYPE, f"The item is {_kind(raw)}; it must be an object.")
        if raw.get("delete") is not None:
            return _deletion(index, raw, limits)
        _known(raw, FIELDS)
        doc_id = _name(raw, "doc_id", _LONGEST_ID)
        if not doc_id:
            _refuse(RejectionReason.MISSING_FIELD, "doc_id is missing.")
        return _item(index, doc_id, raw, limits)
    except _Refused as refused:
        return Rejection(index, refused.reason, refused.message, doc_id)


def _deletion(index: int, raw: Mapping[str, Any], limits: ItemLimits) -> Deletion:
    if not limits.deletions:
        _refuse(
            RejectionReason.UNKNOWN_FIELD,
            "The item deletes a document; only an import with mode 'merge' can.",
        )
    _known(raw, frozenset({"delete"}))
    doc_id = _name(raw, "delete", _LONGEST_ID)
    if not doc_id:
        _refuse(RejectionReason.MISSING_FIELD, "delete names no document.")
    return Deletion(index, doc_id)


def _item(index: int, doc_id: str, raw: Mapping[str, Any], limits: ItemLimits) -> Item:
    parts: tuple[Part, ...] = ()
    content = ""
    if raw.get("chunks") is not None:
        parts = _nested(raw, limits)
    elif raw.get("vector") is not None or raw.get("ordinal") is not None:
        parts = (_part(raw, 0, limits),)
    else:
        for name in PART_FIELDS - {"content", "vector", "ordinal"}:
            if raw.get(name):
                _refuse(
                    RejectionReason.UNKNOWN_FIELD,
                    f"{name} needs an ordinal: it belongs to a chunk.",
                )
        content = _content(raw, limits)
    source_ref = _name(raw, "source_ref", _LONGEST_ID)
    reason = path_reason(source_ref) if source_ref else None
    if reason is not None:
        _refuse(
            RejectionReason.WRONG_TYPE,
            f"source_ref is refused: {reason}; name it like kb:project-alpha.",
        )
    language = _name(raw, "language", _LONGEST_ID)
    if language and named_language(language) is None:
        _refuse(RejectionReason.WRONG_TYPE, f"language is {language!r}, which is not known.")
    keeps_allow = raw.get("allow") == KEEP
    return Item(
        index=index,
        doc_id=doc_id,
        content=content,
        parts=parts,
        title=_name(raw, "title", _LONGEST_NAME),
        source_ref=source_ref,
        language=language,
        meta=_meta(raw.get("meta"), limits),
        allow=None if keeps_allow else _allow(raw.get("allow")),
        keeps_allow=keeps_allow,
        hashed=None if parts else item_hash(raw, limits.rule),
    )


def _allow(value: object) -> tuple[str, ...] | None:
    try:
        return allow_of(value)
    except WrongAllow as error:
        _refuse(RejectionReason.WRONG_ALLOW, str(error))


def _nested(raw: Mapping[str, Any], limits: ItemLimits) -> tuple[Part, ...]:
    for name in PART_FIELDS:
        if raw.get(name) is not None:
            _refuse(
                RejectionReason.UNKNOWN_FIELD,
                f"{name} is given beside chunks; give it in each of them.",
            )
    chunks = raw["chunks"]
    if not isinstance(chunks, list) or not 1 <= len(chunks) <= _MOST_PARTS:
        _refuse(RejectionReason.WRONG_TYPE, f"chunks must be a list of 1 to {_MOST_PARTS} objects.")
    parts = []
    for place, chunk in enumerate(chunks):
        if not isinstance(chunk, Mapping):
            _refuse(
                RejectionReason.WRONG_TYPE, f"chunks[{place}] is {_kind(chunk)}, not an object."
            )
        try:
            _known(chunk, PART_FIELDS)
            parts.append(_part(chunk, place, limits))
        except _Refused as refused:
            _refuse(refused.reason, f"chunks[{place}]: {refused.message}")
    if len({part.ordinal for part in parts}) < len(parts):
        _refuse(RejectionReason.DUPLICATE, "Two chunks of the item have the same ordinal.")
    return tuple(parts)


def _part(raw: Mapping[str, Any], ordinal: int, limits: ItemLimits) -> Part:
    given = raw.get("ordinal")
    if given is not None:
        if isinstance(given, bool) or not isinstance(given, int):
            _refuse(RejectionReason.WRONG_TYPE, f"ordinal is {given!r}; it must be an integer.")
        if not 0 <= given <= _LARGEST_ORDINAL:
            _refuse(
                RejectionReason.WRONG_TYPE,
                f"ordinal is {given}; it must be 0 to {_LARGEST_ORDINAL}.",
            )
        ordinal = given
    kind = raw.get("kind") or ChunkKind.TEXT
    if kind not in set(ChunkKind):
        _refuse(RejectionReason.WRONG_TYPE, f"kind is {kind!r}; use one of {', '.join(ChunkKind)}.")
    content = _content(raw, limits)
    vector = _vector(raw.get("vector"), limits.dimension)
    symbol = _name(raw, "symbol", _LONGEST_NAME)
    chunk = Chunk(
        kind=ChunkKind(kind),
        text=content,
        span=Span.whole(content),
        language="",
        symbol=symbol,
        signature=_name(raw, "signature", _LONGEST_NAME),
        definitions=(Definition(symbol, ChunkKind(kind), 1),) if symbol else (),
        heading_trail=_texts(
            "heading_trail", raw.get("heading_trail"), _MOST_HEADINGS, _LONGEST_NAME
        ),
        fragment=symbol,
    )
    return Part(ordinal, chunk, vector)


def _content(raw: Mapping[str, Any], limits: ItemLimits) -> str:
    content = raw.get("content")
    if content is None:
        _refuse(RejectionReason.MISSING_FIELD, "content is missing.")
    if not isinstance(content, str):
        _refuse(RejectionReason.WRONG_TYPE, f"content is {_kind(content)}; it must be a text.")
    # A character has at most four bytes: most texts need no encoding to be known as short.
    if len(content) * 4 > limits.content_bytes:
        size = len(content.encode("utf-8", "replace"))
        if size > limits.content_bytes:
            _refuse(
                RejectionReason.TOO_LARGE,
                f"content has {size} bytes; at most {limits.content_bytes} are taken.",
            )
    if not content or content.isspace():
        _refuse(RejectionReason.EMPTY, "content is empty.")
    # PostgreSQL stores neither; the text around them is worth finding.
    return _UNSTORABLE.sub("\ufffd", content)


def _vector(value: object, dimension: int) -> FloatVector | None:
    if value is None:
        return None
    # Of texts and truth values NumPy would make numbers.
    if isinstance(value, list) and not {*map(type, value)} <= {int, float, list}:
        _refuse(RejectionReason.WRONG_TYPE, "vector must be a list of numbers.")
    try:
        # What float32 cannot hold becomes infinite, which is refused below.
        with np.errstate(over="ignore", invalid="ignore"):
            vector = np.asarray(value, np.float32)
    except (TypeError, ValueError, OverflowError):
        _refuse(RejectionReason.WRONG_TYPE, "vector must be a list of numbers.")
    if vector.shape != (dimension,):
        has = f"{len(vector)} numbers" if vector.ndim == 1 else f"the shape {vector.shape}"
        _refuse(RejectionReason.WRONG_DIMENSION, f"vector has {has}; the index has {dimension}.")
    # In double precision: squares of large float32 values overflow.
    length = math.sqrt(float(np.square(vector, dtype=np.float64).sum()))
    if not math.isfinite(length):
        _refuse(RejectionReason.NOT_FINITE, "vector holds a number that is not finite.")
    if length == 0:
        _refuse(RejectionReason.ZERO_VECTOR, "vector is zero: all its numbers are 0.")
    unit: FloatVector = (vector / length).astype(np.float32)
    return unit


def _meta(value: object, limits: ItemLimits) -> ItemMeta:
    if value is None:
        return ItemMeta()
    if not isinstance(value, Mapping):
        _refuse(RejectionReason.WRONG_TYPE, f"meta is {_kind(value)}; it must be an object.")
    rest = {name: each for name, each in value.items() if each is not None}
    quality = _number(rest.pop("quality_score", None), "meta.quality_score")
    if quality is not None and not 0 <= quality <= 1:
        _refuse(RejectionReason.WRONG_TYPE, f"meta.quality_score is {quality}; it must be 0 to 1.")
    verified = rest.pop("verified", None)
    if verified is not None and not isinstance(verified, bool):
        _refuse(
            RejectionReason.WRONG_TYPE, f"meta.verified is {verified!r}; it must be true or false."
        )
    tags = _texts("meta.tags", rest.pop("tags", None), _MOST_TAGS, _LONGEST_TAG)
    changed_at = _number(rest.pop("changed_at", None), "meta.changed_at")
    if rest:
        rest = _storable(rest, limits.meta_bytes)
    return ItemMeta(quality, verified, tags, changed_at, rest)


def _storable(extra: Mapping[str, Any], most: int) -> dict[str, Any]:
    """Return the values as JSON has them: times, which Parquet has, become text."""
    try:
        encoded = orjson.dumps(extra)
    except (TypeError, ValueError) as error:
        _refuse(RejectionReason.WRONG_TYPE, f"meta is not plain data: {error}.")
    if len(encoded) > most:
        _refuse(
            RejectionReason.TOO_LARGE, f"meta has {len(encoded)} bytes; at most {most} are taken."
        )
    if b"\\u0000" in encoded:
        _refuse(RejectionReason.WRONG_TYPE, "meta holds a NUL character.")
    # What is not finite is written as null, too, without a word.
    if b"null" in encoded and not _finite(extra):
        _refuse(RejectionReason.NOT_FINITE, "meta holds a number that is not finite.")
    stored: dict[str, Any] = orjson.loads(encoded)
    return stored


def _finite(value: object) -> bool:
    if isinstance(value, Mapping):
        return all(map(_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _number(value: object, name: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(RejectionReason.WRONG_TYPE, f"{name} is {value!r}; it must be a number.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        _refuse(RejectionReason.NOT_FINITE, f"{name} is not finite.")
    return number


def _name(raw: Mapping[str, Any], name: str, longest: int) -> str:
    value = raw.get(name)
    if value is None:
        return ""
    return _text(name, value, longest)


def _text(name: str, value: object, longest: int) -> str:
    if not isinstance(value, str):
        _refuse(RejectionReason.WRONG_TYPE, f"{name} is {_kind(value)}; it must be a text.")
    if len(value) > longest:
        _refuse(
            RejectionReason.TOO_LARGE, f"{name} has {len(value)} characters; at most {longest}."
        )
    if _UNSTORABLE.search(value):
        _refuse(RejectionReason.WRONG_TYPE, f"{name} holds a NUL or half a surrogate pair.")
    return value


def _texts(name: str, value: object, most: int, longest: int) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > most:
        _refuse(RejectionReason.WRONG_TYPE, f"{name} must be a list of at most {most} texts.")
    return tuple(_text(name, each, longest) for each in value)


def _known(raw: Mapping[str, Any], fields: frozenset[str]) -> None:
    for name, value in raw.items():
        if name not in fields and value is not None:
            _refuse(
                RejectionReason.UNKNOWN_FIELD,
                f"The field {str(name)[:100]!r} is not known; "
                f"there are {', '.join(sorted(fields))}.",
            )


_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (str, "a text"),
    (int, "a number"),
    (float, "a number"),
    (list, "a list"),
    (Mapping, "an object"),
)


def _kind(value: object) -> str:
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "nothing")


def _refuse(reason: RejectionReason, message: str) -> NoReturn:
    raise _Refused(reason, message)
