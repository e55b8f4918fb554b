"""Chunk relocation: finds an indexed chunk again in the file as it is now.

The index keeps no text, only one 32-bit hash per line of a chunk. That is enough to see whether
the chunk still stands at its place, to find it where it went, and to tell how much of it is left.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["RelocatedChunk", "fingerprint", "line_hashes", "relocate"]

Hashes = NDArray[np.uint32]

# Half of the telling lines must still be there: below that, most of what would be shown is not
# what was found, and the file is queued for indexing anyway.
_THRESHOLD = 0.5

# Far from its old place half a chunk may be another one that looks alike (getters, test cases).
_FAR_THRESHOLD = 0.7

# An empty line, a brace, `end` or `fi` fits everywhere and tells nothing.
_TELLING_LENGTH = 4

# Lines inserted or removed inside a chunk move its parts against each other; shifts this close
# vote together.
_SHIFT_SLACK = 3

# New lines that may stand between a chunk's first line and its last: about a screen, or half of a
# chunk that is longer than two of them. Edits come in handfuls, and what is shown stays readable.
_WIDEST_GAP = 30

# A line that occurs more often than this (`return None`) says nothing about the place; without the
# limit a file of equal lines would cost the square of its length.
_MOST_PLACES = 8


@dataclass(frozen=True, slots=True)
class RelocatedChunk:
    """Where a chunk stands now: 1-based inclusive lines."""

    start_line: int
    end_line: int
    exact: bool
    similarity: float
    """Share of the chunk's telling lines that are still there in order; 1 if exact."""


def line_hashes(lines: Sequence[str]) -> Hashes:
    """Return one hash per line; indentation, trailing space and line ends do not count."""
    return np.fromiter((_line_hash(line) for line in lines), dtype=np.uint32, count=len(lines))


def _line_hash(line: str) -> int:
    stripped = line.strip()
    number = zlib.crc32(stripped.encode("utf-8", "surrogatepass"))
    # The low bit marks a telling line, since later only the hash is known.
    return number | 1 if len(stripped) >= _TELLING_LENGTH else number & ~1


def fingerprint(text: str) -> bytes:
    """Return what is stored with a chunk instead of its text: its lines' hashes, 4 bytes each."""
    return line_hashes(_split_lines(text)).astype("<u4").tobytes()


def _split_lines(text: str) -> list[str]:
    r"""Cut at ``\n``, ``\r\n`` and ``\r`` only, as editors count lines."""
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


def relocate(
    lines: Sequence[str],
    start_line: int,
    end_line: int,
    fingerprint: bytes,
    *,
    window: int = 20,
    hashes: Hashes | None = None,
) -> RelocatedChunk | None:
    """Find a chunk in a file's lines as they are now; ``None`` means that it is gone.

    In order: the same lines at the same place; the same lines within ``window`` lines, then
    anywhere; most of the lines within the window; nearly all of them anywhere. Of equally good
    places the nearest wins. Costs are linear in the file's lines.

    Args:
        lines: of the file now, line ends kept or not.
        start_line: where the chunk stood, 1-based.
        end_line: its last line.
        fingerprint: what `fingerprint` made of the chunk's text.
        window: how far edits above usually shift a chunk.
        hashes: `line_hashes` of ``lines``, for callers that look for several chunks of a file.
    """
    chunk = np.frombuffer(fingerprint, dtype="<u4").astype(np.uint32)
    now = line_hashes(lines) if hashes is None else hashes
    at = start_line - 1
    if not chunk.size or not now.size:
        return None
    if np.array_equal(now[at : at + chunk.size], chunk):
        return RelocatedChunk(start_line, start_line + chunk.size - 1, exact=True, similarity=1.0)
    if not (chunk & 1).any():
        # Nothing but braces and empty lines: any place would do, so none is right.
        return None
    places = _exact_places(now, chunk)
    if places.size:
        start = int(places[np.argmin(np.abs(places - at))]) + 1
        return RelocatedChunk(start, start + chunk.size - 1, exact=True, similarity=1.0)
    low, high = max(0, at - window), min(now.size, end_line + window)
    near = _fuzzy(now[low:high], chunk, at - low)
    if near is not None and near.similarity >= _THRESHOLD:
        return RelocatedChunk(
            near.start_line + low, near.end_line + low, exact=False, similarity=near.similarity
        )
    far = _fuzzy(now, chunk, at)
    return far if far is not None and far.similarity >= _FAR_THRESHOLD else None


