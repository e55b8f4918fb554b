"""A build, an update without change, one edited file, all touched, a tenth deleted: side by side.

Every phase is a fresh process; the engines take turns in each round. Seconds are those of the
update call, CPU seconds and memory those of the whole process (for CocoIndex 0.3 the database
server's are not counted). Run:

    python -m bench.flow.build [--files 1000] [--rounds 3]
        [--v1 PYTHON_WITH_COCOINDEX_1] [--v0 PYTHON_WITH_COCOINDEX_0_3] [--corpus FOLDER]
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

PHASES = ("build", "no change", "one file", "all touched", "tenth deleted")
PROGRAMS = Path(__file__).with_name("programs")
WORDS = [f"word{number}" for number in range(3000)]


@dataclass
class Engine:
    """An engine to measure, and what was measured."""

    name: str
    command: list[str]
    environment: dict[str, str]
    figures: dict[str, list[tuple[float, float, float]]] = field(
        default_factory=lambda: {phase: [] for phase in PHASES}
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--corpus", type=Path, help="Markdown files to use instead of made ones")
    parser.add_argument("--v0", help="a python with cocoindex 0.3")
    parser.add_argument("--v1", help="a python with cocoindex 1.x")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = options.corpus or make_corpus(folder / "corpus", options.files)
        engines = [
            Engine("coco_flow", [sys.executable, str(PROGRAMS / "coco_rows.py")], {}),
            Engine(
                "coco_flow, memo",
                [sys.executable, str(PROGRAMS / "coco_rows.py")],
                {"BENCH_MEMO": "1"},
            ),
        ]
        quiet = {"COCOINDEX_DISABLE_USAGE_TRACKING": "1"}
        if options.v1:
            engines.append(Engine("CocoIndex 1", [options.v1, str(PROGRAMS / "v1_rows.py")], quiet))
        if options.v0:
            engines.append(
                Engine("CocoIndex 0.3", [options.v0, str(PROGRAMS / "v0_rows.py")], quiet)
            )
        for number in range(options.rounds):
            for engine in engines:
                _round(engine, corpus, folder / "work", number)
    _report(engines)


def _round(engine: Engine, corpus: Path, work: Path, number: int) -> None:
    shutil.rmtree(work, ignore_errors=True)
    source, out = work / "source", work / "out"
    out.mkdir(parents=True)
    shutil.copytree(corpus, source)
    files = sorted(source.rglob("*.md"))
    environment = {
        **os.environ, **engine.environment, "BENCH_SRC": str(source), "BENCH_OUT": str(out),
    }  # fmt: skip
    if engine.name.endswith("0.3"):
        from tests.postgres_server import running_postgres

        environment["COCOINDEX_DATABASE_URL"] = running_postgres().create_database(f"v0_{number}")
    for phase in PHASES:
        if phase == "one file":
            middle = files[len(files) // 2]
            middle.write_text(middle.read_text() + "\n## Added\n\nOne more paragraph.\n")
        elif phase == "all touched":
            for path in files:
                path.touch()
        elif phase == "tenth deleted":
            for path in files[::10]:
                path.unlink()
        engine.figures[phase].append(_measured(engine.command, environment))


def _measured(command: list[str], environment: dict[str, str]) -> tuple[float, float, float]:
    """Return the update's seconds, the process's CPU seconds and its peak memory in MB."""
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    lines = [line for line in output.splitlines() if line.startswith("UPDATE")]
    if not lines:
        raise SystemExit(f"{command} failed ({status}):\n{output[-3000:]}")
    cpu = usage.ru_utime + usage.ru_stime
    return float(lines[0].split()[1]), cpu, usage.ru_maxrss / 1024


def _report(engines: list[Engine]) -> None:
    base = engines[0]
    print("| engine | " + " | ".join(PHASES) + " | memory MB |")
    print("|---" * (len(PHASES) + 2) + "|")
    for engine in engines:
        cells = []
        for phase in PHASES:
            seconds, cpu = (statistics.median(f[i] for f in engine.figures[phase]) for i in (0, 1))
            ratio = cpu / statistics.median(f[1] for f in base.figures[phase])
            times = "" if engine is base else f" ({ratio:.1f} x)"
            cells.append(f"{seconds:.3f} s, {cpu:.2f} CPU s{times}")
        memory = max(figure[2] for figures in engine.figures.values() for figure in figures)
        print(f"| {engine.name} | " + " | ".join(cells) + f" | {memory:.0f} |")


def make_corpus(folder: Path, files: int) -> Path:
    """Write Markdown files of 3.5 kB on average, with headings, lists and paragraphs."""
    chance = random.Random(11)
    for number in range(files):
        path = folder / f"d{number % 20:02}" / f"doc{number:06}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = [f"# Document {number}"]
        while sum(map(len, parts)) < chance.gauss(3500, 900):
            words = " ".join(chance.choices(WORDS, k=chance.randint(20, 60)))
            heading = f"## {' '.join(chance.choices(WORDS, k=3))}"
            parts += [heading, words] if chance.random() < 0.3 else [words]
        path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return folder


if __name__ == "__main__":
    main()
