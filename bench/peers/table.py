"""The figures of all peers side by side, and as multiples of CoCo's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bench.peers.measure import Measured
from coco_core.metrics import average, percentile

# By repository.
Run = Mapping[str, Measured]
Figures = dict[str, float]


def figures(run: Run) -> Figures:
    """Return one peer's figures: quality as the mean over repositories of the mean over questions.

    Times and sizes are means over repositories, the peak is the highest, and latency is over all
    questions.
    """

    def mean(value: Callable[[Measured], float]) -> float:
        return average([value(each) for each in run.values()])

    questions = [q for each in run.values() for q in each.questions]
    categories = sorted({q.category for q in questions})
    took = [q.milliseconds for q in questions]
    useful = [each.useful_s for each in run.values() if each.useful_s is not None]
    return {
        "nDCG@10": mean(lambda m: average([q.ndcg for q in m.questions])),
        "by file": mean(lambda m: average([q.ndcg_by_file for q in m.questions])),
        **{category: _in_category(run, category) for category in categories},
        "start s": mean(lambda m: m.started_s),
        "useful s": average(useful) if useful else float("nan"),
        "index s": mean(lambda m: m.indexed_s),
        "cpu s": mean(lambda m: m.indexed_cpu_s),
        "p50 ms": percentile(took, 0.5),
        "p95 ms": percentile(took, 0.95),
        "peak MiB": max(m.peak_mib for m in run.values()),
        "disk MiB": mean(lambda m: m.disk_mib),
    }


def _in_category(run: Run, category: str) -> float:
    per_repository = [
        [q.ndcg for q in each.questions if q.category == category] for each in run.values()
    ]
    return average([average(values) for values in per_repository if values])


def show(title: str, rows: Mapping[str, Mapping[str, float]]) -> None:
    """Print a table with one row per peer."""
    columns = list(next(iter(rows.values())))
    print(f"\n{title}\n{'':14}" + "".join(f"{_short(column):>10}" for column in columns))
    for name, row in rows.items():
        print(f"{name:14}" + "".join(f"{_number(row[column]):>10}" for column in columns))


def ratios(rows: Mapping[str, Figures], to: str) -> dict[str, Figures]:
    """Return each figure as a multiple of that of the peer ``to``."""
    return {
        name: {c: row[c] / rows[to][c] if rows[to][c] else float("nan") for c in row}
        for name, row in rows.items()
    }


def by_repository(runs: Mapping[str, Run], repositories: Sequence[str]) -> dict[str, Figures]:
    """Return nDCG@10 with a row per repository and a column per peer."""
    return {
        repository: {
            peer: average([q.ndcg for q in run[repository].questions]) for peer, run in runs.items()
        }
        for repository in repositories
    }


def _short(column: str) -> str:
    return column if len(column) < 10 else column[:9]


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"
