"""The programs of examples/models, run as their README says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
EXAMPLES = ROOT / "examples" / "models"
NOTES = ROOT / "examples" / "flow" / "notes"


def environment(**variables: str) -> dict[str, str]:
    """Return the machine's environment without settings of models."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COCO_")}
    return kept | variables


def run(program: str, folder: Path, *arguments: str, **variables: str) -> str:
    """Run an example in a folder, and return what it prints."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / program), *arguments],
        cwd=folder, env=environment(**variables), capture_output=True, text=True, check=False,
        encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# Lines that each program prints, among others.
PRINTED: dict[str, tuple[str, ...]] = {
    "quick_start.py": (
        "success ['quick.words', 'quick.lengths']",
        "quick.words: 12 rows in words",
        "short          9",
    ),
    "references.py": (
        "default: 200 characters, 24 sections",
        "given: 500 characters, de, 12 deleted",
        "refused: notes.sections.max_chars = 5 (given by --set): input should be greater than",
    ),
    "source_forms.py": ("all: 12 rows of 12 documents", "two: 2 rows of 2 documents"),
    "filters.py": (
        "no filter: 12 documents",
        "{'in_cluster': ['pets', 'plants']}: 1 documents",
        "{'include_pattern': 'c*.md', 'exclude_pattern': '*fee.md'}: 2 documents",
    ),
    "delta.py": (
        "nothing changed: delta.lines 0 documents (+0 ~0 -0), delta.longest 0 documents",
        "one edited, one deleted: delta.lines 1 documents (+1 ~0 -5), delta.longest 1 documents",
        "a setting changed: delta.lines 11 documents (+0 ~0 -34)",
    ),
    "parallel.py": (
        "level 1: parallel.left, parallel.middle, parallel.right",
        "success; the first two waited at the same time: True",
        "parallel.right was called 2 times",
    ),
    "runs.py": (
        "the child ended with -9 after ['first', 'second']",
        "state: interrupted",
        "taken up again: success after ['first', 'second', 'second']",
        "the same id again: True, still 3 calls",
        "forked from the second: success after ['first', 'second', 'second', 'second']",
        "history: ['success', 'success']",
    ),
    "batches.py": (
        "success: 11 documents, 11 rows",
        """  failed: {'cat.md': "ValueError: no title, but 'Cats.'"}""",
        "success: 1 documents, 1 rows",
        "  [{'document_id': 'cat.md', 'error': None}]",
    ),
    "streaming.py": ("50000 rows in 5 batches", "read 25001 rows, 68.00 °F on average"),
    "progress.py": (
        "progress.squares log: 13 is said to bring bad luck",
        "progress.squares progress: 20/20",
        "recorded: 2 messages, the last event is 'ended'",
    ),
    "column_tests.py": (
        "warning: 1 row breaks not_null(source_id) of table 'orders': 3",
        "error: 1 row breaks relationships(source_id → documents.id) of table 'orders': 'z'",
        "failed: {'passed': 3, 'total': 7}",
        "3 rows; without a source: 33%",
    ),
    "wrong_input.py": (
        "cycle: The references of models form a cycle: wrong.parts → wrong.sums → wrong.parts.",
        "missing table: Model 'wrong.missing' reads the table 'pages', which is not there.",
        "missing column: Model 'wrong.columns', input 'documents': Reference('documents') names",
        "missing model: There is no model 'wrong.one'. Did you mean 'wrong.ones'?",
        "out of bounds: wrong.ones.least = 11 (given by --set)",
        "unknown setting: --set sets wrong.ones.lest",
        "column type: Column 'words' of table 'ones'",
        "rows of another: This writer writes table 'strange'; a row of OneRow",
    ),
    "processes.py": (
        "success primes below 60,000 and from there to 100,000: [6057, 3535]",
        "processes: 3",
    ),
    "frames.py": (
        "success {'frames.cities': 2, 'frames.dear': 10, 'frames.counts': 3, 'frames.computed': 2}",
        "[('Oslo', 250.0), ('Rome', 200.0)]",
    ),
    "row_classes.py": (
        "[{'document_id': 'a', 'title': 'Bread', 'topics_json': ['bread', 'flour'], 'llm_model': ",
    ),
    "dspy_columns.py": ("telemetry: {'llm_calls': 12, 'llm_input_tokens': ", "[Boat, Sails, Reef"),
    "test_a_model.py": (
        "result: {'rows_written': 2, 'inserted': 2,",
        "progress: [(1, 2, ''), (2, 2, '')]",
        "failures: {'b': ",
    ),
}

# Programs that keep nothing where they are run, or show what is true of every run.
FROM_SCRATCH = {"batches.py", "delta.py", "parallel.py", "processes.py", "runs.py"}


@pytest.mark.parametrize("program", PRINTED)
def test_an_example_prints_what_it_shows(program: str, tmp_path: Path) -> None:
    variables = {"DSPY_CACHEDIR": str(tmp_path / "answers")}
    printed = run(program, tmp_path, **variables)
    for line in PRINTED[program]:
        assert line in printed, printed
    if program not in FROM_SCRATCH:
        # It can be run again, on the tables that it left.
        run(program, tmp_path, **variables)


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    variable = {"COCO_FLOW_MODEL__NOTES_SECTIONS__MAX_CHARS": "1000"}
    assert "default: 1000 characters" in run("references.py", tmp_path, **variable)


def test_the_tests_of_the_example_pass(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider",
         str(EXAMPLES / "test_a_model.py")],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "6 passed" in done.stdout, done.stdout + done.stderr


def test_every_example_has_a_line_in_the_readme_and_a_test() -> None:
    programs = {path.name for path in EXAMPLES.glob("*.py")}
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| \[([\w.]+)\]\(\1\)", text, re.MULTILINE)) == programs
    assert set(PRINTED) | {"entity_pipeline.py", "local_llm.py"} == programs
