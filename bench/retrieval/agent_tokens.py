"""Tokens that an agent reads until it has seen the line that decides a question.

    python -m bench.retrieval.agent_tokens CHECKOUTS [--models DIR] [--repos flask,click]

With CoCo it calls the MCP tool `search` with its defaults, then reads a hundred lines around each
place that is shown of the first three files; what it has not seen then it looks for as the other
one does, at that price on top.
Without CoCo it searches with ripgrep for the two rarest words of the question that occur, reads the
list of matches (the first sixty of each word), and then the files, those with both words and most
matches first, a hundred lines at a time around the matches. Both stop at the deciding line.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.local.report import Report
from bench.retrieval.agent import ask_search, shown_lines, tokens_of
from bench.retrieval.line_set import LineQuestion, own_sets
from bench.retrieval.service import service
from coco_core.stopwords import STOPWORDS
from coco_local.search.ripgrep import ripgrep_path
from coco_protocol.local import LocalService

# Files of an answer that are opened before the agent changes its mind.
_FILES = 3
# Lines of a list of matches that are read.
_LISTED = 60
_WINDOW = 100
# Beyond this it would ask its user.
_MOST = 60_000.0

_WORD = re.compile(r"[A-Za-z][A-Za-z_]{2,}")


@dataclass(frozen=True, slots=True)
class Match:
    """A line that ripgrep lists."""

    path: str
    number: int
    text: str


def with_coco(client: LocalService, root: Path, question: LineQuestion) -> tuple[float, bool]:
    """Return the tokens that are read, and whether that led to the line."""
    answer = ask_search(client, root, question.text)
    shown = list(shown_lines(answer))
    for line in shown:
        if question.decided_by(line.path, line.number, line.text):
            return line.tokens, True
    spent = tokens_of(answer)
    for path in list(dict.fromkeys(line.path for line in shown))[:_FILES]:
        numbers = [line.number for line in shown if line.path == path and line.number is not None]
        for match in read(root, path, numbers):
            spent += tokens_of(match.text + "\n")
            if question.decided_by(path, match.number, match.text):
                return spent, True
    return spent, False


def without(root: Path, question: LineQuestion) -> float:
    """Return the tokens that are read with ripgrep and by reading files."""
    found = {word: matches(root, word) for word in set(_WORD.findall(question.text))
             if word.lower() not in STOPWORDS}  # fmt: skip
    rarest = sorted((word for word in found if found[word]), key=lambda word: len(found[word]))[:2]
    spent = 0.0
    words: dict[str, set[str]] = defaultdict(set)
    count: Counter[str] = Counter()
    places: dict[str, list[int]] = defaultdict(list)
    for word in rarest:
        for position, match in enumerate(found[word]):
            if position < _LISTED:
                spent += tokens_of(f"{match.path}:{match.number}:{match.text}\n")
                if question.decided_by(match.path, match.number, match.text):
                    return spent
            words[match.path].add(word)
            count[match.path] += 1
            places[match.path].append(match.number)
    for path in sorted(places, key=lambda path: (-len(words[path]), -count[path], path)):
        for line in read(root, path, places[path]):
            spent += tokens_of(line.text + "\n")
            if question.decided_by(path, line.number, line.text):
                return spent
            if spent > _MOST:
                return spent
    return max(spent, _MOST)


def matches(root: Path, word: str) -> list[Match]:
    """Return the lines that hold a word, in order of paths."""
    command = [ripgrep_path(), "--json", "--ignore-case", "--sort", "path", "--", word, "."]
    output = subprocess.run(command, cwd=root, capture_output=True, check=False).stdout
    found = []
    for line in output.splitlines():
        event = json.loads(line)
        if event["type"] == "match" and "text" in event["data"]["lines"]:
            data = event["data"]
            path = data["path"]["text"].removeprefix("./")
            found.append(Match(path, data["line_number"], data["lines"]["text"].rstrip("\n")))
    return found


def read(root: Path, path: str, numbers: list[int]) -> Iterator[Match]:
    """Yield the lines of a file around matches, each once, a window at a time."""
    lines = (root / path).read_text(encoding="utf-8", errors="replace").split("\n")
    seen: set[int] = set()
    for number in numbers:
        if number in seen:
            continue
        first = max(1, number - _WINDOW // 2)
        for at in range(first, min(len(lines), first + _WINDOW - 1) + 1):
            if at not in seen:
                seen.add(at)
                yield Match(path, at, lines[at - 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkouts", type=Path, help="folder with one clone per repository")
    parser.add_argument("--models", type=Path, help="folder of installed models (~/.coco/models)")
    parser.add_argument("--home", type=Path, help="keep the daemon's indexes here between runs")
    parser.add_argument("--repos", default="flask,click", help="names, separated by commas")
    arguments = parser.parse_args()
    wanted = set(arguments.repos.split(","))
    report = Report("agent-tokens", models=arguments.models is not None)
    rows: list[dict[str, str | float]] = []
    totals = [0.0, 0.0]
    missed = 0
    with service(arguments.models, arguments.home) as there, there.client as client:
        for questions in own_sets(arguments.checkouts):
            if questions.name not in wanted:
                continue
            there.index(questions.root, embedded=arguments.models is not None)
            for question in questions.questions:
                plain = without(questions.root, question)
                ours, found = with_coco(client, questions.root, question)
                if not found:
                    missed += 1
                    ours += plain
                totals[0] += ours
                totals[1] += plain
                print(f"{ours:8.0f} {plain:8.0f}  {questions.name}: {question.text}", flush=True)
                rows.append({"question": question.text, "coco": ours, "grep": plain})
    report.add(
        questions=len(rows),
        not_in_the_first_files=missed,
        tokens_with_coco=totals[0] / len(rows),
        tokens_with_grep=totals[1] / len(rows),
        share=totals[0] / totals[1],
        median_with_coco=median([float(row["coco"]) for row in rows]),
        median_with_grep=median([float(row["grep"]) for row in rows]),
    )
    report.keep(rows=rows)
    report.write()


if __name__ == "__main__":
    main()
