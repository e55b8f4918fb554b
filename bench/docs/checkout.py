"""Check the projects of the documents evaluation set out at their revisions.

    python -m bench.docs.checkout CHECKOUTS [--only a,b]

What ``leave_out`` names (generated assets, large test suites, what ``git`` hosts as large files) is
not checked out; documents are never left out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path

REPOS = Path(__file__).with_name("repos.json")


def check_out(url: str, revision: str, leave_out: list[str], target: Path) -> None:
    """Clone one revision without what is left out; a checkout that is there stays as it is."""
    if target.exists():
        return
    # Blobs are fetched at the checkout, so that what is left out is never downloaded.
    subprocess.run(
        ["git", "clone", "--quiet", "--no-checkout", "--filter=blob:none", url, str(target)],
        check=True,
    )
    if leave_out:
        patterns = ["/*", *leave_out]
        subprocess.run(
            ["git", "sparse-checkout", "set", "--no-cone", *patterns], cwd=target, check=True
        )
    subprocess.run(["git", "checkout", "--quiet", revision], cwd=target, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkouts", type=Path, help="folder that the projects are put into")
    parser.add_argument("--only", default="", help="only these, separated by commas")
    arguments = parser.parse_args()
    only = {name for name in arguments.only.split(",") if name}
    arguments.checkouts.mkdir(parents=True, exist_ok=True)
    for entry in json.loads(REPOS.read_text(encoding="utf-8")):
        if not only or entry["name"] in only:
            target = arguments.checkouts / entry["name"]
            check_out(entry["clone_from"], entry["revision"], entry["leave_out"], target)
            print(f"{entry['name']:22} {entry['revision'][:12]}", flush=True)


if __name__ == "__main__":
    main()
