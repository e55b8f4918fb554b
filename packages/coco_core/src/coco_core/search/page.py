"""Result selection: limit per document, overlap removal, and token budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from coco_core.intent import SearchIntent
from coco_core.ranking import Ranked

__all__ = ["Pick", "Selection", "select"]

# Overlapping hits are shown as one, up to this many lines: past a screenful or two the reader is
# better served by the best part alone.
_LONGEST_JOINED = 200


@dataclass(frozen=True, slots=True)
class Pick:
    """One result: the hit that put it there, and its lines (hits joined to it may widen them)."""

    ranked: Ranked
    start_line: int
    end_line: int
    token_count: int
    further: tuple[Ranked, ...] = ()
    """Other places of the document that answer nearly as well, best first."""

    @property
    def doc_id(self) -> str:
        """The document that the lines are of."""
        return self.ranked.candidate.metadata.doc_id


class Selection:
    """Collects an answer from hits offered best first; a caller leaves out those that are gone.

    `offer` takes the lines where the hit stands now. Once `full` is true nothing more can enter;
    one hit offered beyond that tells whether there is `more`.
    """

    def __init__(self, intent: SearchIntent, *, most: int | None = None) -> None:
        """Start the empty answer to an intent; ``most`` hits instead of those of its pages."""
        self._intent = intent
        self._most = most
        self._most_of_one = None if intent.ranking.diversity is False else intent.per_document
        # Earlier pages are collected too: what stood there must not come again.
        self._picks: list[Pick] = []
        self._taken: Counter[str] = Counter()
        self._tokens = 0
        self._closed = False
        self.more = False
        """Whether a hit was left out that a next page would show."""

    @property
    def size(self) -> int:
        """How many hits this page and those before it hold at most."""
        if self._most is not None:
            return self._most
        return self._intent.offset + self._intent.top_k

    @property
    def full(self) -> bool:
        """Whether no further hit can enter."""
        return self._closed or len(self._picks) >= self.size

    @property
    def picks(self) -> list[Pick]:
        """The answer so far, best first, without the pages before it."""
        return self._picks[self._intent.offset :]

    @property
    def next_offset(self) -> int | None:
        """Where the next page starts; ``None`` when this one is the last."""
        return len(self._picks) if self.more and self.picks else None

    def has_room_for(self, ranked: Ranked, after: int = 0) -> bool:
        """Whether a hit of this document could enter: spares the caller from reading it in vain.

        ``after`` counts hits of the same document that will be offered before it.
        """
        return not self._quota_used(ranked.candidate.metadata.doc_id, after)

    def _quota_used(self, doc_id: str, after: int = 0) -> bool:
        return self._most_of_one is not None and self._taken[doc_id] + after >= self._most_of_one

    def offer(
        self,
        ranked: Ranked,
        *,
        start_line: int | None = None,
        end_line: int | None = None,
        token_count: int | None = None,
    ) -> bool:
        """Consider the next best hit; return whether the answer shows it."""
        metadata = ranked.candidate.metadata
        pick = Pick(
            ranked,
            metadata.start_line if start_line is None else start_line,
            metadata.end_line if end_line is None else end_line,
            metadata.token_count if token_count is None else token_count,
        )
        if self._too_weak(pick) or self._quota_used(pick.doc_id):
            return False
        if self._joined(pick):
            self._taken[pick.doc_id] += 1
            return True
        return self._enter(pick)

    def take(self, pick: Pick) -> bool:
        """Consider the next best result of another selection, as it is; return whether it enters.

        What it holds of its document was decided there.
        """
        return not self._too_weak(pick) and self._enter(pick)

    def _too_weak(self, pick: Pick) -> bool:
        least = self._intent.min_score
        if least is not None and pick.ranked.score < least:
            self._closed = True
            return True
        return False

    def _enter(self, pick: Pick) -> bool:
        if self.full:
            self.more = True
            return False
        if not self._affordable(pick.token_count):
            self._closed = self.more = True
            return False
        self._spend(pick.token_count)
        self._picks.append(pick)
        self._taken[pick.doc_id] += 1
        return True

    def _on_this_page(self) -> bool:
        return len(self._picks) >= self._intent.offset

    def _affordable(self, tokens: int) -> bool:
        budget = self._intent.max_tokens
        if budget is None or not self._on_this_page():
            return True
        # The best hit always enters, to be cut by whoever prints it: no answer helps nobody.
        return not self.picks or self._tokens + tokens <= budget

    def _spend(self, tokens: int) -> None:
        if self._on_this_page():
            self._tokens += tokens

    def _joined(self, pick: Pick) -> bool:
        """Show a hit that shares lines with one already picked as part of that."""
        if not self._taken[pick.doc_id]:
            return False
        for i, there in enumerate(self._picks):
            if there.doc_id != pick.doc_id:
                continue
            start = min(there.start_line, pick.start_line)
            end = max(there.end_line, pick.end_line)
            lines = pick.end_line - pick.start_line + 1
            shared = min(there.end_line, pick.end_line) - max(there.start_line, pick.start_line) + 1
            if shared == lines:
                return True
            if shared <= 0 or end - start >= _LONGEST_JOINED:
                continue
            added = pick.token_count * (lines - shared) // lines
            if i >= self._intent.offset and not self._affordable(added):
                continue
            if i >= self._intent.offset:
                self._spend(added)
            self._picks[i] = replace(
                there, start_line=start, end_line=end, token_count=there.token_count + added
            )
            return True
        return False


def select(intent: SearchIntent, ranked: Iterable[Ranked]) -> list[Pick]:
    """Return the answer from hits that are all known to stand."""
    selection = Selection(intent)
    for each in ranked:
        if selection.full:
            break
        selection.offer(each)
    return selection.picks
