"""Merges atoms to chunks at the least cost.

The costs are CocoIndex's: a chunk pays for containing a boundary that is coarser than those at its
edges (512 for the first level of difference, half of it for the second, a third for the third), 64
for each level by which a line break inside is stronger than at an edge, 2**20 when it is too
small, and for missing overlap. The cheapest way up to each atom is found from left to right.

What makes it fast: of a chunk that ends at atom `i` and starts at `j`, the cost at its start
depends on `i` only by the coarsest boundary and the strongest line break between them. Starts
that have these in common form a segment, which stores its cheapest start. There are
about as many segments as levels, however many atoms a chunk has.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque

from coco_flow.text.atoms import Atoms
from coco_flow.text.chunks import Span

__all__ = ["merge"]

# A number holds a cost and, below it, an index counted from the end: the least number is that of
# the least cost and, among equal costs, of the greatest index.
_BITS = 32
_INDEX = (1 << _BITS) - 1

_COARSER_BOUNDARY = 512
_STRONGER_BREAK = 64 << _BITS
_TOO_SMALL = 1 << 20 << _BITS
_NO_OVERLAP = 512
_CHUNK = _NO_OVERLAP // 2 << _BITS
_NOTHING = 1 << 126


def merge(
    atoms: Atoms, size: int, *, chunk_size: int, min_chunk_size: int, overlap: int
) -> list[Span]:
    """Return the spans of the chunks of a text of `size` bytes, in order."""
    plan = _Plan(atoms, size, chunk_size, min_chunk_size, overlap)
    plan.make()
    spans: list[Span] = []
    end = len(atoms.starts) - 1
    while end:
        first = _INDEX - (plan.best[end] & _INDEX)
        spans.append((atoms.starts[first], atoms.ends[end - 1]))
        end = plan.end_before(first, end - 1)
    spans.reverse()
    return spans


def _gap_costs(levels: int) -> list[int]:
    """Return the costs of a difference of 0, 1, 2… levels; of a negative one it is 0."""
    costs = [0]
    for difference in range(1, levels + 1):
        costs.append(costs[-1] + (_COARSER_BOUNDARY // difference << _BITS))
    return costs + [0] * levels


# The same for line breaks.
_BREAK_COSTS = [0, _STRONGER_BREAK, 2 * _STRONGER_BREAK, 0, 0]


class _Plan:
    """The cheapest way to cut up to each atom.

    `best[i]` is the cost of the cheapest way to cut the first `i` atoms and the index of the atom
    at which its last chunk starts. Where the chunk before that one ends, follows from the start.
    """

    def __init__(
        self, atoms: Atoms, size: int, chunk_size: int, min_chunk_size: int, overlap: int
    ) -> None:
        self.starts, self.ends, self.levels, self.inner_breaks, self.breaks = atoms
        self.chunk_size = chunk_size
        self.min_chunk_size = min_chunk_size
        self.overlap = overlap
        self.gap_costs = _gap_costs(max(self.levels))
        self.best = [_INDEX]
        # The cost of starting a chunk at an atom, the chunk before it included: known of those
        # from which a chunk can be large enough.
        self.start_costs: list[int] = []
        # Segments of starts, the oldest first: [first start, coarsest level and strongest line
        # break from there to the current atom, cheapest start or 0 if that is not known].
        self.segments: list[list[int]] = [[0, _NOTHING, 0, 0]]
        if overlap:
            # How far places are from the end of the text, in units of cost.
            self.rest_at_start = [(size - at) * _NO_OVERLAP // overlap for at in self.starts]
            self.rest_at_end = [(size - at) * _NO_OVERLAP // overlap for at in self.ends]
            # The cost of an end as that of the chunk before: the further on, the more overlap.
            self.end_costs = [(size * _NO_OVERLAP // overlap << _BITS) + _INDEX]
            # Of the ends that the current start can overlap with, those that may be the best for
            # it or a later start, the cheapest first; and the last end that was looked at.
            self.queue: deque[int] = deque()
            self.reach = -1

    def make(self) -> None:
        """Find the plans of all atoms."""
        starts, levels, inner_breaks = self.starts, self.levels, self.inner_breaks
        segments, plans = self.segments, self.best
        low = entered = 0
        for i, end in enumerate(self.ends[:-1]):
            # The boundary before this atom, and the atom, are inner to all earlier starts now.
            segment = segments[-1]
            if i and (segment[1] != levels[i] or segment[2] != inner_breaks[i]):
                self._pass(i)
            # The end of the text follows the last atom, so this ends.
            while end - starts[low] > self.chunk_size:
                low += 1
            # The start at the atom before was in no segment yet.
            since = entered if entered < i else i - 1
            last = end - self.min_chunk_size
            while starts[entered] <= last and entered <= i:
                self._enter(entered, i)
                entered += 1
            best = _NOTHING
            if low < entered:
                best = self._cheapest_start(i, low, since)
            elif low > i:
                # An atom that cannot be broken is a chunk however large it is.
                best = (plans[i] | _INDEX) - i + (_TOO_SMALL if last < starts[i] else 0)
            if best >= _TOO_SMALL and max(entered, low) <= i:
                best = min(best, self._too_small(i, max(entered, low), best))
            plans.append(best)
            if self.overlap:
                self.end_costs.append((best | _INDEX) + (self.rest_at_end[i] << _BITS) - i - 1)

    def _pass(self, i: int) -> None:
        """Bring the segments up to date when the boundary before atom `i` becomes an inner one."""
        level, line_break = self.levels[i], self.inner_breaks[i]
        segments = self.segments
        first = i - 1
        while segments and segments[-1][1] >= level and segments[-1][2] <= line_break:
            first = segments.pop()[0]
        k = len(segments) - 1
        while k >= 0 and (segments[k][1] > level or segments[k][2] < line_break):
            segment = segments[k]
            segment[1] = min(segment[1], level)
            segment[2] = max(segment[2], line_break)
            segment[3] = 0
            k -= 1
        # Those that have the same in common now are one.
        k = max(k, 0)
        while k < len(segments) - 1:
            if segments[k][1:3] == segments[k + 1][1:3]:
                del segments[k + 1]
                segments[k][3] = 0
            else:
                k += 1
        segments.append([first, level, line_break, 0])

    def _enter(self, start: int, i: int) -> None:
        """Work out the cost of a start, when atom `i` is reached."""
        if not self.overlap:
            self.start_costs.append((self.best[start] | _INDEX) + _CHUNK - start)
            return
        ends, limit, queue = self.ends, self.starts[start] + self.overlap, self.queue
        reach = self.reach
        while reach < start or (reach < i and ends[reach + 1] <= limit):
            reach += 1
            cost = self.end_costs[reach]
            while queue and queue[-1] > cost:
                queue.pop()
            queue.append(cost)
        self.reach = reach
        before = _INDEX - (queue[0] & _INDEX)
        while before < start:
            queue.popleft()
            before = _INDEX - (queue[0] & _INDEX)
        cost = (self.best[before] | _INDEX) + 2 * _CHUNK - start
        if before > start:
            saved = self.rest_at_start[start] - self.rest_at_end[before - 1]
            if saved > 0:
                cost -= saved << _BITS
        self.start_costs.append(cost)

    def end_before(self, start: int, i: int) -> int:
        """Return how many atoms there are up to the end of the best chunk before a start.

        Args:
            start: the start of a chunk.
            i: the last atom of that chunk.
        """
        if not self.overlap:
            return start
        if start == 0 and self.end_costs[0] < _TOO_SMALL:
            # All other ends that near to the beginning are those of chunks that are too small.
            return start
        limit = self.starts[start] + self.overlap
        reach = bisect_right(self.ends, limit, start + 1, i + 1)
        return _INDEX - (min(self.end_costs[start:reach]) & _INDEX)

    def _cheapest_start(self, i: int, low: int, since: int) -> int:
        """Return cost and start of the cheapest chunk that ends at `i` and is large enough.

        Args:
            i: the last atom.
            low: the first start that makes no chunk too large.
            since: the first start that its segment has not compared yet.
        """
        levels, breaks, start_costs = self.levels, self.breaks, self.start_costs
        gap_costs, break_costs = self.gap_costs, _BREAK_COSTS
        end_level, end_break = levels[i + 1], breaks[i + 1]
        best = _NOTHING
        last = len(start_costs) - 1
        if last == i:
            # One atom has no inner boundary.
            best = start_costs[i]
            last -= 1
        k = len(self.segments)
        while last >= low:
            k -= 1
            segment = self.segments[k]
            first, level, line_break, cheapest = segment
            if first > last:
                continue
            start = first if first > low else low  # noqa: FURB136 - a call costs more
            if not cheapest or _INDEX - (cheapest & _INDEX) < low:
                cheapest = _NOTHING
            elif start < since:
                start = since
            while start <= last:
                cost = (
                    start_costs[start]
                    + gap_costs[levels[start] - level]
                    + break_costs[line_break - breaks[start]]
                )
                # A call of min() would cost more than the comparison.
                if cost < cheapest:  # noqa: PLR1730
                    cheapest = cost
                start += 1
            segment[3] = cheapest
            cheapest += gap_costs[end_level - level] + break_costs[line_break - end_break]
            if cheapest < best:  # noqa: PLR1730 - as above
                best = cheapest
            last = first - 1
        return best

    def _too_small(self, i: int, since: int, best: int) -> int:
        """Return cost and start of the cheapest chunk below the minimum that ends at `i`.

        Args:
            i: the last atom.
            since: the first start that gives a chunk below the minimum.
            best: cost and start of the best chunk that is large enough, which may be returned too.
        """
        # From the beginning of the text on there are only costs of this kind.
        least = 2 * _TOO_SMALL
        if since:
            least = _TOO_SMALL + min(self.best[since + 1 : i + 1], default=_NOTHING)
            if best | _INDEX < min(least, _TOO_SMALL + self.best[since]):
                return best
        cheapest = self._small_chunk(i, since)
        # Usually the longest one is the cheapest: it needs the fewest chunks before it.
        if cheapest | _INDEX >= least:
            cheapest = min(self._small_chunk(i, start) for start in range(since, i + 1))
        return cheapest

    def _small_chunk(self, i: int, start: int) -> int:
        before = self.end_before(start, i)
        cost = (self.best[before] | _INDEX) + _CHUNK - start + _TOO_SMALL
        if self.overlap:
            cost += _CHUNK
        if before > start:
            cost -= max(self.rest_at_start[start] - self.rest_at_end[before - 1], 0) << _BITS
        if start < i:
            k = len(self.segments) - 1
            while self.segments[k][0] > start:
                k -= 1
            _, level, line_break, _ = self.segments[k]
            for edge in (start, i + 1):
                cost += self.gap_costs[self.levels[edge] - level]
                cost += _BREAK_COSTS[line_break - self.breaks[edge]]
        return cost
