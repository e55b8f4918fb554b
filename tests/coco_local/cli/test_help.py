import subprocess
import sys
from importlib import import_module

import pytest
import typer

from coco_local import __version__
from coco_local.cli.commands import COMMANDS
from coco_local.cli.overview import overview

VERBS = set(
    "start stop restart status setup import projects forget query grep index prune jobs "  # noqa: SIM905 - as the specification writes it
    "grammar config mcp doctor version tui read outline related rule experiment "
    "definition references callers map files".split()
)

# What `coco --help` must not wait for.
HEAVY = ("rich", "pydantic", "httpx", "lancedb", "pyarrow", "onnxruntime", "textual", "sqlalchemy")


def test_the_table_has_every_verb() -> None:
    assert {command.name for command in COMMANDS} == VERBS


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], []])
def test_the_overview_lists_every_verb(coco, arguments) -> None:
    result = coco(*arguments)
    assert result.code == (0 if arguments else 2)
    for command in COMMANDS:
        assert f" {command.name} " in result.out
        assert command.summary in result.out


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_verb_has_help_that_begins_with_its_summary(coco, command) -> None:
    result = coco(command.name, "--help")
    assert result.code == 0
    assert command.summary in " ".join(result.out.replace("│", " ").split())
    verb = getattr(import_module(f"coco_local.cli.{command.module}"), command.attribute)
    told = verb.info.help if isinstance(verb, typer.Typer) else verb.__doc__
    assert told.partition("\n")[0] == command.summary


def test_the_overview_fits_its_width_without_boxes_and_colors() -> None:
    for width in (40, 80, 200):
        page = overview(color=False, boxes=False, width=width)
        assert page.isascii()
        assert max(map(len, page.splitlines())) <= min(width, 100)


@pytest.mark.parametrize("arguments", [("version",), ("--version",)])
def test_version(coco, arguments) -> None:
    assert coco(*arguments).out == f"coco {__version__}\n"


def test_version_as_json(coco) -> None:
    data = coco("version", "--json").data
    assert data["version"] == __version__
    assert data["api_version"] == 1


@pytest.mark.parametrize("arguments", ["'--help'", "'version'"])
def test_help_and_version_import_nothing_heavy(arguments) -> None:
    code = (
        "import sys; from coco_local.cli import main; "
        f"main([{arguments}]); "
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stderr.strip() == "[]"


def test_a_wrong_verb_is_told_with_what_was_probably_meant(coco) -> None:
    result = coco("qery", "x")
    assert result.code == 2
    assert result.err == "error: No such command 'qery'. Did you mean 'query'?\nhint: coco --help\n"


def test_a_wrong_option_names_the_verbs_help(coco) -> None:
    coco("query", "x", "--nonsense").fails("--nonsense", "hint: coco query --help", code=2)