def _exact_places(now: Hashes, chunk: Hashes) -> NDArray[np.intp]:
    """Return all starts of the chunk; telling lines are compared first, so few places remain."""
    places = np.arange(max(0, now.size - chunk.size + 1))
    for offset in np.argsort(1 - (chunk & 1).astype(np.int8), kind="stable"):
        places = places[now[places + offset] == chunk[offset]]
        if not places.size:
            break
    return places


def _fuzzy(now: Hashes, chunk: Hashes, near: int) -> RelocatedChunk | None:
    """Find the stretch that holds most of the chunk's telling lines in order.

    Each telling line that occurs in both votes for the shift it implies; around the shift with most
    votes the common lines are put in order.
    """
    pairs = _common(now, chunk)
    shift = _best_shift(pairs, near)
    if shift is None:
        return None
    slack = max(_WIDEST_GAP, chunk.size // 2)
    kept = _in_order([(i, j) for i, j in pairs if abs(j - i - shift) <= slack])
    telling = int((chunk & 1).sum())
    start, end = _edges(now, chunk, kept)
    # Anything less than the very same lines is not exact, even if no telling line is missing.
    similarity = min(len(kept) / telling, 0.999)
    return RelocatedChunk(start + 1, end + 1, exact=False, similarity=similarity)


def _common(now: Hashes, chunk: Hashes) -> list[tuple[int, int]]:
    """Return (line of the chunk, line now) of equal telling lines that are not everywhere."""
    places: dict[int, list[int]] = {}
    own = np.unique(chunk[(chunk & 1).astype(bool)])
    for j in np.flatnonzero(np.isin(now, own)).tolist():
        places.setdefault(int(now[j]), []).append(j)
    return [
        (i, j)
        for i, value in enumerate(chunk.tolist())
        if value & 1 and len(found := places.get(value, ())) <= _MOST_PLACES
        for j in found
    ]


def _best_shift(pairs: list[tuple[int, int]], near: int) -> int | None:
    votes: dict[int, int] = {}
    for i, j in pairs:
        votes[j - i] = votes.get(j - i, 0) + 1
    around = range(-_SHIFT_SLACK, _SHIFT_SLACK + 1)
    return max(
        votes,
        key=lambda shift: (sum(votes.get(shift + d, 0) for d in around), -abs(shift - near)),
        default=None,
    )


def _in_order(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return a longest chain of pairs that rises in both: the lines that kept their order."""
    # Per line of the chunk the later places come first, so that no chain takes a line twice.
    ordered = sorted(pairs, key=lambda pair: (pair[0], -pair[1]))
    ends: list[int] = []
    at: list[int] = []
    before: list[int] = []
    for number, (_, j) in enumerate(ordered):
        length = bisect_left(ends, j)
        before.append(at[length - 1] if length else -1)
        if length == len(ends):
            ends.append(j)
            at.append(number)
        else:
            ends[length] = j
            at[length] = number
    chain: list[tuple[int, int]] = []
    number = at[-1] if at else -1
    while number >= 0:
        chain.append(ordered[number])
        number = before[number]
    return chain[::-1]


def _edges(now: Hashes, chunk: Hashes, kept: list[tuple[int, int]]) -> tuple[int, int]:
    """Extend from the outermost kept lines to where the chunk began and ended."""
    (first, start), (last, end) = kept[0], kept[-1]
    tail = chunk.size - 1 - last
    start -= _reach(now[max(0, start - first) : start][::-1], int(chunk[0]), first)
    end += _reach(now[end + 1 : end + 1 + tail], int(chunk[-1]), tail)
    return start, end


def _reach(beyond: Hashes, edge: int, most: int) -> int:
    """Return how many lines of ``beyond`` belong to the chunk: up to its own outermost line.

    Where that is gone (it was changed rather than moved) as many lines as the chunk had there.
    """
    found = np.flatnonzero(beyond == edge)
    return int(found[-1]) + 1 if found.size else min(most, beyond.size)
