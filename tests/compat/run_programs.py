"""Run public programs that are written for CocoIndex, unchanged, over coco_flow.

    python tests/compat/run_programs.py CHECKOUT v0 [NAME …]

CHECKOUT is a checkout of CocoIndex's repository at a commit of that version, or of another one that
--repository names. Each program of it that has a driver in tests/compat/programs is copied to an
empty folder and run there, with its servers and models around it; the driver judges what stands in
its target after a build, an edit, a deletion and a second run. The exit code is 1 if one fails.
"""

from __future__ import annotations

import argparse
import importlib
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[0] = str(ROOT)

from tests.compat.programs.program import COCOINDEX, Program, Run, copied, programs  # noqa: E402

_DRIVERS = Path(__file__).parent / "programs"


def run_program(program: Program, checkout: Path, keep: Path | None) -> str | None:
    """Run one; return what is wrong, or None."""
    scratch = Path(tempfile.mkdtemp(prefix="program-"))
    run = Run(program.version, checkout, copied(checkout, program, scratch))
    try:
        program.check(run)
    except Exception:  # noqa: BLE001 - reported by the caller, and the next program is run
        return traceback.format_exc()
    finally:
        if keep is not None:
            shutil.copytree(scratch, keep / program.name, dirs_exist_ok=True, symlinks=True)
        shutil.rmtree(scratch)
    return None


def main() -> int:
    """Run and report."""
    # A shell's background jobs ignore Ctrl-C, and so would the programs.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for module in sorted((*_DRIVERS.glob("v*.py"), *_DRIVERS.glob("elsewhere*.py"))):
        importlib.import_module(f"tests.compat.programs.{module.stem}")
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkout", type=Path)
    parser.add_argument("version", choices=("v0", "v1"))
    parser.add_argument("names", nargs="*", help="programs to run, all that have a driver if none")
    parser.add_argument("--repository", default=COCOINDEX, help="owner/name of another repository")
    parser.add_argument("--keep", type=Path, help="copy each program's folder here afterwards")
    arguments = parser.parse_args()
    asked = (arguments.repository, arguments.version)
    known = {name: found for (*where, name), found in programs.items() if tuple(where) == asked}
    unknown = set(arguments.names) - set(known)
    if unknown:
        parser.error(f"no driver for {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    failed = 0
    for name in arguments.names or known:
        start = time.monotonic()
        problem = run_program(known[name], arguments.checkout.resolve(), arguments.keep)
        seconds = time.monotonic() - start
        label = name if arguments.repository == COCOINDEX else f"{arguments.repository} {name}"
        print(f"{'FAILED' if problem else 'passed'} {label} ({seconds:.0f} s)", flush=True)
        if problem:
            failed += 1
            print(problem, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
