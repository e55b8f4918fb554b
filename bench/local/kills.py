"""`kill -9` at random moments of indexing, updating and flushing; then compare with a fresh index.

Run: python -m bench.local.kills REPO [--kills 10] [--seed 1] [--models DIR]

A copy of REPO is indexed and edited. After every kill the daemon is started again without help; at
the end its index must hold the same chunks, with the same ids, lines and terms, as one that is
built fresh in another home. The exit status says whether it does.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

from bench.local.lab import arguments, copy_of, laboratory, wait_ready
from bench.local.report import Report
from coco_core.errors import CocoError
from tests.crashes import (
    assert_same,
    files_indexed,
    fresh_contents,
    kill,
    settled_contents,
    wait_for_flush,
)
from tests.daemon_process import Daemon, wait_for
from tests.many_files import edit_some


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    report = Report("kills", repository=options.repository.name, kills=options.kills)
    with laboratory(options.models) as daemon:
        root = copy_of(options.repository, daemon)
        paths = [path for path in sorted(root.rglob("*.py")) if path.is_file()]
        paths = paths or [path for path in sorted(root.rglob("*.rb")) if path.is_file()]
        report.title(f"{options.kills} kills on {root.name}")
        starts = [
            _kill_once(daemon, rng, root, paths, n, options.kills) for n in range(options.kills)
        ]
        report.add(kills=options.kills, slowest_start_s=round(max(starts), 2))
        began = time.perf_counter()
        daemon.start()
        wait_ready(daemon, embedded=False)
        report.add(last_start_to_ready_s=round(time.perf_counter() - began, 2))
        found = settled_contents(daemon, embedded=options.models is not None)
        fresh = fresh_contents(daemon.home.parent / "fresh", root)
        report.add(documents=len(found.documents), chunks=found.chunks, vectors=found.vectors)
        report.add(fresh_documents=len(fresh.documents), fresh_chunks=fresh.chunks)
        report.add(orphans=found.orphans)
        try:
            assert_same(found, fresh)
        except AssertionError as error:
            report.add(same=False, difference=str(error))
            report.write()
            sys.exit(1)
        report.add(same=True)
    report.write()


def _kill_once(
    daemon: Daemon, rng: random.Random, root: Path, paths: list[Path], number: int, kills: int
) -> float:
    """Start, wait for some moment, kill; return how long the start took."""
    before = time.perf_counter()
    daemon.start(root)
    took = time.perf_counter() - before
    if number < kills // 2:
        moment = "indexing"
        goal = files_indexed(daemon) + rng.randint(1, max(2, len(paths) // kills))
        wait_for(lambda: files_indexed(daemon) >= goal or _settled(daemon), "some progress")
    elif number % 2:
        moment = "updates"
        wait_ready(daemon, embedded=False)
        for _ in range(rng.randint(5, 60)):
            edit_some(rng, paths)
            daemon.query("where is the configuration loaded")
    else:
        moment = "a flush"
        wait_ready(daemon, embedded=False)
        wait_for_flush(daemon, lambda: edit_some(rng, paths))
    print(f"  {number + 1:>3}. started in {took:.2f} s, killed during {moment}", flush=True)
    kill(daemon, rng)
    return took


def _settled(daemon: Daemon) -> bool:
    try:
        return daemon.project().state in {"ready", "embedding"}
    except CocoError:
        return False


if __name__ == "__main__":
    main()
