"""Retrieval quality and speed of the product itself, asked over HTTP as any client would.

    python -m bench.retrieval.product QUESTIONS CHECKOUTS [--models DIR] [--ablate]

Starts a daemon in a temporary home, registers the benchmark root of every repository, waits until
it is indexed (with a model also until every chunk has a vector), asks all questions in each variant
and prints nDCG@10 (binary, chunk ranks) by repository, language and category, and the latency that
the client sees. Without a model the instant tier answers. Queries and labels were made by a
language model; 81 % of the questions have one target file.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.local.report import Report
from bench.retrieval.codesearch import (
    Repository,
    ndcg,
    recall_within,
    repositories,
    targets_of,
    tokens_to_first_hit,
)
from bench.retrieval.service import Indexed, Service, service
from coco_core.metrics import average, percentile

# An agent's usual budget for one answer; as many hits as fit into it.
_BUDGET = {"max_tokens": 2_000, "top_k": 50}

_SWITCHES = ("definitions", "paths", "coherence", "literal", "penalties")

_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Answered:
    """One question in one variant."""

    repo: str
    language: str
    category: str
    variant: str
    query: str
    ndcg: float
    milliseconds: float
    tokens_to_first_hit: int | None
    recall_in_budget: float | None
    """Share of the targets within 2,000 tokens; asked in the first variant only."""


def variants(modes: Sequence[str], *, ablate: bool) -> dict[str, dict[str, Any]]:
    """Return retrieval configs by name: the product's default first, then what is compared."""
    found: dict[str, dict[str, Any]] = {_DEFAULT: {}}
    found |= {mode: {"retrieval_mode": mode} for mode in modes}
    if ablate:
        for name in _SWITCHES:
            found[f"without {name}"] = {"ranking": {name: False}}
        found["without all"] = {"ranking": dict.fromkeys(_SWITCHES, False)}
        found["reciprocal ranks"] = {"ranking": {"fusion": "rrf"}}
    return found


def ask_all(
    there: Service, project_id: str, repository: Repository, name: str, retrieval: dict[str, Any]
) -> list[Answered]:
    """Ask all questions of a repository in one variant."""
    answered = []
    for question in repository.questions:
        text, targets = question["query"], targets_of(question)
        asked = there.ask(project_id, text, retrieval)
        recall = None
        if name == _DEFAULT:
            recall = recall_within(there.ask(project_id, text, _BUDGET).hits, targets)
        answered.append(
            Answered(
                repo=repository.name,
                language=repository.language,
                category=question["category"],
                variant=name,
                query=text,
                ndcg=ndcg(asked.hits, targets),
                milliseconds=asked.milliseconds,
                tokens_to_first_hit=tokens_to_first_hit(asked.hits, targets),
                recall_in_budget=recall,
            )
        )
    return answered


def mean_by(answered: Sequence[Answered], key: str) -> dict[str, float]:
    """Return nDCG by repository, language or category: the mean over questions."""
    groups: dict[str, list[float]] = defaultdict(list)
    for each in answered:
        groups[getattr(each, key)].append(each.ndcg)
    return {name: average(values) for name, values in sorted(groups.items())}


def summary(answered: Sequence[Answered]) -> dict[str, float]:
    """Return the figures of one variant; the headline is the mean over repositories."""
    spent = [a.tokens_to_first_hit for a in answered if a.tokens_to_first_hit is not None]
    recalls = [a.recall_in_budget for a in answered if a.recall_in_budget is not None]
    times = [a.milliseconds for a in answered]
    return {
        "ndcg": average(list(mean_by(answered, "repo").values())),
        **mean_by(answered, "category"),
        "p50_ms": percentile(times, 0.5),
        "p95_ms": percentile(times, 0.95),
        "tokens": average(spent),
        "found": len(spent) / len(answered),
        **({"recall_in_2000": average(recalls)} if recalls else {}),
    }


def _say(repository: Repository, ready: Indexed, answered: Sequence[Answered]) -> None:
    of_variant: dict[str, list[float]] = defaultdict(list)
    for each in answered:
        of_variant[each.variant].append(each.ndcg)
    means = "  ".join(f"{name} {average(of_variant[name]):.3f}" for name in list(of_variant)[:3])
    project = ready.project
    print(
        f"{repository.name:20} {repository.language:11} {means}  "
        f"{project.files} files, {project.chunks} chunks, {ready.seconds:.1f} s",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("questions", type=Path, help="folder with repos.json and annotations/")
    parser.add_argument("checkouts", type=Path, help="folder with one checkout per repository")
    parser.add_argument("--models", type=Path, help="folder of installed models (~/.coco/models)")
    parser.add_argument("--modes", default="fts", help="retrieval modes beside the default")
    parser.add_argument("--ablate", action="store_true", help="also without each mechanism")
    parser.add_argument("--repos", default="", help="only these, separated by commas")
    parser.add_argument("--home", type=Path, help="keep the daemon's indexes here between runs")
    arguments = parser.parse_args()
    only = {name for name in arguments.repos.split(",") if name}
    modes = [mode for mode in arguments.modes.split(",") if mode]
    compared = variants(modes, ablate=arguments.ablate)
    report = Report("retrieval", models=arguments.models is not None)
    answered: list[Answered] = []
    indexed: dict[str, dict[str, float]] = {}
    with service(arguments.models, arguments.home) as there:
        for repository in repositories(arguments.questions, arguments.checkouts, only):
            ready = there.index(repository.root, embedded=arguments.models is not None)
            if arguments.models is None:
                # The instant tier's vectors come a moment after the keywords.
                there.settle()
            project = ready.project
            indexed[repository.name] = {
                "files": project.files,
                "chunks": project.chunks,
                "seconds": ready.seconds,
            }
            own = [
                each
                for name, retrieval in compared.items()
                for each in ask_all(there, project.project_id, repository, name, retrieval)
            ]
            answered += own
            _say(repository, ready, own)
            if arguments.home is None:
                there.forget(project.project_id)
    table = {name: summary([a for a in answered if a.variant == name]) for name in compared}
    for name, values in table.items():
        print(f"{name:20}", "  ".join(f"{key} {value:.4f}" for key, value in values.items()))
    default = [a for a in answered if a.variant == _DEFAULT]
    languages = mean_by(default, "language")
    print("by language:", "  ".join(f"{name} {value:.3f}" for name, value in languages.items()))
    report.keep(
        summary=table,
        languages=languages,
        indexed=indexed,
        questions=[asdict(each) for each in answered],
    )
    report.write()


if __name__ == "__main__":
    main()
