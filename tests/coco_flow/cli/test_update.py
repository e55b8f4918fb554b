"""`update`, `run`, `evaluate`, `errors`, `runs` and `gc`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from coco_flow.cli.update import UpdateRequest
from coco_flow.flow.live import FlowLiveUpdaterOptions
from tests.coco_flow.cli.program import calls, coco_flow, document, rows


@pytest.mark.row("LIVE-11 flag mapping")
@pytest.mark.parametrize(
    ("request_", "options"),
    [
        (UpdateRequest(), FlowLiveUpdaterOptions(live_mode=False, print_stats=True)),
        (UpdateRequest(live=True), FlowLiveUpdaterOptions(live_mode=True, print_stats=True)),
        (
            UpdateRequest(reexport=True, quiet=True),
            FlowLiveUpdaterOptions(live_mode=False, reexport_targets=True, print_stats=False),
        ),
        (
            UpdateRequest(full_reprocess=True, allow_empty=True),
            FlowLiveUpdaterOptions(
                live_mode=False, full_reprocess=True, print_stats=True, allow_empty=True
            ),
        ),
    ],
)
def test_flags_become_options_of_the_updater(
    request_: UpdateRequest, options: FlowLiveUpdaterOptions
) -> None:
    assert request_.updater_options == options


@pytest.mark.row("CLI-9 update")
@pytest.mark.row("LC-15 CLI")
def test_update_sets_up_and_prints_statistics(folder: Path) -> None:
    done = coco_flow(folder, "update", "app.py", answer="yes\n")
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == [
        "DocFlow.documents: 2 source rows: 2 added",
        "OtherFlow.notes: 1 source rows: 1 added",
    ]
    assert rows(folder) == ["a.md", "b.md"]
    again = coco_flow(folder, "update", "app.py")
    assert "DocFlow.documents: 2 source rows: 2 no change" in again.stdout
    assert "[yes/N]" not in again.stderr


@pytest.mark.row("CLI-3 flow specifier")
def test_update_of_one_flow_leaves_the_other(folder: Path) -> None:
    done = coco_flow(folder, "update", "app.py:OtherFlow", "--force")
    assert done.stdout == "OtherFlow.notes: 1 source rows: 1 added\n"
    assert rows(folder) == []


@pytest.mark.row("CLI-9 update")
def test_quiet_prints_nothing(folder: Path) -> None:
    done = coco_flow(folder, "update", "app.py", "-q", "-f")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert rows(folder) == ["a.md", "b.md"]


@pytest.mark.row("CLI-13 confirmation")
def test_update_asks_before_it_sets_up(folder: Path) -> None:
    done = coco_flow(folder, "update", "app.py", answer="\n")
    assert (done.returncode, done.stdout) == (0, "")
    assert "Aborted: nothing was changed." in done.stderr
    assert rows(folder) == []


def test_without_anybody_to_ask_only_what_is_harmless_is_set_up(folder: Path) -> None:
    assert coco_flow(folder, "update", "app.py:DocFlow").returncode == 0
    assert rows(folder) == ["a.md", "b.md"]
    text = (folder / "app.py").read_text()
    (folder / "app.py").write_text(text.replace('["filename", "location"]', '["location"]'))
    done = coco_flow(folder, "update", "app.py:DocFlow")
    assert done.returncode == 1
    assert "[to recreate]" in done.stderr
    assert "--force" in done.stderr
    assert rows(folder) == ["a.md", "b.md"]


def test_no_setup_refuses_to_set_up(folder: Path) -> None:
    done = coco_flow(folder, "update", "app.py:DocFlow", "--no-setup")
    assert done.returncode == 1
    assert "coco-flow setup" in done.stderr


@pytest.mark.row("CLI-9b --reset")
@pytest.mark.row("CLI-15 start over")
@pytest.mark.row("LC-15 CLI")
def test_reset_builds_anew(built: Path) -> None:
    (built / "docs" / "a.md").unlink()
    (built / "docs" / "c.md").write_text("new one")
    done = coco_flow(built, "update", "app.py:DocFlow", "--reset", "--force")
    assert done.stdout == "DocFlow.documents: 2 source rows: 2 added\n"
    assert rows(built) == ["b.md", "c.md"]


@pytest.mark.row("CLI-9c --reexport")
@pytest.mark.row("LC-15 CLI")
def test_reexport_writes_rows_again_without_calling_functions(built: Path) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(built / "out.db")) as connection, connection:
        connection.execute("DELETE FROM chunks")
    assert coco_flow(built, "update", "app.py:DocFlow").returncode == 0
    assert rows(built) == [], "behind its back"
    done = coco_flow(built, "update", "app.py:DocFlow", "--reexport")
    assert done.returncode == 0, done.stderr
    assert rows(built) == ["a.md", "b.md"]
    assert calls(built) == []


@pytest.mark.row("CLI-9d --full-reprocess")
def test_full_reprocess_calls_all_functions(built: Path) -> None:
    done = coco_flow(built, "update", "app.py:DocFlow", "--full-reprocess")
    assert done.stdout == "DocFlow.documents: 2 source rows: 2 reprocessed\n"
    assert len(calls(built)) == 2


def test_a_dry_run_counts_rows_by_reason_and_does_nothing(built: Path) -> None:
    (built / "docs" / "a.md").write_text("edited")
    (built / "docs" / "c.md").write_text("new")
    (built / "docs" / "b.md").unlink()
    done = coco_flow(built, "update", "app.py:DocFlow", "--dry-run")
    assert done.returncode == 0
    assert "Flow DocFlow: ready" in done.stdout
    assert (
        "documents: 3 rows to process (1 new, 1 gone, 1 changed token), 0 unchanged" in done.stdout
    )
    assert calls(built) == []
    assert rows(built) == ["a.md", "b.md"]
    plan = document(coco_flow(built, "update", "app.py:DocFlow", "--dry-run", "--json"))
    assert plan["flows"][0]["rows"][0]["rows"] == {"new": 1, "gone": 1, "changed token": 1}


def test_a_dry_run_makes_no_state(folder: Path) -> None:
    done = coco_flow(folder, "update", "app.py", "--dry-run")
    assert "documents: 2 rows to process (2 new), 0 unchanged" in done.stdout
    assert "key: filename TEXT, location TEXT" in done.stdout
    assert sorted(path.name for path in folder.iterdir()) == ["app.py", "docs", "notes"]


def test_an_update_tells_first_what_changed_logic_costs(built: Path) -> None:
    text = (built / "app.py").read_text().replace("CHUNK_SIZE = 2000", "CHUNK_SIZE = 1000")
    (built / "app.py").write_text(text)
    done = coco_flow(built, "update", "app.py:DocFlow")
    assert "DocFlow.documents: 2 rows to process (2 logic changed) of 2 known" in done.stderr
    assert done.stdout == "DocFlow.documents: 2 source rows: 2 reprocessed\n"


@pytest.mark.parametrize(
    "options",
    [["--dry-run", "--reset"], ["--preview", "-L"], ["--shared", "-L"], ["--shared", "--reexport"]],
)
def test_options_that_contradict_each_other_are_refused(folder: Path, options: list[str]) -> None:
    done = coco_flow(folder, "update", "app.py", *options)
    assert done.returncode == 2
    assert "cannot be used together" in done.stderr


def test_an_empty_source_deletes_only_when_told(built: Path) -> None:
    for path in (built / "docs").iterdir():
        path.unlink()
    refused = coco_flow(built, "update", "app.py:DocFlow")
    assert refused.returncode == 1
    assert "--allow-empty" in refused.stderr
    assert rows(built) == ["a.md", "b.md"]
    assert coco_flow(built, "update", "app.py:DocFlow", "--allow-empty").returncode == 0
    assert rows(built) == []


@pytest.mark.row("CLI-14 exit codes")
def test_failed_rows_are_named_and_end_with_1(built: Path) -> None:
    (built / "docs" / "bad.md").write_text("BOOM here")
    done = coco_flow(built, "update", "app.py:DocFlow")
    assert done.returncode == 1
    assert done.stdout == "DocFlow.documents: 3 source rows: 2 no change, 1 errors\n"
    assert "documents bad.md (count_words_0): ValueError: boom in the text" in done.stderr
    assert "coco-flow errors app.py" in done.stderr
    allowed = coco_flow(built, "update", "app.py:DocFlow", "--allow-errors", "--json")
    assert allowed.returncode == 0
    (flow,) = document(allowed)["flows"]
    assert (flow["status"], flow["sources"]["documents"]["num_errors"]) == ("errors", 1)


def test_json_of_an_update_that_fails_has_the_error(built: Path) -> None:
    (built / "docs").rename(built / "away")
    done = coco_flow(built, "update", "app.py", "--json", "--force")
    assert done.returncode == 1
    failed, other = document(done)["flows"]
    assert (failed["status"], other["status"]) == ("failed", "done")
    assert "docs" in failed["error"]["message"]


def test_what_functions_print_stays_out_of_the_document(built: Path) -> None:
    text = (built / "app.py").read_text()
    (built / "app.py").write_text(
        text.replace("    return len(", "    print('hello')\n    return len(")
    )
    done = coco_flow(built, "update", "app.py:DocFlow", "--full-reprocess", "--json")
    assert document(done)["flows"][0]["status"] == "done"
    assert "hello" in done.stderr


def test_run_sets_up_and_updates_without_asking(folder: Path) -> None:
    done = coco_flow(folder, "run", "app.py:DocFlow", answer="no\n")
    assert done.stdout == "DocFlow.documents: 2 source rows: 2 added\n"
    text = (folder / "app.py").read_text()
    (folder / "app.py").write_text(text.replace('["filename", "location"]', '["location"]'))
    assert coco_flow(folder, "run", "app.py:DocFlow").returncode in (0, 1)
    assert len(rows(folder, "SELECT location FROM chunks")) > 0


@pytest.mark.row("CLI-10 evaluate")
@pytest.mark.row("LC-10 default directory")
def test_evaluate_writes_files_and_nothing_else(built: Path) -> None:
    import yaml

    before = ((built / "out.db").read_bytes(), rows(built, "SELECT * FROM chunks"))
    (built / "docs" / "c.md").write_text("three more words")
    done = coco_flow(built, "evaluate", "app.py:DocFlow", "-o", "dump")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "DocFlow.documents: 3 rows"
    names = sorted(path.name for path in (built / "dump").iterdir())
    assert names == ["documents@a.md.yaml", "documents@b.md.yaml", "documents@c.md.yaml"]
    dumped = yaml.safe_load((built / "dump" / names[2]).read_text())
    assert dumped["exports"]["chunks"][0]["words"] == 3
    assert ((built / "out.db").read_bytes(), rows(built, "SELECT * FROM chunks")) == before
    named = coco_flow(built, "evaluate", "app.py:DocFlow", "-q", COCO_FLOW_APP_NAMESPACE="Staging")
    assert (named.returncode, named.stdout) == (0, "")
    folders = [
        p.name for p in built.iterdir() if re.fullmatch(r"eval_Staging_DocFlow_\d{6}_\d{6}", p.name)
    ]
    assert len(folders) == 1


def test_evaluate_uses_remembered_results_unless_told(built: Path) -> None:
    assert coco_flow(built, "evaluate", "app.py:DocFlow", "-o", "x").returncode == 0
    assert calls(built) == []
    assert coco_flow(built, "evaluate", "app.py:DocFlow", "-o", "x", "--no-cache").returncode == 0
    assert len(calls(built)) == 2


def test_evaluate_of_a_bad_row_ends_with_1(built: Path) -> None:
    (built / "docs" / "bad.md").write_text("BOOM")
    done = coco_flow(built, "evaluate", "app.py:DocFlow", "-o", "x")
    assert done.returncode == 1
    assert "DocFlow.documents: 3 rows, 1 failed" in done.stdout
    assert "boom in the text" in (built / "x" / "documents@bad.md.yaml").read_text()


def test_errors_lists_failures_and_retries_them(built: Path) -> None:
    assert coco_flow(built, "errors").stdout == "No row has failed.\n"
    (built / "docs" / "bad.md").write_text("BOOM\nhere")
    for _ in range(2):
        coco_flow(built, "update", "app.py:DocFlow")
    head, row = coco_flow(built, "errors").stdout.splitlines()
    assert head.split()[:4] == ["FLOW", "SOURCE", "KEY", "STEP"]
    cells = re.split(r"  +", row)
    assert cells[:4] == ["DocFlow", "documents", "bad.md", "count_words_0"]
    assert cells[6:] == ["2", cells[7], "ValueError: boom in the text"]
    shown = coco_flow(built, "errors", "app.py:DocFlow", "--traceback").stdout
    assert 'raise ValueError("boom in the text")' in shown
    (error,) = document(coco_flow(built, "errors", "list", "--json"))["errors"]
    assert (error["key"], error["attempts"]) == (["bad.md"], 2)
    assert error["first_at"] < error["last_at"] < error["retry_at"]
    assert document(coco_flow(built, "errors", "--source", "no", "--json")) == {"errors": []}
    failing = coco_flow(built, "errors", "retry", "app.py:DocFlow")
    assert failing.returncode == 1
    text = (built / "app.py").read_text().replace('if "BOOM" in text', 'if "OTHER" in text')
    (built / "app.py").write_text(text)
    calls(built)
    mended = coco_flow(built, "errors", "retry", "app.py:DocFlow")
    assert (mended.returncode, mended.stdout) == (0, "DocFlow.documents: 1 source rows: 1 added\n")
    assert calls(built) == ["BOOM here"]
    assert coco_flow(built, "errors").stdout == "No row has failed.\n"
    assert rows(built) == ["a.md", "b.md", "bad.md"]


def test_runs_lists_updates(built: Path) -> None:
    coco_flow(built, "update", "app.py:DocFlow")
    head, latest, first = coco_flow(built, "runs").stdout.splitlines()
    assert head.split() == ["FLOW", "STARTED", "TOOK", "STATUS", "ROWS"]
    assert latest.endswith("done    documents: 2 no change")
    assert first.endswith("done    documents: 2 added")
    found = document(coco_flow(built, "runs", "app.py:DocFlow", "--limit", "1", "--json"))["runs"]
    assert [run["stats"]["documents"]["num_no_change"] for run in found] == [2]


def test_gc_removes_results_that_no_row_uses(built: Path) -> None:
    (built / "docs" / "a.md").write_text("entirely new")
    coco_flow(built, "update", "app.py:DocFlow")
    assert coco_flow(built, "gc").stdout.startswith("Removed 0 results: ")
    done = document(coco_flow(built, "gc", "--older-than", "0", "--json"))
    assert done["removed"] == 1
    assert done["bytes_after"] <= done["bytes_before"]
    calls(built)
    coco_flow(built, "update", "app.py:DocFlow", "--reexport")
    assert calls(built) == [], "results in use are kept"
