"""Questions with the line that answers each: our own, and those made of a repository's history."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LineQuestion", "QuestionSet", "history_sets", "own_sets"]

_OWN = Path(__file__).with_name("line_questions")


@dataclass(frozen=True, slots=True)
class LineQuestion:
    """A question, and what must be shown: a text in a file, or one of some lines of files."""

    text: str
    path: str = ""
    line: str = ""
    """What stands on the deciding line; several lines may hold it."""
    ranges: tuple[tuple[str, int, int], ...] = ()
    """Path, first and last line of each place that a change touched."""

    def decided_by(self, path: str, number: int | None, text: str) -> bool:
        """Whether a line that is shown answers the question."""
        if self.line:
            return path == self.path and _plain(self.line) in _plain(text)
        return (
            number is not None
            and bool(text.strip())
            and any(path == of and first <= number <= last for of, first, last in self.ranges)
        )


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """The questions to one checkout."""

    name: str
    half: str
    """``develop``: defaults were chosen on it; ``report``: figures are of it."""
    root: Path
    questions: tuple[LineQuestion, ...]


def own_sets(checkouts: Path) -> Iterator[QuestionSet]:
    """Yield our own questions, of the repositories that are checked out as the questions expect.

    Raises:
        SystemExit: a checkout is at another commit.
    """
    for file in sorted(_OWN.glob("*.json")):
        root = checkouts / file.stem
        if not root.is_dir():
            continue
        known = json.loads(file.read_text(encoding="utf-8"))
        found = subprocess.run(
            ["git", "-C", root, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
        ).stdout.strip()
        if found != known["commit"]:
            raise SystemExit(f"{root} is at {found}; check out {known['commit']}.")
        questions = tuple(
            LineQuestion(each["question"], each["path"], each["line"])
            for each in known["questions"]
        )
        yield QuestionSet(file.stem, known["half"], root, questions)


def history_sets(folder: Path) -> Iterator[QuestionSet]:
    """Yield the questions in a folder with ``repos.json``, ``annotations`` and ``checkouts``."""
    for number, entry in enumerate(json.loads((folder / "repos.json").read_text("utf-8"))):
        name = entry["name"]
        made = json.loads((folder / "annotations" / f"{name}.json").read_text("utf-8"))
        questions = tuple(
            LineQuestion(
                each["query"],
                ranges=tuple(
                    (place["path"], place["start_line"], place["end_line"])
                    for place in each["relevant"]
                ),
            )
            for each in made
        )
        half = "report" if number % 2 else "develop"
        yield QuestionSet(name, half, folder / "checkouts" / name, questions)


def _plain(text: str) -> str:
    return " ".join(text.split())
