"""The checklist of pipeline capabilities, and which tests prove its rows.

`checklist.tsv` has the rows; a test names those that it proves by `@pytest.mark.row("…")`.
Run `python -m tests.coco_flow.checklist` to write the table into the package's README.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

__all__ = ["DEFERRED", "Row", "proofs", "rows", "table"]

HERE = Path(__file__).parent
README = HERE.parents[1] / "packages" / "coco_flow" / "README.md"
BEGIN, END = "<!-- checklist -->", "<!-- /checklist -->"

DEFERRED: dict[str, str] = {
    "VIS-4 local visualiser": (
        "The page is the console's, which is another package; what it draws (ranges of chunks, "
        "vectors, where values come from) is served and tested by VIS-3, OA-6, OA-7 and OP-4."
    ),
    "CI-1 checks": (
        "No hosted CI is configured in this repository; scripts/check and scripts/test are what "
        "it would run (DEV-1)."
    ),
    "CI-2 dry-run release": (
        "Nothing is published from this repository yet, so there is no release to try."
    ),
    "DEP-2 container": (
        "No container runtime is at hand to try an image with; the service that it would hold "
        "runs under uvicorn in DEP-1 and IMG-4."
    ),
    "PDF-2 visual index": (
        "ColPali needs torch and weights of gigabytes, which cannot be had here; page images "
        "(PdfPages), multi-vectors and max_sim are tested without it."
    ),
    "IMG-1 image search": (
        "CLIP needs torch and weights that cannot be had here; any function from an image to a "
        "vector takes its place, as IMG-6 shows."
    ),
    "IMG-5 crops": (
        "No model that detects faces can be had here; nested tables of pictures and their vectors "
        "are tested by IMG-6."
    ),
    "FFI-1/FFI-3/BLD-1/CI-3 Rust packaging": (
        "There is no native code: one pure Python wheel, so nothing is built for a platform."
    ),
}
"""Rows without a test, each with its reason."""


class Row(NamedTuple):
    """One row: its id with a short title, its tier, and what must be seen."""

    title: str
    tier: str
    expectation: str


def rows() -> list[Row]:
    """Return all rows in order."""
    lines = (HERE / "checklist.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return [Row(*line.split("\t")) for line in lines]


def proofs() -> dict[str, list[str]]:
    """Return the tests (file and function) that name each row."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(HERE.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for title in _titles(node):
                    found[title].append(f"{path.relative_to(HERE)}::{node.name}")
    return dict(found)


def table() -> str:
    """Return the table of rows by group: how many of each tier have a test."""
    proved = proofs()
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows():
        groups[row.title.split("-")[0]].append(row)
    lines = ["| rows | core | useful | exotic |", "|---|---|---|---|"]
    totals = {tier: [0, 0] for tier in ("core", "useful", "exotic")}
    for group, members in groups.items():
        cells = []
        for tier, total in totals.items():
            tiered = [row for row in members if row.tier == tier]
            done = sum(row.title in proved for row in tiered)
            total[0] += done
            total[1] += len(tiered)
            cells.append(f"{done} of {len(tiered)}" if tiered else "")
        lines.append(f"| {group} | " + " | ".join(cells) + " |")
    sums = " | ".join(f"**{done} of {count}**" for done, count in totals.values())
    return "\n".join([*lines, f"| all | {sums} |"])


def readme_with_table(text: str) -> str:
    """Return the README with the table as it is now."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"


def _titles(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    titles = []
    for decorator in node.decorator_list:
        if (
            isinstance(decorator, ast.Call)
            and isinstance(decorator.func, ast.Attribute)
            and decorator.func.attr == "row"
        ):
            titles += [arg.value for arg in decorator.args if isinstance(arg, ast.Constant)]
    return titles


if __name__ == "__main__":
    if "--missing" in sys.argv:
        proved = proofs()
        for row in rows():
            if row.title not in proved and row.title not in DEFERRED:
                print(f"{row.tier:7} {row.title}: {row.expectation}")
    else:
        README.write_text(readme_with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
