"""The core's retrieval alone, in memory, on the code-search questions: what ranking is tried with.

    python -m bench.retrieval.inmemory QUESTIONS CHECKOUTS --cache DIR [--models DIR] [--ablate]

Chunks, terms and (with a model) vectors of every repository are kept in the cache folder, so that
the next run, after a change of the ranking, takes seconds. Prints nDCG@10 (binary, chunk ranks, one
chunk per file): the mean over repositories, by category, and how many repositories a variant gains
or loses against the default. Queries and labels were made by a language model.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.retrieval.codesearch import Repository, Target, ndcg_of_places, targets_of
from bench.retrieval.corpus import Corpus, corpora
from coco_core.intent import RankingOptions, RetrievalMode, SearchIntent
from coco_core.metrics import average
from coco_core.ranking import rank
from coco_core.search.literal import with_literal_evidence
from coco_core.search.page import select
from coco_core.search.request import SearchRequest

SWITCHES = ("definitions", "paths", "coherence", "literal", "penalties")

# What a repository's mean must change by to count as gained or lost.
_NOTICEABLE = 0.001


@dataclass(frozen=True, slots=True)
class Variant:
    """How the questions are asked."""

    mode: RetrievalMode = "hybrid"
    options: RankingOptions = field(default_factory=RankingOptions)
    alpha: float | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """nDCG of every question, by repository and by category."""

    by_repo: Mapping[str, Sequence[float]]
    by_category: Mapping[str, Sequence[float]]

    @property
    def repo_means(self) -> dict[str, float]:
        """The mean of each repository."""
        return {name: average(values) for name, values in self.by_repo.items()}

    @property
    def headline(self) -> float:
        """The mean over repositories of the mean over questions."""
        return average(list(self.repo_means.values()))


def evaluate(loaded: Sequence[tuple[Repository, Corpus]], variant: Variant) -> Scores:
    """Ask all questions in one variant."""
    by_repo: dict[str, list[float]] = {}
    by_category: dict[str, list[float]] = {}
    for repository, corpus in loaded:
        for question in repository.questions:
            value = ndcg_of_places(
                places(corpus, str(question["query"]), variant), targets_of(question)
            )
            by_repo.setdefault(repository.name, []).append(value)
            by_category.setdefault(question["category"], []).append(value)
    return Scores(by_repo, by_category)


def places(corpus: Corpus, text: str, variant: Variant) -> list[Target]:
    """Return where the answer's hits stand, best first."""
    intent = SearchIntent(
        text,
        retrieval_mode=variant.mode,
        ranking=variant.options,
        hybrid_alpha=variant.alpha,
    )
    request = SearchRequest.of(intent)
    vector = None if variant.mode == "fts" else corpus.query_vector(text)
    answer = corpus.search(request, vector)
    answer = with_literal_evidence(request.query, answer, corpus.texts_of)
    picks = select(intent, rank(intent, request.query, answer))
    return [(pick.doc_id, pick.start_line, pick.end_line) for pick in picks]


def variants(*, vectors: bool, ablate: bool) -> dict[str, Variant]:
    """Return what is compared; the first is the default."""
    mode: RetrievalMode = "hybrid" if vectors else "fts"
    found = {"default": Variant(mode)}
    if not ablate:
        return found
    off: dict[str, Any] = dict.fromkeys(SWITCHES, False)
    if vectors:
        found |= {"keywords only": Variant("fts"), "vectors only": Variant("vector")}
        found["reciprocal ranks"] = Variant(mode, RankingOptions(fusion="rrf"))
        found |= {f"alpha {a / 10}": Variant(mode, alpha=a / 10) for a in range(1, 10, 2)}
    found["without all"] = Variant(mode, RankingOptions(**off))
    for name in SWITCHES:
        without: dict[str, Any] = {name: False}
        found[f"without {name}"] = Variant(mode, RankingOptions(**without))
        found[f"only {name}"] = Variant(mode, RankingOptions(**{**off, name: True}))
    return found


def print_row(name: str, scores: Scores, default: Scores) -> None:
    """Print one variant beside the default."""
    kinds = "  ".join(f"{k} {average(v):.3f}" for k, v in sorted(scores.by_category.items()))
    before, after = default.repo_means, scores.repo_means
    changes = [after[repo] - before[repo] for repo in after]
    gained = sum(change > _NOTICEABLE for change in changes)
    lost = sum(change < -_NOTICEABLE for change in changes)
    print(f"{name:20} {scores.headline:.4f}  {kinds}  (+{gained} -{lost} repositories)", flush=True)


def parser(about: str) -> argparse.ArgumentParser:
    """Return what the programs that work in memory are asked with."""
    found = argparse.ArgumentParser(description=about.splitlines()[0])
    found.add_argument("questions", type=Path, help="folder with repos.json and annotations/")
    found.add_argument("checkouts", type=Path, help="folder with one checkout per repository")
    found.add_argument("--cache", type=Path, required=True, help="keeps chunks and vectors")
    found.add_argument("--models", type=Path, help="folder of installed models (~/.coco/models)")
    found.add_argument("--repos", default="", help="only these, separated by commas")
    return found


def load(arguments: argparse.Namespace) -> list[tuple[Repository, Corpus]]:
    """Read or make the corpora that the arguments name."""
    only = {name for name in arguments.repos.split(",") if name}
    return list(
        corpora(arguments.questions, arguments.checkouts, arguments.cache, arguments.models, only)
    )


def main() -> None:
    program = parser(__doc__)
    program.add_argument("--ablate", action="store_true", help="also without each mechanism")
    arguments = program.parse_args()
    loaded = load(arguments)
    default: Scores | None = None
    for name, variant in variants(
        vectors=arguments.models is not None, ablate=arguments.ablate
    ).items():
        scores = evaluate(loaded, variant)
        if default is None:
            default = scores
            for repo, mean in sorted(scores.repo_means.items(), key=lambda item: item[1]):
                print(f"{repo:22} {mean:.3f}")
        print_row(name, scores, default)


if __name__ == "__main__":
    main()
