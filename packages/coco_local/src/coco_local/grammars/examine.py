"""Grammar check: loads a grammar in a limited child process, and keeps it compiled.

Run as ``python -m coco_local.grammars.examine``: a JSON object with ``wasm``, ``query`` (paths),
``name`` and ``compiled`` (a folder) on standard input, one with the findings on standard output.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from coco_core.errors import CocoError, Unavailable, WasmFailed, WasmRejected

__all__ = ["Findings", "examine"]

# The slowest of 120 published grammars that are built today takes 3 s and 400 MB; one of 2023
# takes 18 s and 2.4 GB.
_CPU_SECONDS = 90
_WALL_SECONDS = 180.0
_MEMORY_BYTES = 3 << 30
_POLL_SECONDS = 0.05

_ERRORS: dict[str, type[CocoError]] = {kind.code: kind for kind in (WasmFailed, WasmRejected)}

Findings = dict[str, Any]


def examine(
    wasm: Path,
    query: Path,
    name: str,
    compiled: Path,
    cancelled: Callable[[], bool] | None = None,
) -> Findings:
    """Load a grammar in a child process.

    Returns:
        The fields of `coco_core.wasm.grammar.Probe`.

    Raises:
        WasmRejected: it is no grammar that can be used here.
        WasmFailed: it failed, or took more time or memory than it may.
    """
    request = json.dumps(
        {"wasm": str(wasm), "query": str(query), "name": name, "compiled": str(compiled)}
    )
    with subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as child:
        try:
            output, complaint = _wait(child, request, name, cancelled)
        except BaseException:
            child.kill()
            raise
    if child.returncode != 0:
        last = (complaint.strip().splitlines() or [f"it ended with {child.returncode}"])[-1]
        raise WasmFailed(
            f"The grammar of {name!r} could not be loaded: {last}.",
            hint="It may have exceeded the time limit; use another build of it.",
        )
    answer: Findings = json.loads(output)
    error = answer.get("error")
    if error is not None:
        raise _ERRORS.get(error["code"], WasmRejected)(error["message"], hint=error["hint"])
    return answer


def _wait(
    child: subprocess.Popen[str], request: str, name: str, cancelled: Callable[[], bool] | None
) -> tuple[str, str]:
    """Feed the child and watch what it takes."""
    began = time.monotonic()
    process = psutil.Process(child.pid)
    given: str | None = request
    while True:
        try:
            return child.communicate(given, timeout=_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            given = None
        if cancelled is not None and cancelled():
            raise Unavailable(f"Installing the grammar of {name!r} was cancelled.")
        if time.monotonic() - began > _WALL_SECONDS:
            raise WasmFailed(
                f"The grammar of {name!r} was given up after {_WALL_SECONDS:.0f} s of compiling."
            )
        try:
            taken = process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
        if taken > _MEMORY_BYTES:
            raise WasmFailed(
                f"The grammar of {name!r} takes more than {_MEMORY_BYTES >> 20} MiB to compile.",
                hint="Take a newer build of it.",
            )


def _limit() -> None:
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _main() -> None:
    _limit()
    from coco_core.wasm.engine import Engine
    from coco_core.wasm.grammar import probe
    from coco_local.grammars.modules import CompiledModules

    request = json.load(sys.stdin)
    engine = Engine()
    modules = CompiledModules(engine, Path(request["compiled"]))
    query = Path(request["query"]).read_text(encoding="utf-8")
    answer: Findings
    try:
        found = probe(engine, modules, Path(request["wasm"]).read_bytes(), query, request["name"])
        answer = asdict(found)
    except CocoError as error:
        answer = {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    _main()
