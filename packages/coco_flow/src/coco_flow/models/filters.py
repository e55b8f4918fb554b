"""Which documents a run is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Dialect, Table, func, or_, select

from coco_flow.errors import DefinitionError

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["DocumentFilters"]

# The columns of a documents table that a filter may be about, the first that is there.
_COLUMNS: dict[str, tuple[str, ...]] = {
    "with_status": ("status", "ingestion_status"),
    "source": ("source", "source_type"),
    "in_cluster": ("cluster", "cluster_id", "in_cluster"),
    "with_content_type": ("content_type",),
}
_KEYS = ("id", "document_id")
_PATHS = ("path", "content_path", "source_url", "url")


@dataclass(frozen=True, slots=True)
class DocumentFilters:
    """Which documents a run is about; without any filter, all.

    Filters combine with "and"; one that names several values takes a document with any of them.

    Attributes:
        ids: Ids of documents, comma-separated or as a sequence.
        with_status: The column `status` (or `ingestion_status`) has this value.
        source: The column `source` (or `source_type`) has it.
        in_cluster: The column `cluster` (or `cluster_id`) has it.
        with_content_type: The column `content_type` has it.
        include_pattern: A glob that `path` (or `content_path`, `source_url`) matches; `*` matches
            any characters, slashes too.
        exclude_pattern: A glob that it does not match.
        limit: At most so many documents, the first by id.
    """

    ids: str | Iterable[str] | None = None
    with_status: str | Iterable[str] | None = None
    source: str | Iterable[str] | None = None
    in_cluster: str | Iterable[str] | None = None
    with_content_type: str | Iterable[str] | None = None
    include_pattern: str | None = None
    exclude_pattern: str | None = None
    limit: int | None = None
    resolved: bool = field(default=False, compare=False)
    """Whether the documents table has been asked already; set by `resolve`."""

    def __post_init__(self) -> None:
        for name in ("ids", *_COLUMNS):
            given = getattr(self, name)
            if given is not None and not isinstance(given, str):
                # What is iterated over more than once must not be an iterator.
                object.__setattr__(self, name, _several(name, given))
        if self.limit is not None and self.limit < 0:
            raise DefinitionError(
                f"The filter limit is {self.limit}.", hint="Give a number of documents."
            )

    @property
    def document_ids(self) -> list[str] | None:
        """The ids as a list without repetition, or None if ids are no condition."""
        return None if self.ids is None else _values(self.ids)

    @property
    def needs_table(self) -> bool:
        """Whether the documents table must be asked which documents are meant."""
        names = ("include_pattern", "exclude_pattern", "limit", *_COLUMNS)
        return not self.resolved and any(getattr(self, name) is not None for name in names)

    def resolve(self, connection: Connection, documents: Table | None) -> DocumentFilters:
        """Return filters that name the documents by id, asking the documents table once.

        Raises:
            DefinitionError: There is no documents table, or it lacks a filter's column.
        """
        if not self.needs_table:
            return self
        if documents is None:
            raise DefinitionError(
                "A filter other than ids needs the documents table, which is not there.",
                hint="Fill a table named documents, or give the ids.",
            )
        key = _column(documents, _KEYS, "ids")
        chosen = select(key).where(*self._conditions(documents, connection.dialect))
        rows = connection.execute(chosen.order_by(key).limit(self.limit))
        return replace(self, ids=[str(row[0]) for row in rows], resolved=True)

    def _conditions(self, documents: Table, dialect: Dialect) -> list[ColumnElement[bool]]:
        from coco_flow.models.conditions import is_one_of

        wanted = {
            _column(documents, columns, name): getattr(self, name)
            for name, columns in _COLUMNS.items()
            if getattr(self, name) is not None
        }
        if self.document_ids is not None:
            wanted[_column(documents, _KEYS, "ids")] = self.document_ids
        conditions = [
            is_one_of(column, _values(given), dialect) for column, given in wanted.items()
        ]
        if self.include_pattern is not None:
            conditions.append(_matches(documents, self.include_pattern, "include_pattern", dialect))
        if self.exclude_pattern is not None:
            excluded = _matches(documents, self.exclude_pattern, "exclude_pattern", dialect)
            conditions.append(~excluded)
        return conditions

    def as_dict(self) -> dict[str, Any]:
        """Return the filters that are set, as plain data."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        values["ids"] = self.document_ids
        return {
            name: value if isinstance(value, str | int | list) else list(value)
            for name, value in values.items()
            if value is not None and value is not False
        }


def _several(name: str, given: Any) -> tuple[str, ...]:
    if not isinstance(given, Iterable):
        raise DefinitionError(
            f"The filter {name} is {given!r}.",
            hint="Give text, with commas between several values, or a list.",
        )
    return tuple(str(one) for one in given)


def _values(given: str | Iterable[str]) -> list[str]:
    if isinstance(given, str):
        given = [part.strip() for part in given.split(",")]
    return list(dict.fromkeys(one for one in given if one))


def _column(table: Table, names: tuple[str, ...], what: str) -> Any:
    for name in names:
        if name in table.c:
            return table.c[name]
    raise DefinitionError(
        f"The filter {what} needs a column {' or '.join(map(repr, names))}, and table "
        f"{table.name!r} has none; it has {', '.join(table.c.keys())}.",
    )


def _matches(table: Table, pattern: str, what: str, dialect: Dialect) -> ColumnElement[bool]:
    found = [name for name in _PATHS if name in table.c]
    if not found:
        _column(table, _PATHS, what)
    paths = [func.coalesce(table.c[name], "") for name in found]
    if dialect.name == "sqlite":
        # Its LIKE takes no notice of case; in its GLOB, brackets would be special.
        glob = pattern.replace("[", "[[]")
        return or_(*(path.op("GLOB", is_comparison=True)(glob) for path in paths))
    like = "".join(_LIKE.get(character, character) for character in pattern)
    return or_(*(path.like(like, escape="\\") for path in paths))


# A glob as a pattern of LIKE; brackets stand for themselves.
_LIKE = {"*": "%", "?": "_", "%": r"\%", "_": r"\_", "\\": "\\\\"}
