"""`coco-flow models run`: options, results, failures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.coco_flow.cli.program import coco_flow, document
from tests.coco_flow.models.cli.program import calls, fill_documents, table_rows


def _run(folder: Path, *options: str, target: str = "app.py", **variables: str) -> list[str]:
    done = coco_flow(folder, "models", "run", target, *options, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def _counts(folder: Path) -> list[tuple[str, int]]:
    return [(row[0], row[1]) for row in table_rows(folder, "SELECT document_id, words FROM words")]


def test_a_run_shows_its_models_and_what_they_wrote(folder: Path) -> None:
    done = coco_flow(folder, "models", "run", "app.py", "--id", "first")
    assert done.returncode == 0, done.stderr
    head, words, totals = [line.split() for line in done.stdout.splitlines()]
    assert head == ["MODEL", "STATE", "ROWS", "INSERTED", "DOCUMENTS", "TESTS", "SECONDS"]
    assert words[:6] == ["demo.words", "done", "3", "3", "3", "2/3"]
    assert totals[:4] == ["demo.totals", "done", "1", "1"]
    assert table_rows(folder, "SELECT name, words FROM totals") == [("all", 9)]
    assert "demo.words: started" in done.stderr
    assert "demo.words: counted for nobody" in done.stderr
    assert "demo.words: warning: 1 row breaks accepted_values(words)" in done.stderr
    assert "Run first: done in" in done.stderr


def test_delta_processes_what_changed(folder: Path) -> None:
    _run(folder)
    assert [line.split()[1:3] for line in _run(folder, "--delta")[1:]] == [["no", "change"]] * 2
    fill_documents(folder, {"b": "now much longer than before"})
    lines = _run(folder, "--delta")
    assert lines[1].split()[1:4] == ["done", "1", "1"]
    assert calls(folder) == ["words", "totals"] * 2


def test_a_run_that_has_ended_is_shown_as_it_is_recorded(folder: Path) -> None:
    first = _run(folder, "--id", "once")
    done = coco_flow(folder, "models", "run", "app.py", "--id", "once")
    assert done.stdout.splitlines() == first
    assert "The run once has ended; this is what it recorded." in done.stderr
    assert calls(folder) == ["words", "totals"]
    other = coco_flow(folder, "models", "run", "others.py:bad", "--id", "once")
    assert other.returncode == 1
    assert "The run once is one of pipeline 'demo', not of 'bad'." in other.stderr


@pytest.mark.parametrize(
    ("options", "left"),
    [
        (["--ids", "a,c"], ["a", "c"]),
        (["--include", "*b.md"], ["b"]),
        (["--exclude", "*/b.md", "--limit", "1"], ["a"]),
    ],
)
def test_filters_choose_documents(folder: Path, options: list[str], left: list[str]) -> None:
    _run(folder, *options, target="app.py:demo")
    assert [name for name, _ in _counts(folder)] == left


def test_a_filter_without_its_column_names_those_that_are_there(folder: Path) -> None:
    for option in ("--status", "--source", "--cluster", "--content-type"):
        done = coco_flow(folder, "models", "run", "app.py", option, "x")
        assert done.returncode == 1
        assert "table 'documents' has none; it has id, path, content." in done.stderr


def test_settings_come_from_the_command_line_the_environment_and_a_file(folder: Path) -> None:
    (folder / "long.toml").write_text('["demo.words"]\nleast = 6\n')
    _run(folder, "--config", "long.toml")
    assert _counts(folder) == [("a", 0), ("b", 0), ("c", 1)]
    _run(folder, "--config", "long.toml", COCO_FLOW_MODEL__DEMO_WORDS__LEAST="4")
    assert _counts(folder) == [("a", 0), ("b", 1), ("c", 3)]
    _run(folder, "--set", "demo.words.least=5", COCO_FLOW_MODEL__DEMO_WORDS__LEAST="4")
    assert _counts(folder) == [("a", 0), ("b", 1), ("c", 1)]


def test_metadata_reaches_the_models(folder: Path) -> None:
    done = coco_flow(folder, "models", "run", "app.py", "--metadata", "who=Ann=B")
    assert "demo.words: counted for Ann=B" in done.stderr


def test_another_database_is_used_by_url_and_by_environment(folder: Path) -> None:
    (folder / "coco_models.db").rename(folder / "mine.db")
    url = "sqlite:///mine.db"
    assert coco_flow(folder, "models", "run", "app.py", "--database", url).returncode == 0
    done = coco_flow(folder, "models", "status", COCO_FLOW_MODELS_DATABASE=url)
    assert "of pipeline demo: success" in done.stdout
    configured = f"from coco_flow.models import configure\nconfigure(database={url!r})\n"
    (folder / "app.py").write_text(configured + (folder / "app.py").read_text())
    assert coco_flow(folder, "models", "run", "app.py", "--delta").returncode == 0
    assert "demo" in coco_flow(folder, "models", "history", "--app", "app.py").stdout
    assert not (folder / "coco_models.db").exists()


def test_failed_documents_end_with_1_unless_they_are_allowed(folder: Path) -> None:
    fill_documents(folder, {"b": "BOOM"})
    done = coco_flow(folder, "models", "run", "app.py")
    assert done.returncode == 1
    assert "warning: demo.words: 1 document failed, such as b: ValueError: boom" in done.stderr
    assert table_rows(folder, "SELECT name, words FROM totals") == [("all", 6)]
    allowed = coco_flow(folder, "models", "run", "app.py", "--allow-errors", "--quiet")
    assert (allowed.returncode, allowed.stdout) == (0, "")
    assert "demo.words: document b failed: ValueError: boom in the text" in allowed.stderr


def test_a_model_that_raises_is_shown_with_its_lines(folder: Path) -> None:
    done = coco_flow(folder, "models", "run", "others.py:bad", "--id", "broken")
    assert done.returncode == 1
    states = [line.split()[:2] for line in done.stdout.splitlines()]
    assert states[1:] == [["other.bad", "failed"], ["other.after", "skipped"]]
    assert "error: other.bad: ZeroDivisionError: integer division or modulo by zero" in done.stderr
    assert 'File "others.py", line 13, in divide' in done.stderr
    assert "coco_flow/models" not in done.stderr
    assert "other.bad: tried again, after: ZeroDivisionError" in done.stderr
    assert "coco-flow models resume broken --app others.py" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_as_json(folder: Path) -> None:
    done = coco_flow(folder, "models", "run", "app.py", "--json", "--id", "j")
    found = document(done)
    assert (found["workflow_id"], found["status"]) == ("j", "success")
    assert found["models_executed"] == ["demo.words", "demo.totals"]
    assert found["results"]["demo.words"]["rows_written"] == 3
    failed = coco_flow(folder, "models", "run", "others.py:bad", "--json")
    assert failed.returncode == 1
    assert document(failed)["errors"] == {
        "other.bad": "other.bad: ZeroDivisionError: integer division or modulo by zero"
    }
    lost = coco_flow(folder, "models", "run", "others.py:lost", "--json")
    assert document(lost)["error"]["code"] == "invalid_flow"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["others.py:lost"], 1, "Model 'other.lost' reads the table 'nowhere', which is not there"),
        (["others.py:circle"], 1, "circle.left → circle.right → circle.left"),
        (["app.py", "--set", "demo.words.least=11"], 1, "less than or equal to 10"),
        (["app.py", "--set", "demo.words.most=1"], 1, "has no setting 'most'"),
        (["app.py", "--set", "nothing=1"], 1, "no model of this pipeline is meant"),
        (["app.py", "--set", "demo.words.least"], 2, "write NAME=VALUE"),
        (["app.py", "--config", "no.toml"], 2, "'no.toml' does not exist"),
        (["app.py", "--limit", "0"], 2, "0 is not in the range"),
        (["app.py", "--database", "mysql://x/y"], 1, "'mysql://x/y' is no database for models"),
    ],
)
def test_what_cannot_run_says_why_and_runs_nothing(
    folder: Path, arguments: list[str], code: int, words: str
) -> None:
    done = coco_flow(folder, "models", "run", *arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert calls(folder) == []
