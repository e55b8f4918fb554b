"""What the report makes of results: merged files, verdicts, groups, and what moved."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from coco_core.errors import InvalidInput
from coco_experiments import Expected, Results
from coco_experiments.report.biggest_changes import biggest_changes
from coco_experiments.report.columns import COLUMNS, column_of, milliseconds
from coco_experiments.report.document import comparison_document, group_document
from coco_experiments.report.grouping import grouped
from coco_experiments.report.merging import Comparison, ResultsSource, merge
from coco_experiments.report.significance import adjusted, caution, findings, lead, written_p
from tests.experiment_results import QUESTIONS, RANKS, made_results, with_questions

SECOND = 1 / math.log2(3)
"""nDCG when the only expected hit stands second."""


def compared(*results: Results, k: int | None = None) -> Comparison:
    named = [ResultsSource(f"file{at}", each) for at, each in enumerate(results, 1)]
    return merge(named, k)


def verdicts(comparison: Comparison, baseline: int) -> dict[str, str]:
    return {
        comparison.strategies[each.strategy].name: each.words
        for each in findings(comparison, baseline)
    }


def test_one_file_keeps_its_names_and_gives_the_figures_of_its_ranks() -> None:
    comparison = compared(made_results())
    assert [each.name for each in comparison.strategies] == list(RANKS)
    assert comparison.k == 3
    assert not comparison.notes
    metrics = {each.name: each.metrics for each in comparison.strategies}
    assert metrics["small/words"].ndcg == 1
    assert metrics["small/meaning"].ndcg == pytest.approx(7 * SECOND / 8)
    assert metrics["large/meaning"].recall == pytest.approx(6 / 8)


def test_among_equals_the_quickest_is_the_best() -> None:
    comparison = compared(made_results())
    # small/words and large/words found the same; the first took 10 ms, the second 30.
    assert comparison.strategies[comparison.best].name == "small/words"


def test_where_ids_clash_the_name_of_the_file_tells_them_apart() -> None:
    other = made_results({"small/words": RANKS["small/words"], "new/words": RANKS["large/meaning"]})
    comparison = compared(made_results(), other)
    names = [each.name for each in comparison.strategies]
    assert names == [
        "file1:small/words",
        "small/meaning",
        "large/words",
        "large/meaning",
        "file2:small/words",
        "new/words",
    ]
    assert [each.index for each in comparison.strategies][4:] == ["file2:small", "new"]


def test_only_questions_that_all_files_asked_alike_are_judged() -> None:
    first = made_results()
    questions = list(first.experiment.questions)
    questions[0] = replace(questions[0], query="something else")
    questions[1] = replace(questions[1], expected=(Expected("right-2.md#thing-2", 0.5),))
    questions[2] = replace(questions[2], question_id="q3-new")
    # Tags do not change what is judged.
    questions[3] = replace(questions[3], tags=("other",))
    comparison = compared(first, with_questions(made_results(name="again"), questions))
    assert [each.question_id for each in comparison.questions] == ["q4", "q5", "q6", "q7", "q8"]
    assert all(len(each.metrics.questions) == 5 for each in comparison.strategies)
    assert sum("3 questions of file" in note for note in comparison.notes) == 2


def test_files_without_a_common_question_are_refused() -> None:
    first = made_results()
    others = [
        replace(each, question_id=f"other-{each.question_id}")
        for each in first.experiment.questions
    ]
    with pytest.raises(InvalidInput, match="file1 and file2 share no question"):
        compared(first, with_questions(made_results(), others))


def test_results_without_any_answer_are_refused() -> None:
    with pytest.raises(InvalidInput, match="no answers yet"):
        compared(replace(made_results(), answers=()))


def test_a_strategy_that_was_asked_nothing_stands_last_and_has_no_figures() -> None:
    results = made_results()
    answers = tuple(each for each in results.answers if each.index_id != "small")
    comparison = compared(replace(results, answers=answers))
    assert comparison.strategies[comparison.best].name == "large/words"
    assert comparison.strategies[0].metrics.value("ndcg") is None
    assert set(verdicts(comparison, comparison.best)) == {"large/meaning"}


def test_the_smallest_cutoff_holds_for_all_and_is_told() -> None:
    comparison = compared(made_results(top_k=3), made_results(top_k=5))
    assert comparison.k == 3
    assert any("k = 3, the smallest" in note for note in comparison.notes)


def test_a_cutoff_beyond_what_was_asked_for_is_told() -> None:
    comparison = compared(made_results(top_k=3), k=10)
    assert comparison.k == 10
    assert "words was asked for 3 hits only" in comparison.notes[0]
    assert compared(made_results(), k=1).strategies[1].metrics.ndcg == 0


def test_what_spoils_a_comparison_is_told() -> None:
    results = made_results()
    # The last answer is missing, the first failed.
    answers = (replace(results.answers[0], hits=(), error="503"), *results.answers[1:-1])
    comparison = compared(replace(results, answers=answers, finished_at=None))
    assert comparison.notes == (
        "file1 is not finished; `coco experiment run --resume` goes on.",
        "large/meaning was not asked all 8 questions: such means cannot be compared.",
        "small/words was without 1 answer because of errors; those count as nothing found.",
    )


def test_many_failures_are_one_note() -> None:
    results = made_results()
    answers = tuple(replace(each, hits=(), error="503") for each in results.answers)
    comparison = compared(replace(results, answers=answers))
    assert comparison.notes == (
        "4 strategies were without 32 answers because of errors; those count as nothing found.",
    )


def test_a_baseline_that_is_not_there_is_told_with_what_is() -> None:
    comparison = compared(made_results())
    assert comparison.position("large/words") == 2
    with pytest.raises(InvalidInput, match="no strategy 'large/wrods'") as error:
        comparison.position("large/wrods")
    assert "Did you mean 'large/words'?" in str(error.value)


def test_p_values_are_corrected_for_their_number() -> None:
    # By hand: 3 * 0.01; 2 * 0.03; 1 * 0.04, but never below the one before.
    assert adjusted([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert adjusted([0.9, 0.8]) == [1.0, 1.0]
    assert adjusted([]) == []


def test_a_difference_in_every_question_is_a_verdict_and_one_in_few_is_not() -> None:
    assert verdicts(compared(made_results()), 0) == {
        "small/meaning": "worse",
        "large/words": "the same",
        "large/meaning": "unclear",
    }
    assert verdicts(compared(made_results()), 1)["small/words"] == "better"


def test_what_only_many_comparisons_explain_is_a_perhaps() -> None:
    # Alone p is 2 / 2**6; among eight that are no better than chance it is not enough.
    ranks = {"a/base": (2,) * 8, "a/up": (1, 1, 1, 1, 1, 1, 2, 2)}
    alone = compared(made_results(ranks))
    assert verdicts(alone, 0) == {"a/up": "better"}
    chance = {f"a/chance{at}": (1, 0, 2, 1, 0, 2, 3, 2) for at in range(8)}
    among = compared(made_results(ranks | chance))
    assert verdicts(among, 0)["a/up"] == "perhaps better"


def test_the_lead_says_who_is_best_and_from_whom_it_cannot_be_told_apart() -> None:
    comparison = compared(made_results())
    first, ahead, close = lead(comparison, 0, findings(comparison, 0))
    assert first == "small/words is best by nDCG@3: 1.000."
    assert ahead == "It is clearly ahead of small/meaning."
    assert close == "8 questions do not tell it apart from large/words and large/meaning."
    against = lead(comparison, 1, findings(comparison, 1))
    assert any("Than small/meaning, clearly better:" in each for each in against)


def test_few_questions_are_a_caution() -> None:
    comparison = compared(made_results({"a/x": (1, 1), "a/y": (2, 2)}))
    found = findings(comparison, 0)
    assert "2 questions cannot show any difference; 6 are the fewest" in caution(
        comparison, 0, found
    )
    whole = compared(made_results())
    text = caution(whole, 0, findings(whole, 0))
    assert "cannot show" not in text
    assert "Holm's correction for 3 comparisons" in text
    assert "chosen by these same questions" in text
    assert "chosen by" not in caution(whole, 1, findings(whole, 1))


def test_what_moved_most_comes_first_and_what_did_not_is_left_out() -> None:
    comparison = compared(made_results())
    moved = biggest_changes(comparison, 3)
    assert [each.question.question_id for each in moved] == ["q2", "q7", "q8"]
    assert (moved[0].best, moved[0].worst) == (1, 0)
    assert [comparison.strategies[at].name for at in moved[0].high] == [
        "small/words",
        "large/words",
    ]
    assert [comparison.strategies[at].name for at in moved[2].low] == ["small/meaning"]
    same = compared(made_results({"a/x": (1, 2), "a/y": (1, 2)}))
    assert biggest_changes(same, 5) == ()


def test_groups_have_the_figures_of_their_questions() -> None:
    comparison = compared(made_results())
    tags = {group.name: group for group in grouped(comparison, "tag")}
    assert {name: group.questions for name, group in tags.items()} == {
        "easy": 4,
        "even": 2,
        "hard": 4,
        "odd": 2,
    }
    # large/meaning: 1, missing, 1, second.
    assert tags["easy"].metrics[3].ndcg == pytest.approx((2 + SECOND) / 4)
    assert [group.name for group in grouped(comparison, "language")] == ["de", "en"]


def test_questions_without_any_tag_make_no_groups() -> None:
    results = made_results()
    bare = [replace(each, tags=()) for each in results.experiment.questions]
    assert grouped(compared(with_questions(results, bare)), "tag") == ()
    some = [*bare[1:], results.experiment.questions[0]]
    named = grouped(compared(with_questions(results, some)), "tag")
    assert [group.title("tag") for group in named] == ["easy", "(no tag)"]


def test_the_document_holds_what_the_table_shows() -> None:
    comparison = compared(made_results())
    found = findings(comparison, 0)
    document = comparison_document(comparison, 0, found, biggest_changes(comparison, 2))
    assert document["best"] == document["baseline"] == "small/words"
    assert document["questions"] == QUESTIONS
    words, meaning = document["strategies"][:2]
    assert words["ndcg"] == 1
    assert "ndcg" in words["best"]
    assert "index_bytes" not in words["best"]
    assert meaning["best"] == ["index_seconds"]
    assert set(words) >= {column.name for column in COLUMNS}
    worse = document["differences"][0]
    assert worse["strategy"] == "small/meaning"
    assert worse["verdict"] == "worse"
    assert worse["low"] <= worse["mean"] <= worse["high"] < 0
    assert document["moved"][0]["best_strategies"] == ["small/words", "large/words"]
    [de, _] = group_document(comparison, "language", grouped(comparison, "language"))
    assert (de["language"], de["questions"]) == ("de", 4)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.04, "0.0"), (8.44, "8.4"), (99.94, "99.9"), (99.96, "100"), (1234.5, "1,234")],
)
def test_times_have_the_digits_that_mean_something(value: float, text: str) -> None:
    assert milliseconds(value) == text


def test_heads_name_the_cutoff_where_it_decides() -> None:
    assert column_of("ndcg").head(5) == "nDCG@5"
    assert column_of("hit_rate").head(5, short=True) == "Hit@5"
    assert column_of("p95_ms").head(5) == "p95"
    assert column_of("p95_ms").head(5, short=True) == "p95 ms"
    assert column_of("p95_ms").cell(None) == "-"
    assert written_p(0.0001) == "<0.001"
