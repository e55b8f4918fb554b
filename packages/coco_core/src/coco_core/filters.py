"""Query filters, and the reference evaluator that every store is tested against."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, fields

from coco_core.errors import InvalidIntent
from coco_core.glob_limits import require_bounded
from coco_core.globs import compile_glob
from coco_core.languages import language
from coco_core.types import ChunkKind, ChunkMetadata

__all__ = ["Filters", "compile_glob", "kind_named", "matches", "matches_path", "matches_symbol"]


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions on chunks: each list means *any of these*, and all given conditions must hold."""

    languages: tuple[str, ...] = ()
    """Names or well-known other names (``py``, ``c++``)."""
    include: tuple[str, ...] = ()
    """Path globs as in `coco_core.globs`."""
    narrowed: tuple[tuple[str, ...], ...] = ()
    """Further groups of path globs: of each, too, one must match."""
    exclude: tuple[str, ...] = ()
    kinds: tuple[ChunkKind, ...] = ()
    symbol: str | None = None
    """A name or dotted path; what is nested below it counts."""
    doc_ids: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    min_quality: float | None = None
    """A document without a quality does not pass."""
    verified: bool | None = None
    """A document of which nothing is known counts as not verified."""
    changed_since: float | None = None
    """Unix seconds; a document whose time is unknown does not pass."""

    def __post_init__(self) -> None:
        _set(self, "languages", tuple(language(name).name for name in self.languages))
        _set(self, "kinds", tuple(kind_named(name) for name in self.kinds))
        _set(self, "narrowed", tuple(tuple(group) for group in self.narrowed))
        require_bounded(
            (*self.include, *self.exclude, *(glob for each in self.narrowed for glob in each))
        )
        if self.symbol is not None and not self.symbol.strip("."):
            raise InvalidIntent(f"The symbol filter is {self.symbol!r}.", hint="Name a symbol.")
        for name in ("min_quality", "changed_since"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise InvalidIntent(f"{name} is {value!r}; it must be a finite number.")

    @property
    def empty(self) -> bool:
        """Whether everything passes."""
        return all(getattr(self, each.name) == each.default for each in fields(self))


def _set(target: object, name: str, value: object) -> None:
    object.__setattr__(target, name, value)


def kind_named(name: str) -> ChunkKind:
    """Return the kind of that name, or say which there are."""
    try:
        return ChunkKind(name)
    except ValueError:
        raise InvalidIntent(
            f"Unknown chunk kind {name!r}.", hint=f"Use one of {', '.join(ChunkKind)}."
        ) from None


def matches_path(filters: Filters, doc_id: str) -> bool:
    """Whether a document's path passes ``include``, ``narrowed``, ``exclude`` and ``doc_ids``."""
    if filters.doc_ids and doc_id not in filters.doc_ids:
        return False
    for group in (filters.include, *filters.narrowed):
        if group and not _any_matches(group, doc_id):
            return False
    return not _any_matches(filters.exclude, doc_id)


def _any_matches(globs: Collection[str], doc_id: str) -> bool:
    return any(compile_glob(glob).fullmatch(doc_id) for glob in globs)


def matches_symbol(wanted: str, path: str) -> bool:
    """Whether the dotted ``path`` is ``wanted``, ends in it or lies below it; case counts."""
    return f".{wanted.strip('.')}." in f".{path}."


def matches(
    filters: Filters,
    chunk: ChunkMetadata,
    *,
    changed_at: float | None = None,
    tags: Collection[str] = (),
    quality: float | None = None,
    verified: bool | None = None,
) -> bool:
    """Whether a chunk passes; what the keywords tell belongs to its document."""
    if filters.languages and chunk.language not in filters.languages:
        return False
    if filters.kinds and chunk.kind not in filters.kinds:
        return False
    if filters.symbol is not None and not any(
        matches_symbol(filters.symbol, path) for path in (chunk.symbol, *chunk.definitions)
    ):
        return False
    if filters.tags and not any(tag in tags for tag in filters.tags):
        return False
    if filters.min_quality is not None and (quality is None or quality < filters.min_quality):
        return False
    if filters.verified is not None and bool(verified) is not filters.verified:
        return False
    if filters.changed_since is not None and (
        changed_at is None or changed_at < filters.changed_since
    ):
        return False
    return matches_path(filters, chunk.doc_id)
