"""Stores of a version's vectors: the port, and pgvector in the chunks' database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from coco_core.types import FloatMatrix
from coco_server.store.segments import Layout
from coco_server.store.session import TenantSession, loading
from coco_server.store.tables import by_key, in_version
from coco_server.store.versions import Version

__all__ = ["PgVectors", "VectorStore", "copy_rows"]


def copy_rows(
    session: TenantSession, source: sql.Composed, values: Sequence[object], target: sql.Composed
) -> int:
    """Copy rows from complete segments into one that is being written; returns how many.

    No role may both read the one and write the other, so the rows pass through here, unread.
    """
    with session.connection.cursor() as cursor:
        out = sql.SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(source)
        with cursor.copy(out, values) as reading:
            rows = b"".join(reading)
        count = cursor.rowcount
        with (
            loading(session),
            cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(target)) as writing,
        ):
            writing.write(rows)
    return count


class VectorStore(Protocol):
    """Takes the vectors of versions; which chunks have one is told by the version's own counts."""

    @property
    def in_database(self) -> bool:
        """Whether the vectors stand in the version's tables and are counted and indexed there."""
        ...

    def add(
        self, session: TenantSession, version: Version, keys: Sequence[int], vectors: FloatMatrix
    ) -> None:
        """Keep the normalised vectors float32[n, d] of these chunks; again is the same as once."""
        ...

    def count(self, number: int, dimension: int) -> int:
        """Return how many vectors of a segment are kept outside of the database."""
        ...

    def copy(
        self,
        session: TenantSession,
        version: Version,
        layout: Layout,
        keys: tuple[NDArray[np.int32], NDArray[np.int32]],
        number: int,
    ) -> int:
        """Copy the vectors of chunks of a version into a new segment; returns how many have one.

        ``keys`` are those that the chunks have, and those that they get. Again is the same as once.
        """
        ...

    def count_among(
        self, session: TenantSession, version: Version, layout: Layout, keys: NDArray[np.int32]
    ) -> int:
        """Return how many of these chunks of a version's segments have a vector."""
        ...

    def drop(self, version_no: int, dimension: int) -> None:
        """Remove what is kept of a segment outside of the database."""
        ...

    def check(self) -> None:
        """Make sure that what is outside of the database answers.

        Raises:
            Unavailable: it does not.
        """
        ...


class PgVectors:
    """Vectors in pgvector, in the transaction that writes the chunks."""

    in_database = True

    def add(
        self, session: TenantSession, version: Version, keys: Sequence[int], vectors: FloatMatrix
    ) -> None:
        """Copy them into the version's table."""
        statement = in_version(
            "COPY {chunk_vectors} (chunk_key, embedding) FROM STDIN (FORMAT BINARY)",
            version.version_no,
        )
        with (
            loading(session),
            session.connection.cursor() as cursor,
            cursor.copy(statement) as copy,
        ):
            copy.set_types(["int4", "vector"])
            for pair in zip(keys, vectors, strict=True):
                copy.write_row(pair)

    def count(self, number: int, dimension: int) -> int:
        """Return 0: the database counts its own."""
        del number, dimension
        return 0

    def copy(
        self,
        session: TenantSession,
        version: Version,
        layout: Layout,
        keys: tuple[NDArray[np.int32], NDArray[np.int32]],
        number: int,
    ) -> int:
        """Copy them from table to table, as they are."""
        del layout
        return copy_rows(
            session,
            in_version(
                "SELECT moved.new_key, embedding FROM unnest(%s::int[], %s::int[]) "
                "AS moved (old_key, new_key) JOIN {chunk_vectors} ON chunk_key = moved.old_key "
                "ORDER BY moved.new_key",
                version.parts,
            ),
            tuple(each.tolist() for each in keys),
            in_version("{chunk_vectors} (chunk_key, embedding)", number),
        )

    def count_among(
        self, session: TenantSession, version: Version, layout: Layout, keys: NDArray[np.int32]
    ) -> int:
        """Count them in the tables of all segments."""
        statement = by_key(
            "SELECT count(*) FROM {chunk_vectors} WHERE chunk_key = ANY({keys})", version.parts
        )
        rows = session.connection.execute(statement, layout.shares(keys)).fetchall()
        return sum(count for (count,) in rows)

    def drop(self, version_no: int, dimension: int) -> None:
        """Do nothing: they go with the segment's table."""

    def check(self) -> None:
        """Do nothing: the database is asked for itself."""


_: type[VectorStore] = PgVectors
