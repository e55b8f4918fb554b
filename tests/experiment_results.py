"""Results of experiments made by hand: at which rank each strategy put what was expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from coco_core.configs import ChunkingConfig, EmbeddingConfig, IndexingConfig
from coco_core.plan import QueryPlan
from coco_experiments import (
    AnswerRecord,
    Expected,
    Experiment,
    HitRecord,
    IndexResult,
    Question,
    Results,
    TargetRecord,
)

__all__ = ["QUESTIONS", "RANKS", "hit", "made_results", "question", "with_questions"]

QUESTIONS = 8

RANKS: Mapping[str, Sequence[int]] = {
    "small/words": (1, 1, 1, 1, 1, 1, 1, 1),
    "small/meaning": (2, 2, 2, 2, 2, 2, 2, 0),
    "large/words": (1, 1, 1, 1, 1, 1, 1, 1),
    "large/meaning": (1, 0, 1, 2, 1, 1, 0, 1),
}
"""By strategy, the rank of the expected hit for q1 to q8; 0 where it is missing."""


def question(number: int) -> Question:
    """The even ones are German, the first half is easy."""
    return Question(
        f"q{number}",
        f"where is thing {number}?",
        (Expected(f"right-{number}.md#thing-{number}"),),
        ("easy",) if number <= QUESTIONS // 2 else ("hard", "odd" if number % 2 else "even"),
        "en" if number % 2 else "de",
    )


def hit(doc_id: str, fragment: str = "", excerpt: str = "Some text.") -> HitRecord:
    """A hit at lines 3 to 9."""
    return HitRecord(doc_id, 3, 9, "", fragment, ("Guide", "Part"), (), 0.5, excerpt)


def made_results(
    ranks: Mapping[str, Sequence[int]] = RANKS, *, top_k: int = 3, name: str = "by hand"
) -> Results:
    """Return finished results in which each strategy found each thing at its rank."""
    indexes = list(dict.fromkeys(each.partition("/")[0] for each in ranks))
    queries = list(dict.fromkeys(each.partition("/")[2] for each in ranks))
    length = max(len(each) for each in ranks.values())
    experiment = Experiment(
        name=name,
        project_id="p1",
        path=None,
        indexes=tuple(
            IndexingConfig(each, ChunkingConfig("fixed_token", 64 * at), EmbeddingConfig())
            for at, each in enumerate(indexes, 1)
        ),
        queries=tuple(
            QueryPlan(query_config_id=each, retrieval={"top_k": top_k}) for each in queries
        ),
        questions=tuple(question(number) for number in range(1, length + 1)),
    )
    return Results(
        experiment=experiment,
        target=TargetRecord("local", "http://127.0.0.1:1", "p1", "shop", None),
        started_at=1_790_000_000.0,
        finished_at=1_790_000_060.0,
        indexes=tuple(
            IndexResult(each, "f", 10, 100 * at, 1.5 * at, 2_000_000 // at, 10, 0, 100, 0)
            for at, each in enumerate(indexes, 1)
        ),
        answers=tuple(
            AnswerRecord(
                *strategy.split("/"),
                f"q{number}",
                milliseconds=float(10 * position + number),
                hits=_hits(number, rank, top_k),
            )
            for position, (strategy, row) in enumerate(ranks.items(), 1)
            for number, rank in enumerate(row, 1)
        ),
    )


def with_questions(results: Results, questions: Sequence[Question]) -> Results:
    """Return the results as if other questions had been asked and answered alike."""
    names = dict(
        zip(
            (each.question_id for each in results.experiment.questions),
            (each.question_id for each in questions),
            strict=True,
        )
    )
    return replace(
        results,
        experiment=replace(results.experiment, questions=tuple(questions)),
        answers=tuple(
            replace(each, question_id=names[each.question_id]) for each in results.answers
        ),
    )


def _hits(number: int, rank: int, top_k: int) -> tuple[HitRecord, ...]:
    return tuple(
        hit(f"right-{number}.md", f"thing-{number}") if at == rank else hit(f"wrong-{at}.md")
        for at in range(1, top_k + 1)
    )
