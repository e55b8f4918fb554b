"""Retrieval quality and speed of the product itself, asked over HTTP as any client would.

    python bench/retrieval/product.py QUESTIONS CHECKOUTS [--models DIR] [--modes hybrid,fts]

Starts a daemon in a temporary home, registers the benchmark root of every repository, waits until
it is indexed (with a model also until every chunk has a vector), asks all questions, prints nDCG@10
(binary, chunk ranks) by repository and category, and the latency as the client sees it. Queries and
labels were made by a language model; 81 % of the questions have one target file.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx

# Leaves room for a machine that does other things too.
PATIENCE = 3600.0

Targets = list[tuple[str, int | None, int | None]]


def targets_of(question: dict[str, Any]) -> Targets:
    found: Targets = []
    for each in [*question["relevant"], *question.get("secondary", [])]:
        if isinstance(each, str):
            found.append((each, None, None))
        else:
            found.append((each["path"], each.get("start_line"), each.get("end_line")))
    return found


def same_path(a: str, b: str) -> bool:
    return a == b or a.endswith("/" + b) or b.endswith("/" + a)


def ndcg(hits: list[dict[str, Any]], targets: Targets, k: int = 10) -> float:
    import math

    gain = [0.0] * k
    for path, start, end in targets:
        for rank, hit in enumerate(hits[:k]):
            chunk = hit["chunk"]
            overlaps = start is None or not (
                chunk["end_line"] < start or chunk["start_line"] > (end or start)
            )
            if same_path(chunk["path"], path) and overlaps:
                gain[rank] = 1.0
                break
    ideal = sum(1 / math.log2(i + 2) for i in range(min(k, len(targets))))
    return sum(g / math.log2(i + 2) for i, g in enumerate(gain)) / ideal


def tokens_to_first_hit(hits: list[dict[str, Any]], targets: Targets) -> int | None:
    spent = 0
    for hit in hits:
        spent += int(hit["chunk"]["token_count"])
        if any(same_path(hit["chunk"]["path"], path) for path, _, _ in targets):
            return spent
    return None


class Daemon:
    """A daemon of its own, on a free port and in a temporary home."""

    def __init__(self, models: Path | None) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="coco-bench-"))
        if models is not None:
            shutil.copytree(models, self.home / "models")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.env = {
            **os.environ,
            "COCO_HOME": str(self.home),
            "COCO_PORT": str(port),
            "COCO_OFFLINE": "1",
        }
        self.coco("start", "--detach")
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60.0)

    def coco(self, *arguments: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "coco_local.cli", *arguments],
            env=self.env,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.http.post(path, json=body)
        answer.raise_for_status()
        return dict(answer.json())

    def get(self, path: str) -> dict[str, Any]:
        answer = self.http.get(path)
        answer.raise_for_status()
        return dict(answer.json()["data"])

    def close(self) -> None:
        self.coco("stop")
        self.http.close()
        shutil.rmtree(self.home)


def index(daemon: Daemon, root: Path, embedded: bool) -> tuple[str, float, dict[str, Any]]:
    """Register a directory; return its id, the seconds until it was ready, and its state."""
    start = time.perf_counter()
    project_id = daemon.post("/v1/sys/register", {"path": str(root)})["data"]["project_id"]
    while time.perf_counter() - start < PATIENCE:
        project = daemon.get(f"/v1/projects/{project_id}")
        keywords = project["state"] in {"embedding", "ready"}
        if keywords and (not embedded or project["embedded"] == project["chunks"]):
            return project_id, time.perf_counter() - start, project
        time.sleep(0.05)
    raise TimeoutError(f"{root} was not indexed within {PATIENCE:.0f} s")


def ask(
    daemon: Daemon, project_id: str, text: str, retrieval: dict[str, Any]
) -> tuple[list[dict[str, Any]], float]:
    body = {"query": text, "project_id": project_id, "retrieval_config": retrieval}
    start = time.perf_counter()
    answer = daemon.post("/v1/docs/query", body)
    return answer["data"]["results"], (time.perf_counter() - start) * 1000


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
    modes = arguments.modes.split(",")
    daemon = Daemon(arguments.models)
    per_repo: dict[str, dict[str, list[float]]] = {mode: {} for mode in modes}
    by_category: dict[str, dict[str, dict[str, list[float]]]] = {
        mode: defaultdict(lambda: defaultdict(list)) for mode in modes
    }
    latency: dict[str, list[float]] = {mode: [] for mode in modes}
    tokens: dict[str, list[int]] = {mode: [] for mode in modes}
    rows: list[dict[str, Any]] = []
    try:
        for entry in json.loads((arguments.questions / "repos.json").read_text(encoding="utf-8")):
            name = entry["name"]
            base = arguments.checkouts / name
            if not base.is_dir() or (only and name not in only):
                continue
            root = base / (entry.get("benchmark_root") or "")
            file = arguments.questions / "annotations" / f"{name}.json"
            questions = json.loads(file.read_text(encoding="utf-8"))
            project_id, seconds, project = index(daemon, root, arguments.models is not None)
            for mode in modes:
                retrieval: dict[str, Any] = {"retrieval_mode": mode, "ranking": ranking}
                if arguments.alpha is not None:
                    retrieval["hybrid_alpha"] = arguments.alpha
                for question in questions:
                    targets = targets_of(question)
                    hits, took = ask(daemon, project_id, question["query"], retrieval)
                    value = ndcg(hits, targets)
                    per_repo[mode].setdefault(name, []).append(value)
                    by_category[mode][question["category"]][name].append(value)
                    latency[mode].append(took)
                    spent = tokens_to_first_hit(hits, targets)
                    if spent is not None:
                        tokens[mode].append(spent)
                    rows.append(
                        {"repo": name, "mode": mode, "query": question["query"], "ndcg": value}
                    )
            means = "  ".join(f"{m} {statistics.mean(per_repo[m][name]):.3f}" for m in modes)
            print(
                f"{name:20} {entry['language']:11} {means}  {project['files']} files, "
                f"{project['chunks']} chunks, {seconds:.1f} s",
                flush=True,
            )
            daemon.http.delete(f"/v1/projects/{project_id}").raise_for_status()
    finally:
        daemon.close()
    summary: dict[str, Any] = {}
    for mode in modes:
        mean = statistics.mean(statistics.mean(v) for v in per_repo[mode].values())
        categories = {
            category: statistics.mean(statistics.mean(v) for v in repos.values())
            for category, repos in sorted(by_category[mode].items())
        }
        ordered = sorted(latency[mode])
        summary[mode] = {
            "ndcg": mean,
            **categories,
            "p50_ms": ordered[len(ordered) // 2],
            "p95_ms": ordered[int(len(ordered) * 0.95)],
            "tokens_to_first_hit": statistics.mean(tokens[mode]),
            "found_in_10": len(tokens[mode]) / len(latency[mode]),
        }
        print(f"{mode:8}", "  ".join(f"{k} {v:.4f}" for k, v in summary[mode].items()))
    if arguments.out is not None:
        arguments.out.write_text(
            json.dumps({"summary": summary, "questions": rows}, indent=1), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
