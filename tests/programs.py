"""Programs in processes of their own: a few lines of Python, and CoCo's command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def python(code: str, *arguments: str | Path) -> str:
    """Run a program that succeeds; return what it printed."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def command(*arguments: str) -> list[str]:
    # Here and not in a constant, so that tests/started.py sees what starts a program of Python.
    return [sys.executable, "-m", "coco_local.cli", *arguments]


def run_coco(
    *arguments: str, env: Mapping[str, str], cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    return subprocess.run(
        command(*arguments),
        env=env,
        cwd=cwd,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def begun(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Start the command line; what it prints comes through pipes."""
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(
        command(*arguments), stdin=subprocess.DEVNULL, encoding="utf-8", **pipes, **options
    )
