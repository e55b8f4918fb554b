"""The program as a whole: start, help, settings, loading, errors and exit codes."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import coco_flow as package
from coco_flow.cli.commands import COMMANDS
from coco_flow.cli.program import command_line
from tests.coco_flow.cli.program import coco_flow, environment, fresh_process, rows


@pytest.mark.row("CLI-1 global options")
def test_version_is_printed_by_both_names(tmp_path: Path) -> None:
    for option in ("-V", "--version"):
        assert fresh_process(tmp_path, option).stdout == f"coco-flow {package.__version__}\n"


@pytest.mark.row("CLI-1 global options")
def test_modules_of_the_app_dir_are_importable(folder: Path) -> None:
    (folder / "inner").mkdir()
    (folder / "inner" / "my_flows.py").write_text((folder / "app.py").read_text())
    missing = coco_flow(folder, "ls", "my_flows")
    assert missing.returncode == 1
    assert "no module 'my_flows'" in missing.stderr
    found = coco_flow(folder, "--app-dir", "inner", "ls", "my_flows")
    assert "DocFlow [+]" in found.stdout


def test_help_names_every_command_and_imports_none(tmp_path: Path) -> None:
    shown = coco_flow(tmp_path, "--help").stdout
    for command in COMMANDS:
        assert f"{command.name} " in shown
        assert command.summary in shown
    code = "import sys, coco_flow.cli as c; c.main(['--help']); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "coco_flow.cli.update" not in loaded
    assert not {"numpy", "rich", "watchfiles", "coco_flow.flow.flow"} & set(loaded)


def test_summaries_are_the_first_lines_of_the_commands_helps() -> None:
    import click

    program = command_line()
    context = click.Context(program)
    for entry in COMMANDS:
        command = program.get_command(context, entry.name)
        assert command is not None
        assert (command.help or "").split("\n\n")[0] == entry.summary


def test_help_takes_little_time(tmp_path: Path) -> None:
    def cpu() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    fresh_process(tmp_path, "--help")
    before = cpu()
    fresh_process(tmp_path, "--help")
    # Measured 0.07 s; a heavy import would cost several times as much.
    assert cpu() - before < 0.4


@pytest.mark.row("CLI-14 exit codes")
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["udpate", "app.py"], 2, "Did you mean 'update'?"),
        (["update"], 2, "APP[:FLOW]"),
        (["update", "app.py", "--nope"], 2, "No such option"),
        (["update", ":DocFlow"], 2, "names no application"),
        (["update", "app.py:bad-name"], 2, "cannot be the name of a flow"),
        (["update", "empty.py"], 2, "no flows"),
        (["show", "app.py"], 2, "app.py:DocFlow"),
        (["update", "app.py:Dokflow"], 1, "Flows here: DocFlow, OtherFlow"),
        (["update", "nofile.py"], 1, "no file 'nofile.py'"),
        (["update", "docs/"], 1, "is a folder"),
        (["ls", "app"], 0, ""),
        (["--env-file", "nothing.env", "ls"], 2, "nothing.env"),
    ],
)
def test_errors_are_told_in_words_with_their_exit_code(
    folder: Path, arguments: list[str], code: int, words: str
) -> None:
    (folder / "empty.py").write_text("")
    done = coco_flow(folder, *arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.row("CLI-14 exit codes")
def test_an_error_is_one_json_document_when_json_is_asked_for(folder: Path) -> None:
    done = coco_flow(folder, "update", "app.py:Nope", "--json")
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "flow_not_found"
    assert "DocFlow" in error["hint"]
    assert done.stderr == ""


def test_an_exception_of_the_application_is_shown_with_its_lines_alone(folder: Path) -> None:
    (folder / "broken.py").write_text(
        "def settle(x):\n    return 1 / x\n\n\nsettle(0)\n",
    )
    done = coco_flow(folder, "ls", "broken.py")
    assert done.returncode == 1
    assert "ZeroDivisionError: division by zero" in done.stderr
    assert 'File "broken.py", line 5, in <module>' in done.stderr
    assert 'File "broken.py", line 2, in settle' in done.stderr
    assert "user_app_loader" not in done.stderr


def test_a_mistake_in_the_definition_is_shown_with_its_line(folder: Path) -> None:
    text = (folder / "app.py").read_text().replace('doc["filename"]', 'doc["filenam"]', 1)
    (folder / "app.py").write_text(text)
    done = coco_flow(folder, "show", "app.py:DocFlow")
    assert done.returncode == 1
    assert "filenam" in done.stderr
    assert 'File "app.py", line' in done.stderr
    assert "flow/slices.py" not in done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def broken(:\n", 'File "broken.py", line 1'),
        ("import nothing_of_this_name\n", "nothing_of_this_name"),
        ("import sys\nsys.exit(3)\n", "ended the program while it was loaded: sys.exit(3)"),
        ("from . import other\n", "give it as a module"),
        (
            "import coco_flow\nfor _ in 'ab':\n    coco_flow.open_flow('F', lambda b, s: 0)\n",
            "already a flow called 'F'",
        ),
    ],
)
def test_a_file_that_cannot_be_loaded_says_why(folder: Path, text: str, words: str) -> None:
    (folder / "broken.py").write_text(text)
    done = coco_flow(folder, "update", "broken.py")
    assert done.returncode == 1
    assert words in done.stderr
    assert "coco-flow failed unexpectedly" not in done.stderr


@pytest.mark.row("CLI-2 target by path and module")
def test_an_application_is_named_by_path_or_module(folder: Path) -> None:
    (folder / "pkg").mkdir()
    (folder / "pkg" / "__init__.py").write_text("")
    (folder / "pkg" / "flows.py").write_text((folder / "app.py").read_text())
    for target in ("pkg/flows.py", "./pkg/flows.py", "pkg.flows", str(folder / "pkg/flows.py")):
        assert "DocFlow [+]" in coco_flow(folder, "ls", target).stdout
    missing = coco_flow(folder, "setup", "pkg/gone.py")
    assert missing.returncode != 0
    assert "pkg/gone.py" in missing.stderr


@pytest.mark.row("CFG-5 .env")
def test_the_nearest_env_file_is_read_and_does_not_overrule(folder: Path) -> None:
    (folder / ".env").write_text("COCO_FLOW_APP_NAMESPACE=FromFile\nOTHER=1\n")
    (folder / "deep" / "er").mkdir(parents=True)
    app = "../../app.py"
    done = coco_flow(folder / "deep" / "er", "setup", app, "--dry-run")
    assert "Flow FromFile.DocFlow" in done.stdout
    assert str(folder / ".env") in done.stderr
    set_already = coco_flow(
        folder / "deep" / "er", "setup", app, "--dry-run", COCO_FLOW_APP_NAMESPACE="FromShell"
    )
    assert "Flow FromShell.DocFlow" in set_already.stdout


@pytest.mark.row("CFG-5b --env-file")
def test_a_named_env_file_is_read_and_told(folder: Path) -> None:
    (folder / ".env").write_text("COCO_FLOW_APP_NAMESPACE=Near\n")
    (folder / "prod.env").write_text("COCO_FLOW_APP_NAMESPACE=Production\n")
    done = coco_flow(folder, "--env-file", "prod.env", "setup", "app.py", "--dry-run")
    assert "Flow Production.DocFlow" in done.stdout
    assert str(folder / "prod.env") in done.stderr
    assert str(folder / ".env") not in done.stderr


def test_a_setting_that_cannot_be_read_is_named(folder: Path) -> None:
    done = coco_flow(folder, "update", "app.py", COCO_FLOW_SOURCE_MAX_INFLIGHT_ROWS="many")
    assert done.returncode == 1
    assert "COCO_FLOW_SOURCE_MAX_INFLIGHT_ROWS" in done.stderr
    assert "'many'" in done.stderr
    wrong = coco_flow(folder, "ls", COCO_FLOW_LOG_LEVEL="loud")
    assert (wrong.returncode, "loud" in wrong.stderr.lower()) == (2, True)


@pytest.mark.row("DEV-3 log levels")
def test_the_log_of_one_component_is_switched_on_alone(folder: Path) -> None:
    line = r"^Source documents: 2 rows in \d+\.\d+ s\.$"
    for level, shown in (("", False), ("warning,engine=debug", True), ("cli=debug", False)):
        done = coco_flow(
            folder, "update", "app.py:DocFlow", "--force", "--reset", COCO_FLOW_LOG_LEVEL=level
        )
        assert done.returncode == 0, done.stderr
        assert bool(re.search(line, done.stderr, re.MULTILINE)) is shown, done.stderr


def test_a_reader_that_leaves_early_is_no_error(built: Path) -> None:
    command = f"{sys.executable} -m coco_flow.cli show app.py:DocFlow | head -1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        cwd=built,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "Flow DocFlow\n")
    assert done.stderr == ""


@pytest.mark.row("CFG-8 connection error text")
def test_a_database_that_is_away_is_named_without_its_password(folder: Path) -> None:
    url = "postgresql://joe:hidden-word@127.0.0.1:9/flows"
    done = coco_flow(folder, "update", "app.py", "--force", COCO_FLOW_DATABASE_URL=url)
    assert done.returncode == 1
    assert "joe:***@127.0.0.1:9/flows" in done.stderr
    assert "hidden-word" not in done.stdout + done.stderr
    assert rows(folder) == []
