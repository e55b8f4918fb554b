"""docs/cli.md and the program say the same."""

import re
from pathlib import Path

import pytest
from typer.core import TyperGroup

from coco_core.errors import CocoError, DaemonNotRunning
from coco_local.cli.app import command_line
from coco_local.cli.commands import COMMANDS
from coco_local.cli.exits import Exit
from coco_local.cli.terminal import Terminal

PAGE = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")
SECTIONS = {
    match[1]: match[2]
    for match in re.finditer(
        r"^##+ coco ([a-z][a-z -]*?)(?: [\[A-Z][^\n]*)?\n(.*?)(?=^#|\Z)",
        PAGE,
        re.MULTILINE | re.DOTALL,
    )
}


def verbs():
    program = command_line()
    assert isinstance(program, TyperGroup)
    for entry in COMMANDS:
        command = program.commands[entry.name]
        yield entry.name, command
        if isinstance(command, TyperGroup):
            for name, inner in command.commands.items():
                yield f"{entry.name} {name}", inner


@pytest.mark.parametrize(("name", "command"), list(verbs()), ids=lambda value: str(value)[:30])
def test_every_verb_and_option_is_documented(name, command) -> None:
    section = SECTIONS[name]
    for parameter in command.params:
        if parameter.param_type_name == "option" and parameter.name != "help":
            for option in (*parameter.opts, *parameter.secondary_opts):
                assert re.search(rf"`[^`]*{re.escape(option)}\b", section), (name, option)


def test_nothing_is_documented_that_does_not_exist() -> None:
    commands = dict(verbs())
    assert set(SECTIONS) == set(commands)
    for name, section in SECTIONS.items():
        known = {
            option
            for parameter in commands[name].params
            for option in (*parameter.opts, *parameter.secondary_opts)
        }
        table = "\n".join(line for line in section.splitlines() if line.startswith("| `"))
        heads = re.findall(r"^\| (.*?) \| ", table, re.MULTILINE)
        for option in re.findall(r"--[a-z-]+", " ".join(heads)):
            assert option in known, (name, option)


def test_every_exit_code_is_documented() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    assert listed == {code.value for code in Exit}


def test_only_a_missing_daemon_exits_3(capsys) -> None:
    for kind in [CocoError, *CocoError.__subclasses__()]:
        assert Terminal().error(kind()) == Exit.ERROR
    assert Terminal().error(DaemonNotRunning()) == Exit.NOT_RUNNING
    capsys.readouterr()
