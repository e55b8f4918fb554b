from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from coco_local.scan import ProjectScan
from tests.coco_local.scan.trees import put

# On a quiet machine 5,000 files must cost 0.15 s at most; a busy one gets four times that.
_BUDGET_SECONDS = 0.6


def test_five_thousand_files_are_listed_quickly(
    scan: Callable[..., ProjectScan], repo: Path
) -> None:
    rules = "\n".join(
        [*(f"*.gen{n}" for n in range(40)), *(f"build{n}/" for n in range(40)), "*~", "#*#"]
    )
    put(repo, {f"src/{n // 50}/{n % 50}/module_{k}.py": "x" for n in range(1000) for k in range(5)})
    put(repo, {".gitignore": rules, "src/3/.gitignore": "*.tmp\n"})
    made = scan()
    took = []
    for _ in range(3):
        began = time.perf_counter()
        listing = made.list_files()
        took.append(time.perf_counter() - began)
        assert len(listing.files) == 5002
    assert min(took) < _BUDGET_SECONDS
