"""What a peer answers and CoCo does not, from a results file of `bench.peers`.

Run: python -m bench.peers.differences bench/results/peers-….json [--peer semble]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from bench.retrieval.codesearch import Target

# Two places of the first answer: rank 1 against rank 3, or found against not found.
_WORTH_A_LOOK = 0.3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path)
    parser.add_argument("--of", default="coco", help="whose misses")
    parser.add_argument("--peer", action="append", help="against these only; default: all others")
    parser.add_argument("--at-least", type=float, default=_WORTH_A_LOOK, help="of nDCG@10")
    options = parser.parse_args()
    runs = json.loads(options.results.read_text(encoding="utf-8"))["figures"]["runs"]
    peers = options.peer or [name for name in runs if not name.startswith(options.of)]
    for repository, measured in runs[options.of].items():
        for i, ours in enumerate(measured["questions"]):
            others = {name: runs[name][repository]["questions"][i] for name in peers}
            better = {
                name: q
                for name, q in others.items()
                if max(q["ndcg"], q["ndcg_by_file"]) - ours["ndcg"] >= options.at_least
            }
            if better:
                _show(repository, ours, better)


def _show(repository: str, ours: dict[str, Any], better: dict[str, dict[str, Any]]) -> None:
    print(f"\n{repository}: {ours['query']}  [{ours['category']}]")
    for name, answer in [("ours", ours), *better.items()]:
        places = ", ".join(_place(place) for place in answer["places"][:4])
        print(f"  {name:8} {answer['ndcg']:.2f}  {places}")


def _place(place: Target) -> str:
    path, start, end = place
    return path if start is None else f"{path}:{start}-{end}"


if __name__ == "__main__":
    main()
