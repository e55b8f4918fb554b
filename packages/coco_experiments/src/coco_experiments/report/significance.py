"""Significance of the differences to a baseline, in numbers and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from coco_core.quantities import count
from coco_experiments.comparison import Difference, compare
from coco_experiments.report.columns import MAIN, column_of
from coco_experiments.report.merging import Comparison

__all__ = ["Finding", "Verdict", "adjusted", "caution", "findings", "lead", "signed", "written_p"]

Verdict: TypeAlias = Literal["better", "perhaps better", "worse", "perhaps worse", "open", "same"]

# Beyond this the difference is taken for chance, as usual.
_LEVEL = 0.05
# With fewer questions even one-sided luck in all of them is likelier than the level: 2 / 2**5.
_FEWEST = 6

_WORDS: dict[Verdict, str] = {
    "better": "better",
    "perhaps better": "perhaps better",
    "worse": "worse",
    "perhaps worse": "perhaps worse",
    "open": "unclear",
    "same": "the same",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """How one strategy compares with the baseline."""

    strategy: int
    """Position in the comparison."""
    difference: Difference
    """Strategy - baseline."""
    adjusted_p: float
    """After Holm: what p is worth among this many comparisons."""
    verdict: Verdict

    @property
    def words(self) -> str:
        """The verdict for a table."""
        return _WORDS[self.verdict]


def findings(comparison: Comparison, baseline: int) -> tuple[Finding, ...]:
    """Compare every strategy with the baseline; those without a common question are left out."""
    first = comparison.strategies[baseline].metrics
    compared = [
        (at, difference)
        for at, strategy in enumerate(comparison.strategies)
        if at != baseline
        and (difference := compare(first, strategy.metrics, MAIN, comparison.seed)) is not None
    ]
    corrected = adjusted([difference.p for _, difference in compared])
    return tuple(
        Finding(at, difference, p, _verdict(difference, p))
        for (at, difference), p in zip(compared, corrected, strict=True)
    )


def adjusted(values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number by Holm's step-down method."""
    result = [0.0] * len(values)
    highest = 0.0
    for done, at in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        highest = max(highest, min(1.0, (len(values) - done) * values[at]))
        result[at] = highest
    return result


def _verdict(difference: Difference, corrected: float) -> Verdict:
    if not difference.better and not difference.worse:
        return "same"
    ahead = difference.interval.mean > 0
    if corrected < _LEVEL:
        return "better" if ahead else "worse"
    if difference.p < _LEVEL:
        return "perhaps better" if ahead else "perhaps worse"
    return "open"


def signed(value: float) -> str:
    """Return a difference with its sign."""
    return f"{value:+.3f}"


def written_p(value: float) -> str:
    """Return a p-value with the digits that matter."""
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def lead(comparison: Comparison, baseline: int, found: Sequence[Finding]) -> tuple[str, ...]:
    """Say in a few sentences what the comparison comes to."""
    best = comparison.best
    strategies = comparison.strategies
    head = column_of(MAIN).head(comparison.k)
    value = strategies[best].metrics.value(MAIN) or 0.0
    sentences = [f"{strategies[best].name} is best by {head}: {value:.3f}."]
    if not found:
        return tuple(sentences)
    if baseline == best:
        behind = [each for each in found if each.verdict == "worse"]
        close = [each for each in found if each.verdict in ("open", "perhaps worse", "same")]
        if behind:
            sentences.append(f"It is clearly ahead of {_named(comparison, behind)}.")
        if close:
            asked = count(len(comparison.questions), "question")
            sentences.append(
                f"{asked} do not tell it apart from {_named(comparison, close)}."
                if len(comparison.questions) != 1
                else f"1 question does not tell it apart from {_named(comparison, close)}."
            )
        return tuple(sentences)
    name = strategies[baseline].name
    for verdict, words in (("better", "clearly better"), ("worse", "clearly worse")):
        some = [each for each in found if each.verdict == verdict]
        if some:
            sentences.append(f"Than {name}, {words}: {_named(comparison, some)}.")
    if all(each.verdict not in ("better", "worse") for each in found):
        sentences.append(f"No strategy can be told apart from {name} with certainty.")
    return tuple(sentences)


# More names than this in a sentence are a list that nobody reads.
_NAMED = 3


def _named(comparison: Comparison, found: Sequence[Finding]) -> str:
    ordered = sorted(found, key=lambda each: -each.difference.interval.mean)
    if len(ordered) == len(comparison.strategies) - 1 and len(ordered) > 1:
        return "every other"
    names = [comparison.strategies[each.strategy].name for each in ordered[:_NAMED]]
    rest = len(ordered) - len(names)
    if rest:
        return f"{', '.join(names)} and {rest} more"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def caution(comparison: Comparison, baseline: int, found: Sequence[Finding]) -> str:
    """Say how the verdicts were reached, and what they cannot say."""
    sentences = [f"A verdict without 'perhaps' has p below {_LEVEL:g}"]
    if len(found) > 1:
        sentences[0] += f" also after Holm's correction for {len(found)} comparisons"
    sentences[0] += "."
    if any(each.verdict == "open" for each in found):
        sentences.append(
            "'Unclear' means that these questions do not decide, not that both are alike."
        )
    if baseline == comparison.best and len(found) > 1:
        sentences.append("The best was chosen by these same questions, which flatters it a little.")
    if len(comparison.questions) < _FEWEST:
        sentences.append(
            f"{count(len(comparison.questions), 'question')} cannot show any difference; "
            f"{_FEWEST} are the fewest that can."
        )
    return " ".join(sentences)
