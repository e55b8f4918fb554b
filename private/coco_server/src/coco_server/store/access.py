"""Allow lists of documents: who an answer is for, and the chunks of a segment by user and group.

A document's list is on its row. When a segment is complete, its chunks are written once more by
name, so that a search reads one row for each of the viewer's names, however many documents there
are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import LiteralString, Self

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from coco_server.store.session import TenantSession
from coco_server.store.tables import in_version

__all__ = [
    "KEEP",
    "SHOWN",
    "VIEWS_EVERYTHING",
    "VIEWS_PUBLIC",
    "Viewer",
    "drop_lists",
    "group_name",
    "hidden_keys",
    "restricted",
    "user_name",
    "write_lists",
]

KEEP = "keep"
"""What an item says in the place of its list: who was shown the document goes on being shown it."""

_RESTRICTED = ""
"""The name under which all chunks of a segment are kept that are not shown to everybody."""

# Rows of one insert: bitmaps of a million chunks have 125 kB.
_ROWS_AT_A_TIME = 200


def user_name(user_id: str) -> str:
    """Return how a user is written in an allow list."""
    return f"user:{user_id}"


def group_name(group: str) -> str:
    """Return how a group is written in an allow list."""
    return f"group:{group}"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who an answer is for."""

    names: tuple[str, ...] = ()
    """The user and the groups, as in allow lists; none: only what everybody may see is shown."""
    everything: bool = False
    """Whether allow lists do not matter."""

    @classmethod
    def of(cls, user_id: str, groups: Iterable[str]) -> Self:
        """Return a user of groups, whose word or whose token vouches for that."""
        return cls((user_name(user_id), *map(group_name, dict.fromkeys(groups))))

    @property
    def value(self) -> list[str] | None:
        """The parameter of `SHOWN`: the names; None when all is shown."""
        return None if self.everything else list(self.names)


SHOWN: LiteralString = """(%(viewer)s::text[] IS NULL OR found.allow IS NULL
    OR found.allow && %(viewer)s::text[])"""
"""Whether a row ``found`` of documents is shown to a viewer; the parameter is `Viewer.value`."""

VIEWS_PUBLIC = Viewer()
"""Who is shown what everybody in the project may see."""

VIEWS_EVERYTHING = Viewer(everything=True)
"""Who is shown every document."""


def hidden_keys(
    session: TenantSession, segments: Sequence[int], viewer: Viewer, span: int
) -> NDArray[np.bool_]:
    """Return bool[span]: which chunks of some segments a viewer is not shown."""
    hidden = np.zeros(span, np.bool_)
    if viewer.everything:
        return hidden
    rows = session.connection.execute(
        "SELECT name, first_key, keys FROM allowed_chunks WHERE org_id = %s "
        "AND segment_no = ANY(%s) AND name = ANY(%s)",
        (session.org_id, list(segments), [_RESTRICTED, *viewer.names]),
        binary=True,
    ).fetchall()
    # First what is restricted, then what is allowed of it.
    for restricted in (True, False):
        for name, first_key, packed in rows:
            if (name == _RESTRICTED) == restricted:
                hidden[_unpacked(first_key, packed, span)] = restricted
    return hidden


def restricted(session: TenantSession, segments: Sequence[int]) -> bool:
    """Whether any of these segments has chunks that are not shown to everybody."""
    row = session.connection.execute(
        "SELECT EXISTS (SELECT FROM allowed_chunks WHERE org_id = %s AND segment_no = ANY(%s))",
        (session.org_id, list(segments)),
    ).fetchone()
    return bool(row and row[0])


def write_lists(session: TenantSession, project_id: str, segment_no: int) -> None:
    """Write the chunks of a complete segment by name.

    Call it in the transaction that makes the segment readable; again is the same as once.
    """
    row = session.connection.execute(
        "SELECT EXISTS (SELECT FROM documents WHERE org_id = %s AND version_no = %s "
        "AND allow IS NOT NULL)",
        (session.org_id, segment_no),
    ).fetchone()
    if not (row and row[0]):
        return
    with session.connection.cursor() as cursor:
        found = cursor.execute(
            in_version(
                "SELECT name, string_agg(int4send(chunk_key), ''::bytea ORDER BY chunk_key) "
                "FROM documents JOIN {source_chunks} AS chunk USING (doc_id), "
                "unnest(documents.allow || {restricted}::text) AS name "
                "WHERE documents.org_id = %s AND documents.version_no = %s "
                "AND documents.allow IS NOT NULL GROUP BY name",
                segment_no,
                restricted=sql.Literal(_RESTRICTED),
            ),
            (session.org_id, segment_no),
            binary=True,
        )
        lists = [(name, np.frombuffer(keys, ">i4").astype("<i4")) for name, keys in found]
    for first in range(0, len(lists), _ROWS_AT_A_TIME):
        _insert(session, project_id, segment_no, lists[first : first + _ROWS_AT_A_TIME])


def drop_lists(session: TenantSession, segment_no: int) -> None:
    """Remove what is kept of a segment; its documents' rows are not touched."""
    session.connection.execute(
        "DELETE FROM allowed_chunks WHERE org_id = %s AND segment_no = %s",
        (session.org_id, segment_no),
    )


def _insert(
    session: TenantSession,
    project_id: str,
    segment_no: int,
    lists: Sequence[tuple[str, NDArray[np.int32]]],
) -> None:
    packed = [_packed(keys) for _, keys in lists]
    session.connection.execute(
        "INSERT INTO allowed_chunks (org_id, project_id, segment_no, name, first_key, keys) "
        "SELECT %s, %s, %s, name, first_key, keys "
        "FROM unnest(%s::text[], %s::int[], %s::bytea[]) AS added (name, first_key, keys) "
        "ON CONFLICT (segment_no, name) DO UPDATE SET first_key = excluded.first_key, "
        "keys = excluded.keys",
        (
            session.org_id,
            project_id,
            segment_no,
            [name for name, _ in lists],
            [first_key for first_key, _ in packed],
            [keys for _, keys in packed],
        ),
    )


def _packed(keys: NDArray[np.int32]) -> tuple[int | None, bytes]:
    """Return ascending keys as bits or as numbers, whichever is shorter."""
    first, last = int(keys[0]), int(keys[-1])
    if (last - first + 8) // 8 >= keys.nbytes:
        return None, keys.tobytes()
    bits = np.zeros(last - first + 1, np.bool_)
    bits[keys - first] = True
    return first, np.packbits(bits).tobytes()


def _unpacked(first_key: int | None, packed: bytes, span: int) -> NDArray[np.int64]:
    if first_key is None:
        keys = np.frombuffer(packed, "<i4").astype(np.int64)
    else:
        keys = np.flatnonzero(np.unpackbits(np.frombuffer(packed, np.uint8))) + first_key
    return keys[keys < span]
