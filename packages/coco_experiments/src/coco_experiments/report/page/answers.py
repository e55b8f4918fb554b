"""Answers of every strategy to every question, as JSON for the page's script.

Strategies on one index find the same passages again and again: each passage stands once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from coco_core.anchors import matches
from coco_experiments import AnswerRecord, HitRecord, Question
from coco_experiments.comparison import QuestionMetrics
from coco_experiments.report.columns import milliseconds
from coco_experiments.report.merging import Comparison, Strategy
from coco_experiments.report.page.colors import index_colors

__all__ = ["answers"]

# Hits beyond these are rarely looked at, and a page of a thousand questions must stay a page.
_HITS = 10
# Browsers read this many characters of excerpts at once without a stop that is felt.
_MOST_CHARACTERS = 12_000_000
_EXCERPT_LENGTHS = (400, 240, 120, 60)


@dataclass(slots=True)
class _Passages:
    """Distinct passages and their excerpts."""

    places: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def add(self, hit: HitRecord) -> int:
        key = (_place(hit), _about(hit), hit.excerpt.strip())
        return self.places.setdefault(key, len(self.places))

    def written(self) -> tuple[list[list[Any]], list[str]]:
        """Return passages that name their excerpt by number (-1 for none), and the excerpts."""
        length = _excerpt_length({excerpt for _, _, excerpt in self.places})
        excerpts: dict[str, int] = {}
        passages: list[list[Any]] = []
        for place, about, excerpt in self.places:
            text = _shortened(excerpt, length)
            number = excerpts.setdefault(text, len(excerpts)) if text else -1
            passages.append([place, about, number])
        return passages, list(excerpts)


def answers(comparison: Comparison, baseline: int) -> dict[str, Any]:
    """Return plain data: strategies, questions with all answers, passages and excerpts."""
    passages = _Passages()
    colors = index_colors(comparison)
    recorded = [_recorded(strategy) for strategy in comparison.strategies]
    hits = max(_HITS, comparison.k)
    questions = [
        {
            "id": question.question_id,
            "query": question.query,
            "tags": list(question.tags),
            "language": question.language,
            "expected": [[each.anchor, each.grade] for each in question.expected],
            "answers": [
                _answer(question, metrics, found[question.question_id], passages, hits)
                if (metrics := strategy.metrics.questions.get(question.question_id)) is not None
                else None
                for strategy, found in zip(comparison.strategies, recorded, strict=True)
            ],
        }
        for question in comparison.questions
    ]
    written, excerpts = passages.written()
    return {
        "baseline": baseline,
        "strategies": [
            {"name": each.name, "color": colors[each.index], "ndcg": round(each.metrics.ndcg, 4)}
            for each in comparison.strategies
        ],
        "questions": questions,
        "passages": written,
        "excerpts": excerpts,
    }


def _recorded(strategy: Strategy) -> dict[str, AnswerRecord]:
    """Return what was answered, by question; of several answers the last counts."""
    metrics = strategy.metrics
    return {
        each.question_id: each
        for each in strategy.source.results.answers
        if (each.index_id, each.query_id) == (metrics.index_id, metrics.query_id)
    }


def _answer(
    question: Question,
    metrics: QuestionMetrics,
    answered: AnswerRecord,
    passages: _Passages,
    most: int,
) -> dict[str, Any]:
    ranks, expected = _ranks(question, answered.hits)
    judged = zip(answered.hits, metrics.relevance.gains, expected, strict=True)
    return {
        "ndcg": round(metrics.ndcg, 4),
        "recall": round(metrics.recall, 4),
        "ms": milliseconds(answered.milliseconds),
        "ranks": ranks,
        "hits": [
            [passages.add(hit), round(gain, 4), int(wanted)]
            for hit, gain, wanted in list(judged)[:most]
        ],
        **({} if answered.error is None else {"error": answered.error}),
    }


def _ranks(question: Question, hits: Sequence[HitRecord]) -> tuple[list[int], list[bool]]:
    """Return the first rank of each expected place (0: missed), and which hits were expected."""
    table = [[matches(each.anchor, hit.doc_id, hit) for hit in hits] for each in question.expected]
    ranks = [row.index(True) + 1 if True in row else 0 for row in table]
    return ranks, [any(row[at] for row in table) for at in range(len(hits))]


def _place(hit: HitRecord) -> str:
    if hit.start_line is not None:
        return f"{hit.doc_id}:{hit.start_line}-{hit.end_line or hit.start_line}"
    return f"{hit.doc_id}#{hit.fragment}" if hit.fragment else hit.doc_id


def _about(hit: HitRecord) -> str:
    return " > ".join(hit.heading_trail) or hit.symbol


def _excerpt_length(excerpts: set[str]) -> int:
    """Return how long excerpts may be so that the page stays quick to open; 0 leaves them out."""
    for length in _EXCERPT_LENGTHS:
        if sum(min(len(each), length) for each in excerpts) <= _MOST_CHARACTERS:
            return length
    return 0


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length].rstrip() + "…" if length else ""
