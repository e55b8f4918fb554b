"""CoCo and other local code searches, one after the other, on the same repositories and questions.

    python -m bench.peers QUESTIONS CHECKOUTS --models DIR [--repos a,b] [--peers coco,semble,rg]

Each peer starts anew for each repository, indexes a copy of its benchmark root with its own
defaults, and is asked all questions. bench/peers/README.md says what is compared and what is not.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from bench.local.report import Report
from bench.peers.catalog import PEERS, starter
from bench.peers.environments import REQUIREMENTS, Environments
from bench.peers.measure import Measured, Start, measure
from bench.peers.table import by_repository, figures, ratios, show
from bench.retrieval.codesearch import Repository, repositories

CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "coco-bench-peers")


def main() -> None:
    options = _arguments().parse_args()
    names = options.peers.split(",")
    wanted = {name for name in options.repos.split(",") if name}
    chosen = list(repositories(options.questions, options.checkouts, wanted))
    if not chosen:
        raise SystemExit(f"none of the repositories is checked out in {options.checkouts}")
    environments = Environments(options.cache.expanduser().resolve())
    starts = {name: starter(name, environments, options.models) for name in names}
    report = Report("peers", peers=names, requirements=REQUIREMENTS)
    runs: dict[str, dict[str, Measured]] = {name: {} for name in names}
    try:
        for repository in chosen:
            # Peers take turns, so that a busy minute is not one peer's alone.
            found = {name: _measured(name, start, repository) for name, start in starts.items()}
            for name, measured in found.items():
                runs[name][repository.name] = measured
    except KeyboardInterrupt:
        print("\nstopped; these are the repositories that were finished")
    if runs[names[0]]:
        _tell(runs, report)


def _measured(name: str, start: Start, repository: Repository) -> Measured:
    found = measure(start, repository)
    row = figures({repository.name: found})
    shown = ("nDCG@10", "useful s", "index s", "cpu s", "p50 ms", "peak MiB")
    print(f"{repository.name:20} {name:14}", end="")
    print("  ".join(f"{column} {row[column]:.3g}" for column in shown), flush=True)
    return found


def _tell(runs: dict[str, dict[str, Measured]], report: Report) -> None:
    rows = {name: figures(run) for name, run in runs.items()}
    show("nDCG@10 by repository", by_repository(runs, list(next(iter(runs.values())))))
    show("all", rows)
    if "coco" in rows:
        show("as multiples of coco's", ratios(rows, "coco"))
    kept = {n: {r: m.as_json() for r, m in run.items()} for n, run in runs.items()}
    report.keep(summary=rows, runs=kept)
    report.write()


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("questions", type=Path, help="folder with repos.json and annotations/")
    parser.add_argument("checkouts", type=Path, help="folder with one checkout per repository")
    parser.add_argument("--models", type=Path, help="folder of CoCo's installed models")
    parser.add_argument("--repos", default="", help="only these, separated by commas")
    parser.add_argument("--peers", default=",".join(PEERS), help="only these, separated by commas")
    parser.add_argument(
        "--cache", type=Path, default=CACHE, help="where environments and models are kept"
    )
    return parser


if __name__ == "__main__":
    main()
