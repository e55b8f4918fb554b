"""Retrieval quality and speed of the product itself, asked over HTTP as any client would.

    python -m bench.retrieval.product QUESTIONS CHECKOUTS [--models DIR] [--modes hybrid,fts]

Starts a daemon in a temporary home, registers the benchmark root of every repository, waits until
it is indexed (with a model also until every chunk has a vector), asks all questions, prints nDCG@10
(binary, chunk ranks) by repository and category, and the latency as the client sees it. Queries and
labels were made by a language model; 81 % of the questions have one target file.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.retrieval.codesearch import (
    Repository,
    ndcg,
    repositories,
    targets_of,
    tokens_to_first_hit,
)
from bench.retrieval.service import Service, service
from coco_core.metrics import average, percentile


@dataclass
class Figures:
    """What was measured in one retrieval mode."""

    per_repo: dict[str, list[float]] = field(default_factory=dict)
    by_category: dict[str, dict[str, list[float]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    latency: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)

    def summary(self) -> dict[str, float]:
        categories = {
            category: average([average(values) for values in repos.values()])
            for category, repos in sorted(self.by_category.items())
        }
        return {
            "ndcg": average([average(values) for values in self.per_repo.values()]),
            **categories,
            "p50_ms": percentile(self.latency, 0.5),
            "p95_ms": percentile(self.latency, 0.95),
            "tokens_to_first_hit": average(self.tokens),
            "found_in_10": len(self.tokens) / len(self.latency),
        }


def ask_all(
    there: Service, project_id: str, repository: Repository, retrieval: dict[str, Any], to: Figures
) -> list[dict[str, Any]]:
    """Ask all questions of a repository; return a row for each."""
    rows = []
    for question in repository.questions:
        targets = targets_of(question)
        asked = there.ask(project_id, question["query"], retrieval)
        value = ndcg(asked.hits, targets)
        to.per_repo.setdefault(repository.name, []).append(value)
        to.by_category[question["category"]][repository.name].append(value)
        to.latency.append(asked.milliseconds)
        spent = tokens_to_first_hit(asked.hits, targets)
        if spent is not None:
            to.tokens.append(spent)
        mode = retrieval["retrieval_mode"]
        row = {"repo": repository.name, "mode": mode, "query": question["query"], "ndcg": value}
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("questions", type=Path, help="folder with repos.json and annotations/")
    parser.add_argument("checkouts", type=Path, help="folder with one checkout per repository")
    parser.add_argument("--models", type=Path, help="folder of installed models (~/.coco/models)")
    parser.add_argument("--modes", default="hybrid,fts", help="retrieval modes to compare")
    parser.add_argument("--repos", default="", help="only these, separated by commas")
    parser.add_argument("--off", default="", help="ranking switches to turn off")
    parser.add_argument("--alpha", type=float, help="hybrid_alpha for all queries")
    parser.add_argument("--out", type=Path, help="write everything as JSON")
    arguments = parser.parse_args()
    only = {name for name in arguments.repos.split(",") if name}
    ranking = {name: False for name in arguments.off.split(",") if name}
    figures = {mode: Figures() for mode in arguments.modes.split(",")}
    rows: list[dict[str, Any]] = []
    with service(arguments.models) as there:
        for repository in repositories(arguments.questions, arguments.checkouts, only):
            ready = there.index(repository.root, embedded=arguments.models is not None)
            for mode, measured in figures.items():
                retrieval: dict[str, Any] = {"retrieval_mode": mode, "ranking": ranking}
                if arguments.alpha is not None:
                    retrieval["hybrid_alpha"] = arguments.alpha
                rows += ask_all(there, ready.project.project_id, repository, retrieval, measured)
            means = "  ".join(
                f"{mode} {statistics.mean(measured.per_repo[repository.name]):.3f}"
                for mode, measured in figures.items()
            )
            project = ready.project
            print(
                f"{repository.name:20} {repository.language:11} {means}  "
                f"{project.files} files, {project.chunks} chunks, {ready.seconds:.1f} s",
                flush=True,
            )
            there.forget(project.project_id)
    summary = {mode: measured.summary() for mode, measured in figures.items()}
    for mode, values in summary.items():
        print(f"{mode:8}", "  ".join(f"{name} {value:.4f}" for name, value in values.items()))
    if arguments.out is not None:
        arguments.out.write_text(
            json.dumps({"summary": summary, "questions": rows}, indent=1), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
