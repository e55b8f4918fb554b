"""Whether the line that decides a question stands in what an agent reads first.

    python -m bench.retrieval.lines CHECKOUTS [--history DIR] [--models DIR] [--half report]

Starts a daemon in a temporary home, registers every checkout, waits until it is indexed (with a
model also until every chunk has a vector) and asks the MCP tool `search` with its defaults. Prints
the share of questions whose deciding line stands in the first 500, 1,000 and 2,000 tokens of the
answer's text, and the tokens of the whole answer.

CHECKOUTS holds a clone of each repository of `line_questions/`, at its commit, under the file's
name; DIR is what a maker of questions from histories wrote (the subject of a commit asks for the
lines that it changed: any of them counts).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from bench.local.report import Report
from bench.retrieval.agent import ask_search, shown_lines, tokens_of
from bench.retrieval.line_set import LineQuestion, QuestionSet, history_sets, own_sets
from bench.retrieval.service import service
from coco_core.metrics import average

CUTS = (500, 1_000, 2_000)


@dataclass(frozen=True, slots=True)
class Answered:
    """One question."""

    repository: str
    half: str
    history: bool
    question: str
    tokens_to_line: float | None
    """Read until the deciding line was seen; None when the answer does not hold it."""
    tokens: float
    """Of the whole answer."""


def look(question: LineQuestion, answer: str) -> float | None:
    """Return the tokens up to the deciding line."""
    for line in shown_lines(answer):
        if question.decided_by(line.path, line.number, line.text):
            return line.tokens
    return None


def ask_all(
    ask: Callable[[Path, str], str], questions: QuestionSet, *, history: bool
) -> Iterator[Answered]:
    """Ask every question of a set."""
    for question in questions.questions:
        answer = ask(questions.root, question.text)
        yield Answered(
            questions.name,
            questions.half,
            history,
            question.text,
            look(question, answer),
            tokens_of(answer),
        )


def summary(answered: list[Answered]) -> dict[str, float]:
    """Return the share of lines seen within each cut, and what an answer costs."""
    found = [each.tokens_to_line for each in answered]
    return {
        "questions": len(answered),
        **{
            f"within_{cut}": sum(each is not None and each <= cut for each in found) / len(found)
            for cut in CUTS
        },
        "tokens": average([each.tokens for each in answered]),
    }


def _say(name: str, answered: list[Answered]) -> None:
    if answered:
        values = "  ".join(f"{key} {value:.2f}" for key, value in summary(answered).items())
        print(f"{name:24} {values}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkouts", type=Path, help="folder with one clone per repository")
    parser.add_argument("--history", type=Path, help="folder of questions made from histories")
    parser.add_argument("--models", type=Path, help="folder of installed models (~/.coco/models)")
    parser.add_argument("--home", type=Path, help="keep the daemon's indexes here between runs")
    parser.add_argument("--half", choices=("develop", "report"), help="only this half")
    parser.add_argument("--missed", action="store_true", help="list what 1,000 tokens do not show")
    arguments = parser.parse_args()
    report = Report("lines", models=arguments.models is not None)
    sets = [(each, False) for each in own_sets(arguments.checkouts)]
    if arguments.history is not None:
        sets += [(each, True) for each in history_sets(arguments.history)]
    answered: list[Answered] = []
    with service(arguments.models, arguments.home) as there, there.client as client:
        ask = partial(ask_search, client)
        for questions, history in sets:
            if arguments.half not in (None, questions.half):
                continue
            there.index(questions.root, embedded=arguments.models is not None)
            own = list(ask_all(ask, questions, history=history))
            _say(questions.name, own)
            answered += own
    for half in ("develop", "report"):
        for history in (False, True):
            name = f"{'history' if history else 'own'}, {half}"
            _say(name, [a for a in answered if (a.half, a.history) == (half, history)])
    if arguments.missed:
        for each in answered:
            if each.tokens_to_line is None or each.tokens_to_line > CUTS[1]:
                print(f"missed: {each.repository}: {each.question} ({each.tokens_to_line})")
    report.keep(summary=summary(answered), questions=[asdict(each) for each in answered])
    report.write()


if __name__ == "__main__":
    main()
