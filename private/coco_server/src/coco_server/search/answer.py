"""An answer on its way: found in the database, and perhaps to be reranked without it."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

from coco_core.errors import InvalidIntent
from coco_core.search.course import FoundResults, SearchPage, StageClock
from coco_embed.reranking.rerankers import Rerankers, RerankingAttempt
from coco_protocol.server.docs import Hit, QueryData, QueryMeta

__all__ = ["FoundAnswer"]


class FoundAnswer:
    """What a question found; `rerank`, where it is wanted, may take seconds and holds nothing."""

    def __init__(
        self,
        *,
        meta: Mapping[str, object],
        notices: Sequence[str | None],
        page: SearchPage[Hit],
        clock: StageClock,
        results: FoundResults[Hit] | None,
        reranker: str,
        rerankers: Rerankers,
    ) -> None:
        """Hold the parts.

        Args:
            meta: what is known of `QueryMeta`.
            notices: what is missing so far.
            page: the page, unless there are ``results`` of which it is yet to be cut.
            clock: of the query.
            results: to be reranked.
            reranker: its name.
            rerankers: where it is.
        """
        self._meta = meta
        self._notices = list(notices)
        self._page = page
        self._clock = clock
        self._results = results
        self._reranker = reranker
        self._rerankers = rerankers
        self._found_at = time.monotonic()

    @property
    def waits_for_reranker(self) -> bool:
        """Whether `rerank` is to be called before it is finished."""
        return self._results is not None

    @property
    def patience(self) -> float:
        """Seconds that it may still wait for its reranker."""
        try:
            return self._rerankers.seconds(self._reranker) - self._waited
        except InvalidIntent:
            # Adopted, and gone since: there is nothing to wait for.
            return 0.0

    @property
    def _waited(self) -> float:
        return time.monotonic() - self._found_at

    def give_up(self) -> None:
        """Wait no longer: the model is not asked any more."""
        self._found_at = -math.inf

    def rerank(self) -> None:
        """Ask the reranker; waiting for a thread to do it on counts as waiting for it."""
        results, self._results = self._results, None
        if results is None:
            return
        attempt = self._attempt(results)
        self._page = results.page(attempt.scores)
        self._notices.append(attempt.notice)
        self._clock.lap("rerank")

    def finished(self) -> tuple[QueryMeta, QueryData]:
        """Return the answer; it is reranked now if that was not done."""
        self.rerank()
        page = self._page
        meta = QueryMeta.model_validate(
            {
                **self._meta,
                "tier": page.tier(),
                "notice": " ".join(each for each in (page.notice, *self._notices) if each) or None,
                "took_ms": self._clock.took,
            }
        )
        data = QueryData(
            results=page.hits, next_offset=page.next_offset, empty_reason=page.empty_reason
        )
        return meta, data

    def _attempt(self, results: FoundResults[Hit]) -> RerankingAttempt:
        return self._rerankers.attempt(
            self._reranker, results.query, results.texts, waited=self._waited
        )
