"""A project's adopted retrieval config fills what a request leaves out, and nothing else."""

from __future__ import annotations

from coco_protocol.docs import RankingBody, RetrievalBody
from coco_protocol.serving.intents import with_defaults

ADOPTED = RetrievalBody(top_k=5, hybrid_alpha=0.3, ranking=RankingBody(profile="docs", paths=False))


def test_a_request_that_says_nothing_takes_all_of_the_defaults() -> None:
    assert with_defaults(RetrievalBody(), ADOPTED) == ADOPTED


def test_what_was_sent_wins_even_when_it_equals_the_default_of_the_wire() -> None:
    sent = RetrievalBody(top_k=10, hybrid_alpha=None)
    merged = with_defaults(sent, ADOPTED)
    assert (merged.top_k, merged.hybrid_alpha) == (10, None)
    assert merged.ranking == ADOPTED.ranking


def test_each_switch_of_the_ranking_counts_for_itself() -> None:
    sent = RetrievalBody(ranking=RankingBody(profile="code"))
    merged = with_defaults(sent, ADOPTED)
    assert (merged.ranking.profile, merged.ranking.paths) == ("code", False)


def test_without_defaults_the_request_stays_as_it_is() -> None:
    sent = RetrievalBody(top_k=3)
    assert with_defaults(sent, None) is sent
