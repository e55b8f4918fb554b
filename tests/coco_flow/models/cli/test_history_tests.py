"""`coco-flow models history` and `test`."""

from __future__ import annotations

from pathlib import Path

from tests.coco_flow.cli.program import coco_flow, document
from tests.coco_flow.models.cli.program import calls, fill_documents, table_rows


def test_history_lists_runs_and_a_pipelines_runs(folder: Path) -> None:
    coco_flow(folder, "models", "run", "app.py", "--id", "one")
    coco_flow(folder, "models", "run", "app.py", "--id", "two", "--delta", "--ids", "a,b")
    coco_flow(folder, "models", "run", "others.py:bad", "--id", "three")
    lines = [line.split() for line in coco_flow(folder, "models", "history").stdout.splitlines()]
    assert lines[0] == [
        "RUN", "PIPELINE", "STARTED", "TOOK", "STATUS", "MODE", "DOCUMENTS", "MODELS", "ROWS",
    ]  # fmt: skip
    assert [line[:2] for line in lines[1:]] == [["three", "bad"], ["two", "demo"], ["one", "demo"]]
    assert lines[2][-5:] == ["success", "delta", "2", "2", "1"]
    assert lines[3][-5:] == ["success", "full", "all", "2", "4"]
    found = document(coco_flow(folder, "models", "history", "--pipeline", "demo", "--json"))
    assert [one["run"] for one in found["runs"]] == ["two", "one"]
    assert found["runs"][0]["filters"] == {"ids": ["a", "b"]}
    latest = document(coco_flow(folder, "models", "history", "--limit", "1", "--json"))
    assert [one["status"] for one in latest["runs"]] == ["failed"]


def test_history_of_a_model_shows_rows_and_nulls(folder: Path) -> None:
    coco_flow(folder, "models", "run", "app.py", "--id", "one", "--ids", "a")
    coco_flow(folder, "models", "run", "app.py", "--id", "two")
    lines = coco_flow(folder, "models", "history", "--model", "demo.words").stdout.splitlines()
    assert lines[0].split() == ["RUN", "TAKEN", "ROWS", "CHANGE", "NULLS"]
    assert [line.split()[0] for line in lines[1:]] == ["two", "one"]
    assert lines[1].split()[2:] == ["3", "+2", "note", "100.0%"]
    assert lines[2].split()[2:] == ["1", "note", "100.0%"]
    found = document(coco_flow(folder, "models", "history", "--model", "demo.words", "--json"))
    assert [one["rows"] for one in found["snapshots"]] == [3, 1]
    none = coco_flow(folder, "models", "history", "--model", "demo.no")
    assert none.stdout.startswith("No model 'demo.no' has been run on ")
    both = coco_flow(folder, "models", "history", "--model", "x", "--pipeline", "y")
    assert both.returncode == 2


def test_tests_run_now_without_any_model(folder: Path) -> None:
    missing = coco_flow(folder, "models", "test", "app.py")
    assert missing.returncode == 1
    assert "Model 'demo.words' has no table 'words' yet" in missing.stderr
    assert "coco-flow models run APP" in missing.stderr
    coco_flow(folder, "models", "run", "app.py", "-q")
    before = calls(folder)
    done = coco_flow(folder, "models", "test", "app.py")
    assert done.returncode == 0, done.stderr
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["MODEL", "TEST", "SEVERITY", "RESULT", "EXAMPLES"],
        ["demo.words", "not_null(words)", "error", "passed"],
        ["demo.words", "accepted_values(words)", "warn", "warning:", "1", "row", "4"],
        ["demo.words", "accepted_values(words)", "#2", "error", "passed"],
    ]
    assert "2 of 3 tests passed." in done.stderr
    assert calls(folder) == before


def test_a_failed_test_ends_with_1_and_is_recorded(folder: Path) -> None:
    app = folder / "app.py"
    app.write_text(app.read_text().replace('[2, 3], severity="warn"', "[2, 4]"))
    fill_documents(folder, {"d": "x"})
    run = coco_flow(folder, "models", "run", "app.py")
    assert run.returncode == 1
    assert "error: demo.words: 2 rows break accepted_values(words) of table 'words'" in run.stderr
    done = coco_flow(folder, "models", "test", "app.py", "--json")
    assert done.returncode == 1
    found = document(done)
    assert found["passed"] is False
    assert [one["failures"] for one in found["tests"]] == [0, 2, 0]
    assert sorted(found["tests"][1]["examples"]) == ["1", "3"]
    recorded = "SELECT failures FROM coco_model_tests WHERE run LIKE 'test-%' ORDER BY failures"
    assert table_rows(folder, recorded) == [(0,), (0,), (2,)]
    only = coco_flow(folder, "models", "test", "app.py", "--quiet")
    assert [line.split()[1] for line in only.stdout.splitlines()[1:]] == ["accepted_values(words)"]
