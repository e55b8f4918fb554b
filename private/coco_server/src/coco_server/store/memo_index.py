"""Inverted index of notes: a row for each word of a note, under a key of its user's own.

A look-up touches the notes of one user in one project and no others, however many there are. Scores
are the core's BM25 over these notes, as for chunks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coco_core.bm25 import CorpusStats, TermVector, term_scores, term_vector
from coco_core.tokens import term_ids, words
from coco_core.types import Chunk
from coco_server.store.rows import all_rows
from coco_server.store.session import Database, Session, TenantSession

__all__ = ["MemoHolder", "add", "index_all", "index_waiting", "search"]

# A question has a dozen; every word reads a row for each note that holds it.
_MOST_TERMS = 32

# Older programs' notes that a query indexes first: tens of milliseconds.
_STEP_BYTES = 262_144
_STEP_NOTES = 50


@dataclass(frozen=True, slots=True)
class MemoHolder:
    """Whose notes: a user's in a project of an org."""

    org_id: str
    project_id: str
    user_id: str

    def keys(self, terms: NDArray[np.uint64]) -> list[int]:
        """Return under which keys the index has these terms of the user's notes."""
        owner = "\0".join((self.org_id, self.project_id, self.user_id)).encode()
        salt = np.frombuffer(hashlib.blake2b(owner, digest_size=8).digest(), np.uint64)[0]
        keys: list[int] = (terms ^ salt).view(np.int64).tolist()
        return keys


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A note that an older program wrote."""

    memo_no: int
    org_id: str
    project_id: str
    user_id: str
    content: str
    tags: list[str]


def add(
    session: Session, holder: MemoHolder, memo_no: int, content: str, tags: Sequence[str]
) -> None:
    """Index a note; its row has no lengths yet."""
    vector = _terms(content, tags)
    counts = vector.frequencies.astype(np.int64) @ np.array([1, 1 << 8, 1 << 16])
    session.connection.execute(
        "INSERT INTO memo_terms (org_id, term_key, memo_no, counts) "
        "SELECT %s, term.key, %s, term.counts "
        "FROM unnest(%s::bigint[], %s::integer[]) AS term (key, counts) ON CONFLICT DO NOTHING",
        (holder.org_id, memo_no, holder.keys(vector.ids), counts.tolist()),
    )
    session.connection.execute(
        "UPDATE memos SET lengths = %s WHERE org_id = %s AND memo_no = %s",
        (list(vector.lengths), holder.org_id, memo_no),
    )


def search(
    session: TenantSession, holder: MemoHolder, query: str, *, tags: Sequence[str], most: int
) -> dict[int, float]:
    """Return the living notes that hold any word of a query, best first, by number with scores.

    Of a query the first 32 different terms count.
    """
    terms = list(dict.fromkeys(term for word in words(query) for term in term_ids(word)))
    ids = np.array(terms[:_MOST_TERMS], np.uint64)
    if not len(ids):
        return {}
    values = {
        "org": session.org_id,
        "project": holder.project_id,
        "user": holder.user_id,
        "tags": list(tags),
        "keys": holder.keys(ids),
    }
    stats = _stats(session, values)
    rows = session.connection.execute(
        "SELECT term.term_key, term.counts, memo.memo_no, memo.lengths[1], memo.lengths[2], "
        "memo.lengths[3] FROM memo_terms AS term JOIN memos AS memo USING (memo_no) "
        "WHERE term.org_id = %(org)s AND term.term_key = ANY(%(keys)s) "
        "AND memo.org_id = %(org)s AND memo.project_id = %(project)s "
        "AND memo.user_id = %(user)s AND memo.lengths IS NOT NULL "
        "AND (memo.expires_at IS NULL OR memo.expires_at > now()) AND memo.tags @> %(tags)s",
        values,
        binary=True,
    ).fetchall()
    if not rows:
        return {}
    found = np.array(rows, np.int64)
    numbers, places = np.unique(found[:, 2], return_inverse=True)
    scores = np.zeros(len(numbers), np.float32)
    for key in np.unique(found[:, 0]):
        of_term = found[:, 0] == key
        counts = found[of_term, 1]
        frequencies = np.stack([counts & 255, counts >> 8 & 255, counts >> 16 & 255], axis=1)
        scores[places[of_term]] += term_scores(
            stats,
            int(of_term.sum()),
            frequencies.astype(np.uint8),
            found[of_term, 3:].astype(np.float32),
        )
    # Of equal notes the newest comes first.
    order = np.lexsort((-numbers, -scores))
    best = [place for place in order.tolist() if scores[place] > 0][:most]
    return {int(numbers[place]): float(scores[place]) for place in best}


def index_waiting(session: Session, holder: MemoHolder | None = None) -> int:
    """Index and count some notes that an older program wrote; returns how many.

    They are counted in what the org holds even where that exceeds a quota: they are there.
    """
    waiting = all_rows(
        session,
        _Waiting,
        "SELECT {columns} FROM memos WHERE lengths IS NULL AND memo_no IN ("
        "SELECT memo_no FROM memos WHERE lengths IS NULL "
        "AND (%(org)s::text IS NULL OR (org_id = %(org)s AND project_id = %(project)s "
        "AND user_id = %(user)s)) ORDER BY memo_no LIMIT %(most)s FOR UPDATE SKIP LOCKED)",
        {
            "org": None if holder is None else holder.org_id,
            "project": None if holder is None else holder.project_id,
            "user": None if holder is None else holder.user_id,
            "most": _STEP_NOTES,
        },
    )
    done, size = 0, 0
    for each in waiting:
        if done and size > _STEP_BYTES:
            break
        stored = len(each.content.encode()) + sum(len(tag.encode()) for tag in each.tags)
        of = MemoHolder(each.org_id, each.project_id, each.user_id)
        add(session, of, each.memo_no, each.content, each.tags)
        session.connection.execute(
            "WITH counted AS (UPDATE memos SET storage_bytes = %(size)s "
            "WHERE org_id = %(org)s AND memo_no = %(memo)s AND storage_bytes = 0 RETURNING 1) "
            "UPDATE org_totals SET documents = documents + 1, "
            "storage_bytes = storage_bytes + %(size)s "
            "WHERE org_id = %(org)s AND EXISTS (SELECT FROM counted)",
            {"size": stored, "org": each.org_id, "memo": each.memo_no},
        )
        done, size = done + 1, size + stored
    return done


def index_all(database: Database) -> int:
    """Index and count what older programs wrote, in small transactions; returns how many notes."""
    total = 0
    while True:
        with database.system() as session:
            done = index_waiting(session)
        if not done:
            return total
        total += done


def _stats(session: TenantSession, values: Mapping[str, object]) -> CorpusStats:
    row = session.connection.execute(
        "SELECT count(*), coalesce(avg(lengths[1]), 0), coalesce(avg(lengths[2]), 0), "
        "coalesce(avg(lengths[3]), 0) FROM memos WHERE org_id = %(org)s "
        "AND project_id = %(project)s AND user_id = %(user)s AND lengths IS NOT NULL "
        "AND (expires_at IS NULL OR expires_at > now()) AND tags @> %(tags)s",
        values,
    ).fetchone()
    assert row is not None
    return CorpusStats(row[0], np.array([float(each) for each in row[1:]], np.float32))


def _terms(content: str, tags: Sequence[str]) -> TermVector:
    return term_vector("", Chunk.plain(content, symbol=" ".join(tags)))
