"""Alignment of a query's words with a text's, and what follows from it for candidates."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coco_core.intent import SearchIntent
from coco_core.query import parse_query
from coco_core.search.literal import Asked, best_run, with_literal_evidence
from coco_core.types import Candidate, CandidateSet, ChunkKind, ChunkMetadata
from coco_core.wording import Wording, literal_words

CHUNKS = 1000

ERROR = 'raise InvalidInput("Give doc_id and line, or chunk_id.")'


def found(query: str, texts: Sequence[str], common: int = 40, **frequencies: int) -> CandidateSet:
    """Candidates of these texts; so many chunks hold a word of the query that is in any of them."""
    known = {word for text in texts for word in literal_words(text)}
    words = Wording.of(query).words
    counts = {w.term: frequencies.get(w.text, common if w.text in known else 0) for w in words}
    chunks = [
        ChunkMetadata(key, f"{key}.py", ChunkKind.TEXT, "python", "", (), 1, 9, 10)
        for key in range(len(texts))
    ]
    return CandidateSet(
        [Candidate(chunk, 1.0) for chunk in chunks],
        total=CHUNKS,
        filtered=CHUNKS,
        frequencies=counts,
        promising=[chunk.key for chunk in chunks],
    )


def strengths(query: str, *texts: str, **frequencies: int) -> list[float]:
    parsed = parse_query(SearchIntent(query))
    answer = found(query, texts, **frequencies)

    def read(candidates: Sequence[Candidate]) -> list[str]:
        return [texts[each.metadata.key] for each in candidates]

    return [each.literal for each in with_literal_evidence(parsed, answer, read).candidates]


def asked(query: str, *texts: str) -> Asked:
    return Asked.of(parse_query(SearchIntent(query)), found(query, texts))


WORDS = st.lists(
    st.sampled_from(["alpha", "beta", "gamma", "delta", "epsilon"]), min_size=1, max_size=8
)


@given(WORDS, WORDS, WORDS)
def test_a_text_that_holds_the_query_covers_all_of_it(
    query: list[str], before: list[str], after: list[str]
) -> None:
    plan = asked(" ".join(query), " ".join(query))
    run = best_run(plan, [*before, *query, *after])
    assert run.weight >= sum(plan.weights) - 1e-9


@given(WORDS, WORDS)
def test_no_chain_weighs_more_than_the_query(query: list[str], text: list[str]) -> None:
    plan = asked(" ".join(query), " ".join(query))
    run = best_run(plan, text)
    assert run.weight <= sum(plan.weights) + 1e-9
    assert run.words <= min(len(query), len(text))


@given(WORDS)
def test_words_in_another_order_make_a_shorter_chain(query: list[str]) -> None:
    distinct = list(dict.fromkeys(query))
    plan = asked(" ".join(distinct), " ".join(distinct))
    assert best_run(plan, distinct[::-1]).words == 1


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("InvalidInput: Give doc_id and line, or chunk_id.", ERROR),
        (
            "There is no project 'foo' in config.yml",
            'f"There is no project {name!r} in {path}"',
        ),
        (
            "2026-03-01 12:00:03 WARN connection to db-1 refused after 3 retries",
            'log.warning("connection to %s refused after %d retries", host, count)',
        ),
        (
            "cannot read the settings of this workspace",
            '"cannot read the settings "\n            "of this workspace"',
        ),
        ("配置文件在启动时加载", "配置文件在启动时加载并且默认"),
    ],
)
def test_a_message_is_proof_of_its_source(query: str, text: str) -> None:
    resembling = " ".join(sorted(literal_words(text)))
    right, wrong = strengths(query, text, resembling)
    assert right > 0.3
    assert wrong < right / 3


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("how is the request handled by the server", "the server handles a request"),
        ("function composition utility", "import a function composition"),
        ("error handler", "an error in the handler"),
        ("where is the request context pushed", "a request context"),
    ],
)
def test_a_question_is_no_quotation(query: str, text: str) -> None:
    assert strengths(query, text) == [pytest.approx(0, abs=0.05)]


def test_of_two_equal_runs_the_one_as_written_is_better() -> None:
    better, worse = strengths("a[index] = value + offset", "a[index] = value + offset",
                              "a(index) == value - offset")  # fmt: skip
    assert better > worse > 0


def test_a_word_that_stands_once_proves_its_place() -> None:
    query = "where is the request vlork9 handled"
    right, wrong = strengths(query, "# vlork9 here", "the request is handled where it is", vlork9=1)
    assert right > 0.5
    assert wrong == pytest.approx(0, abs=0.05)


def test_a_plain_word_that_stands_once_does_not() -> None:
    query = "where is the request monitored somewhere"
    (strength,) = strengths(query, "# monitored here", monitored=1)
    assert strength == pytest.approx(0, abs=0.05)


def test_one_line_of_a_long_paste_is_enough() -> None:
    paste = "\n".join([
        "Traceback (most recent call last):",
        '  File "/srv/app/web.py", line 10, in main',
        "    run(server)",
        '  File "/srv/app/server.py", line 5, in get',
        '    raise KeyError("the profile has no name at all")',
        "KeyError: 'the profile has no name at all'",
    ])  # fmt: skip
    right, wrong = strengths(
        paste, 'def get():\n    raise KeyError("the profile has no name at all")', "def main(): run"
    )
    assert right > 0.5
    assert wrong == pytest.approx(0, abs=0.05)


def test_what_is_not_promising_is_not_read() -> None:
    parsed = parse_query(SearchIntent("alpha beta gamma"))
    answer = CandidateSet(found("alpha beta gamma", ["alpha"]).candidates, total=1, filtered=1)

    def read(candidates: Sequence[Candidate]) -> list[str]:
        raise AssertionError(candidates)

    assert with_literal_evidence(parsed, answer, read) is answer


def test_a_word_repeated_without_end_is_compared_in_bounded_steps() -> None:
    plan = asked("alpha " * 240, "alpha")
    assert len(plan.places["alpha"]) == 12
    assert best_run(plan, ["alpha"] * 500).words >= 12


def test_two_parts_of_a_message_prove_more_than_one() -> None:
    both, one, none = strengths(
        "Error: No such option: --foo Did you mean --bar?",
        'message = "No such option: {name}"\nhint = "Did you mean {other}?"',
        'message = "No such option: {name}"',
        "such an option means no error",
    )
    assert both > one > 0.3
    assert none == pytest.approx(0, abs=0.05)
