"""Which cosine tells a question to a project from one that has nothing to do with it?

    python -m bench.retrieval.floor QUESTIONS CHECKOUTS [--models DIR] [--home DIR] [--repos A,B]

Asks every repository its own questions and the same nonsense (questions about other things, and
made-up words) by vectors alone, and prints the quantiles of the best hit's cosine for both, by
halves of the repositories: a floor is chosen on the first and judged on the second.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.local.report import Report
from bench.retrieval.codesearch import repositories
from bench.retrieval.service import service

NONSENSE = (
    "banana bread recipe with walnuts",
    "how do penguins survive the antarctic winter",
    "best pizza restaurant in naples",
    "who won the football world cup in 1954",
    "xqzv blorft wumpus",
    "flurbish grommet zanzibar kumquat",
    "purple elephants dancing on the moon",
    "treatment of knee pain after running",
    "when do cherry trees bloom in kyoto",
    "lorem ipsum dolor sit amet",
    "asdf qwerty zxcv",
    "symptoms of vitamin d deficiency",
    "history of the roman aqueducts",
    "how to knit a wool sweater",
    "mortgage interest rates this year",
    "hjklmn rtzuio bvcxya",
)

# The share of real questions that a floor may judge wrongly.
_MAY_LOSE = (0.0, 0.005, 0.01, 0.02)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("questions", type=Path, help="folder with repos.json and annotations/")
    parser.add_argument("checkouts", type=Path, help="folder with one checkout per repository")
    parser.add_argument("--models", type=Path, help="folder of installed models (~/.coco/models)")
    parser.add_argument("--home", type=Path, help="keep the daemon's indexes here between runs")
    parser.add_argument("--repos", default="", help="only these, separated by commas")
    arguments = parser.parse_args()
    only = {name for name in arguments.repos.split(",") if name}
    report = Report("floor", models=arguments.models is not None)
    real: tuple[list[float], list[float]] = ([], [])
    nonsense: tuple[list[float], list[float]] = ([], [])
    with service(arguments.models, arguments.home) as there:
        found = repositories(arguments.questions, arguments.checkouts, only)
        for number, repository in enumerate(found):
            ready = there.index(repository.root, embedded=arguments.models is not None)
            there.settle()
            project = ready.project.project_id
            print(f"{repository.name}: ready after {ready.seconds:.1f} s", flush=True)

            def best(text: str, project: str = project) -> float:
                hits = there.ask(project, text, {"retrieval_mode": "vector", "top_k": 1}).hits
                return hits[0].meta.vector or 0.0 if hits else 0.0

            real[number % 2].extend(best(str(each["query"])) for each in repository.questions)
            nonsense[number % 2].extend(best(text) for text in NONSENSE)
    for half, name in enumerate(("chosen on", "judged on")):
        report.title(name)
        report.add(real=_quantiles(real[half]), nonsense=_quantiles(nonsense[half]))
        for share in _MAY_LOSE:
            floor = float(np.quantile(real[0], share))
            lost = float(np.mean(np.array(real[half]) < floor))
            caught = float(np.mean(np.array(nonsense[half]) < floor))
            print(f"  floor {floor:.3f}: {lost:.3f} of the questions, {caught:.3f} of the nonsense")
    report.write()


def _quantiles(values: Sequence[float]) -> str:
    shares = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
    return "  ".join(f"{float(np.quantile(values, share)):.3f}" for share in shares)


if __name__ == "__main__":
    main()
