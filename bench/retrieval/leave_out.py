"""Do the ranking's constants hold for languages that they were not chosen on?

    python -m bench.retrieval.leave_out QUESTIONS CHECKOUTS --cache DIR [--models DIR]

For each language, the constants that are best on all other languages (among the shipped value and
its neighbours, one constant at a time) are asked that language's questions. If they were fitted to
the set, what is chosen elsewhere would do worse than what is shipped, and differ from language to
language.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from types import ModuleType

from bench.retrieval.codesearch import Repository
from bench.retrieval.corpus import Corpus
from bench.retrieval.inmemory import Scores, Variant, evaluate, load, parser
from coco_core.metrics import average
from coco_core.ranking import coherence, definitions, paths

# Each constant with what is tried beside the shipped value.
_GRID: tuple[tuple[ModuleType, str, tuple[float, ...]], ...] = (
    (coherence, "_WEIGHT", (0.1, 0.2, 0.4)),
    (paths, "_NAMED_WEIGHT", (0.7, 0.85, 1.2)),
    (paths, "_SAID_WEIGHT", (0.3, 0.7)),
    (definitions, "_MENTION_WEIGHT", (0.4, 1.0)),
    (definitions, "_SYMBOL_WEIGHT", (2.0, 4.0)),
    (definitions, "_PER_DIRECTORY", (0.95, 1.0)),
)

_SHIPPED = "shipped"


def grid(loaded: Sequence[tuple[Repository, Corpus]], variant: Variant) -> dict[str, Scores]:
    """Ask all questions with each constant changed alone."""
    found = {_SHIPPED: evaluate(loaded, variant)}
    for module, name, values in _GRID:
        shipped = getattr(module, name)
        for value in values:
            setattr(module, name, value)
            try:
                label = f"{module.__name__.rpartition('.')[2]}.{name.lstrip('_')} = {value}"
                found[label] = evaluate(loaded, variant)
            finally:
                setattr(module, name, shipped)
    return found


def main() -> None:
    arguments = parser(__doc__).parse_args()
    loaded = load(arguments)
    variant = Variant("hybrid" if arguments.models is not None else "fts")
    means = {label: scores.repo_means for label, scores in grid(loaded, variant).items()}
    for label, of_repo in means.items():
        print(f"{label:36} {average(list(of_repo.values())):.4f}")
    languages: dict[str, list[str]] = {}
    for repository, _ in loaded:
        languages.setdefault(repository.language, []).append(repository.name)
    shipped, chosen_elsewhere = [], []
    choices: Counter[str] = Counter()
    for language, own in sorted(languages.items()):
        others = {
            label: average([mean for repo, mean in of_repo.items() if repo not in own])
            for label, of_repo in means.items()
        }
        best = max(others, key=others.__getitem__)
        choices[best] += 1
        here = [means[_SHIPPED][repo] for repo in own]
        there = [means[best][repo] for repo in own]
        shipped += here
        chosen_elsewhere += there
        print(f"{language:12} shipped {average(here):.3f}  others' {average(there):.3f}  {best}")
    print(f"shipped {average(shipped):.4f}, chosen elsewhere {average(chosen_elsewhere):.4f}")
    print("chosen:", ", ".join(f"{label} ({count})" for label, count in choices.most_common()))


if __name__ == "__main__":
    main()
