"""How long a project's files take to be listed by its rules, against a bare walk, in turn.

Run: python -m bench.local.listing [FOLDER …] [--rounds 9]

Without a folder a tree of 5,000 files with 80 ignore rules is written. Times are processor time;
the bare walk looks at every file once and decides nothing.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench.local.report import Report
from coco_local.scan import ProjectScan
from coco_local.settings import load_settings
from tests.coco_local.scan.trees import git, put


def _write_tree(root: Path) -> None:
    git(root, "init", "-q")
    rules = "\n".join(
        [*(f"*.gen{n}" for n in range(40)), *(f"build{n}/" for n in range(40)), "*~", "#*#"]
    )
    put(root, {f"src/{n // 50}/{n % 50}/module_{k}.py": "x" for n in range(1000) for k in range(5)})
    put(root, {".gitignore": rules, "src/3/.gitignore": "*.tmp\n"})


def _walk(root: Path) -> int:
    return sum(
        os.lstat(os.path.join(folder, name)).st_size >= 0  # noqa: PTH118  # the barest walk
        for folder, _, names in os.walk(root)
        for name in names
    )


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return 1000 * (time.process_time() - began)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    report = Report("listing", rounds=options.rounds)
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "tree"
        if not options.folders:
            written.mkdir()
            _write_tree(written)
        settings = load_settings(environ={"COCO_HOME": str(Path(folder) / "home")})
        for root in options.folders or [written]:
            scan = ProjectScan(root.resolve(), settings)
            listed: list[float] = []
            walked: list[float] = []
            for _ in range(options.rounds):
                listed.append(_milliseconds(scan.list_files))
                walked.append(_milliseconds(lambda root=root: _walk(root)))  # type: ignore[misc]
            report.title(root.name)
            report.add(
                files=len(scan.list_files().files),
                listing_ms=median(listed),
                bare_walk_ms=median(walked),
                ratio=median(listed) / median(walked),
            )
    report.write()


if __name__ == "__main__":
    main()
