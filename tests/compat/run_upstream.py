"""Run CocoIndex's own test suite, unchanged, against coco_flow.

    python tests/compat/run_upstream.py CHECKOUT v0

CHECKOUT is a checkout of CocoIndex's repository at a commit of that version. Its tests are copied
out of its package, so that `import cocoindex` finds the package of tests/compat and not theirs.
Results are compared with the list kept beside this file; the exit code is 1 if a test that is
listed as passed does not pass any more.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from suite_plugin import REPORT_VARIABLE

HERE = Path(__file__).parent

# Where the tests are, and which of them are not part of the measure: those of targets need servers
# and reach into classes that only CocoIndex's package has.
SUITES = {
    "v0": ("python/cocoindex/tests", ("targets",)),
    # It runs a type checker over CocoIndex's own package.
    "v1": ("python/tests", ("test_type_checker.py",)),
}

# A test that hangs must not hold up the others.
SECONDS_PER_TEST = 60


def run_suite(checkout: Path, version: str, select: list[str]) -> dict[str, str]:
    """Return each test's outcome by its name."""
    folder, left_out = SUITES[version]
    source = checkout / folder
    if not source.is_dir():
        raise SystemExit(f"{checkout} has no {folder}: is it a checkout of {version}?")
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        shutil.copytree(source, root / "tests", ignore=shutil.ignore_patterns(*left_out))
        report = root / "outcomes.json"
        paths = [str(HERE / version), str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
        command = [
            sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "suite_plugin",
            "--import-mode=importlib", f"--timeout={SECONDS_PER_TEST}", "-q", "--tb=short",
            "--continue-on-collection-errors", *(select or ["tests"]),
        ]  # fmt: skip
        environment = {
            **os.environ,
            # A test of v0 is skipped without a database; tests that must have none unset it.
            "COCOINDEX_DATABASE_URL": str(root / "state.db"),
            "PYTHONPATH": os.pathsep.join(paths),
            REPORT_VARIABLE: str(report),
        }
        subprocess.run(command, cwd=root, env=environment, check=False)
        if not report.exists():
            raise SystemExit("pytest wrote no outcomes; its output above says why.")
        outcomes: dict[str, str] = json.loads(report.read_text("utf-8"))
        return {name.removeprefix("tests/"): outcome for name, outcome in outcomes.items()}


def read_expected(path: Path) -> dict[str, str]:
    """Read the kept list: a line for each test, its outcome first."""
    if not path.exists():
        return {}
    lines = [line for line in path.read_text("utf-8").splitlines() if line[:1] not in ("", "#")]
    return {name: outcome for outcome, name in (line.split(" ", 1) for line in lines)}


def write_expected(path: Path, found: dict[str, str], version: str) -> None:
    """Write the list."""
    passed = sum(outcome == "passed" for outcome in found.values())
    head = f"# Outcomes of CocoIndex's {version} tests: {passed} of {len(found)} pass.\n"
    lines = [f"{outcome} {name}\n" for name, outcome in sorted(found.items())]
    path.write_text(head + "".join(lines), "utf-8")


def main() -> int:
    """Run, report and compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkout", type=Path)
    parser.add_argument("version", choices=sorted(SUITES))
    parser.add_argument("select", nargs="*", help="tests to run, such as tests/test_typing.py")
    parser.add_argument("--keep", action="store_true", help="write the outcomes as the new list")
    arguments = parser.parse_args()
    found = run_suite(arguments.checkout.resolve(), arguments.version, arguments.select)
    for name, outcome in sorted(found.items()):
        print(outcome, name)
    counts = {o: list(found.values()).count(o) for o in ("passed", "failed", "skipped")}
    print(f"{len(found)} tests:", ", ".join(f"{n} {outcome}" for outcome, n in counts.items()))
    kept = HERE / f"{arguments.version}_expected.txt"
    if arguments.keep:
        write_expected(kept, found, arguments.version)
        return 0
    expected = read_expected(kept)
    names = set(found) if arguments.select else set(found) | set(expected)
    lost = [n for n in sorted(names) if expected.get(n) == "passed" and found.get(n) != "passed"]
    won = [n for n in sorted(names) if found.get(n) == "passed" and expected.get(n) != "passed"]
    for name in lost:
        print(f"passed before, now {found.get(name, 'missing')}: {name}")
    for name in won:
        print(f"passes now (write the list with --keep): {name}")
    return 1 if lost else 0


if __name__ == "__main__":
    raise SystemExit(main())
