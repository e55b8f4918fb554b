"""Inverted index of a version: term batches, transposed to postings at completion.

Scores are the core's: what is kept of a posting is the core's weighted frequency, which needs the
mean lengths of the whole version. They are known when the last batch has come, and never change
after, for neither does the version.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coco_core.bm25 import FIELDS, CorpusStats, TermVector, weighted_frequencies
from coco_server.store.session import TenantSession
from coco_server.store.tables import Parts, in_version, of_version

__all__ = ["add_batch", "lookup", "turn_over"]

# Keys within a segment fit two bytes, and turning one over takes about 100 MB.
_SEGMENT_CHUNKS = 16_384


@dataclass(frozen=True, slots=True)
class _Batch:
    """Terms of consecutive chunks."""

    first_key: int
    counts: NDArray[np.uint32]
    ids: NDArray[np.uint64]
    frequencies: NDArray[np.uint8]
    lengths: NDArray[np.uint32]


def add_batch(
    session: TenantSession, version_no: int, first_key: int, terms: Sequence[TermVector]
) -> None:
    """Keep the terms of consecutive chunks until the version is complete."""
    if not terms:
        return
    session.connection.execute(
        in_version(
            "INSERT INTO {term_batches} (first_key, counts, ids, frequencies, lengths) "
            "VALUES (%s, %s, %s, %s, %s)",
            version_no,
        ),
        (
            first_key,
            np.array([len(each.ids) for each in terms], "<u4").tobytes(),
            np.concatenate([each.ids for each in terms]).astype("<u8").tobytes(),
            np.concatenate([each.frequencies for each in terms]).tobytes(),
            np.array([each.lengths for each in terms], "<u4").tobytes(),
        ),
        binary=True,
    )


def turn_over(session: TenantSession, version_no: int, stats: CorpusStats) -> int:
    """Write the inverted index of a complete version; returns its number of segments."""
    segments = 0
    for number, batches in enumerate(_segments(session, version_no)):
        _write_segment(session, version_no, number, batches, stats)
        segments = number + 1
    return segments


def lookup(
    session: TenantSession, parts: Parts, terms: Collection[int]
) -> dict[int, tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Return (keys int64[n], weighted frequencies float32[n]) by term id; missing if none holds it.

    Give the weights to `coco_core.bm25.saturated_scores`; n is the term's document frequency.
    """
    if not terms:
        return {}
    rows = session.connection.execute(
        of_version(
            "SELECT term_id, first_key, keys, weights FROM {postings} "
            "WHERE term_id = ANY(%s) ORDER BY term_id, first_key",
            parts,
        ),
        ([_signed(term) for term in terms],),
        binary=True,
    ).fetchall()
    found: dict[int, tuple[list[NDArray[np.int64]], list[NDArray[np.float32]]]] = {}
    for term, first_key, keys, weights in rows:
        all_keys, all_weights = found.setdefault(term % (1 << 64), ([], []))
        all_keys.append(np.frombuffer(keys, "<u2").astype(np.int64) + first_key)
        all_weights.append(np.frombuffer(weights, "<f4"))
    return {
        term: (np.concatenate(keys), np.concatenate(weights))
        for term, (keys, weights) in found.items()
    }


def _segments(session: TenantSession, version_no: int) -> Iterator[list[_Batch]]:
    """Gather batches to segments; a batch never spans two, for it is far smaller than one."""
    first_keys = session.connection.execute(
        in_version("SELECT first_key FROM {term_batches} ORDER BY first_key", version_no)
    ).fetchall()
    gathered: list[_Batch] = []
    for (first_key,) in first_keys:
        batch = _read_batch(session, version_no, first_key)
        if gathered and (first_key + len(batch.counts) - gathered[0].first_key > _SEGMENT_CHUNKS):
            yield gathered
            gathered = []
        gathered.append(batch)
    if gathered:
        yield gathered


def _read_batch(session: TenantSession, version_no: int, first_key: int) -> _Batch:
    row = session.connection.execute(
        in_version(
            "SELECT counts, ids, frequencies, lengths FROM {term_batches} WHERE first_key = %s",
            version_no,
        ),
        (first_key,),
        binary=True,
    ).fetchone()
    assert row is not None
    return _Batch(
        first_key,
        np.frombuffer(row[0], "<u4"),
        np.frombuffer(row[1], "<u8"),
        np.frombuffer(row[2], np.uint8).reshape(-1, len(FIELDS)),
        np.frombuffer(row[3], "<u4").reshape(-1, len(FIELDS)),
    )


def _write_segment(
    session: TenantSession,
    version_no: int,
    number: int,
    batches: Sequence[_Batch],
    stats: CorpusStats,
) -> None:
    first_key = batches[0].first_key
    counts = np.concatenate([each.counts for each in batches])
    lengths = np.concatenate([each.lengths for each in batches]).astype(np.float32)
    ids = np.concatenate([each.ids for each in batches])
    frequencies = np.concatenate([each.frequencies for each in batches])
    chunk = np.repeat(np.arange(len(counts), dtype="<u2"), counts)
    weights = weighted_frequencies(stats, frequencies, lengths[chunk]).astype("<f4")
    order = np.argsort(ids, kind="stable")
    ids, chunk, weights = ids[order], chunk[order], weights[order]
    starts = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]]) if len(ids) else ids[:0].astype(int)
    ends = np.r_[starts[1:], len(ids)]
    packed_keys, packed_weights = chunk.tobytes(), weights.tobytes()
    terms = ids[starts].astype(np.uint64).view(np.int64).tolist()
    statement = in_version(
        "COPY {postings} (term_id, segment, first_key, keys, weights) FROM STDIN (FORMAT BINARY)",
        version_no,
    )
    with session.connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["int8", "int4", "int4", "bytea", "bytea"])
        for term, start, end in zip(terms, starts.tolist(), ends.tolist(), strict=True):
            copy.write_row(
                (
                    term,
                    number,
                    first_key,
                    packed_keys[2 * start : 2 * end],
                    packed_weights[4 * start : 4 * end],
                )
            )


def _signed(term: int) -> int:
    """Return a term's id as PostgreSQL's bigint holds it."""
    return term - (1 << 64) if term >= 1 << 63 else term
