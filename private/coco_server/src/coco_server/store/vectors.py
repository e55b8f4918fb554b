"""Stores of a version's vectors: the port, and pgvector in the chunks' database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from coco_core.types import FloatMatrix
from coco_server.store.segments import Layout
from coco_server.store.session import TenantSession, loading
from coco_server.store.tables import in_version
from coco_server.store.versions import Version

__all__ = ["PgVectors", "VectorStore"]


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

    def count(self, version: Version) -> int:
        """Return how many vectors of a version's own segment are kept outside of the database."""
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

    def count(self, version: Version) -> int:
        """Return 0: the database counts its own."""
        del version
        return 0

    def count_among(
        self, session: TenantSession, version: Version, layout: Layout, keys: NDArray[np.int32]
    ) -> int:
        """Count them in the tables of all segments."""
        del layout
        statement = in_version(
            "SELECT count(*) FROM {chunk_vectors} WHERE chunk_key = ANY(%s)", version.parts
        )
        row = session.connection.execute(statement, (keys.tolist(),)).fetchone()
        return int(row[0]) if row else 0

    def drop(self, version_no: int, dimension: int) -> None:
        """Do nothing: they go with the segment's table."""

    def check(self) -> None:
        """Do nothing: the database is asked for itself."""


_: type[VectorStore] = PgVectors
