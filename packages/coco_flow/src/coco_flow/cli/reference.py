"""Writes docs/flow-cli.md from the program's own help, so that page and program cannot differ.

Run: python -m coco_flow.cli.reference docs/flow-cli.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from coco_flow.cli.commands import COMMANDS
from coco_flow.cli.exits import MEANINGS
from coco_flow.cli.program import command_line

__all__ = ["reference_page"]

_HEAD = """\
# The command line of pipelines

`coco-flow` sets up, updates, queries and repairs the flows and apps of an application. This page is
made from the program's help: `python -m coco_flow.cli.reference docs/flow-cli.md`.

```
coco-flow init my-notes && cd my-notes     # a starter application that is ready to run
coco-flow update main.py                   # build, or process what changed
coco-flow update main.py --live            # and follow changes until Ctrl-C
coco-flow query main.py search "chunk"     # ask one of its query handlers
```

## What holds for every command

**The application.** `APP` is a Python file (`./main.py`, `dir/main.py`, `C:\\dir\\main.py`) or an
importable module (`pkg.main`); `APP:FLOW` names one flow in it, `APP:NAME` an app of the component
style, `APP:NAME@ENVIRONMENT` one of several of that name. Without a name a command works on all,
or, where it needs one, asks on a terminal. Modules are searched for in the file's folder and in
that of `--app-dir` (by default the working directory). `coco-flow models` works on table models:
there, `APP:PIPELINE` names a pipeline.

**Settings** come from the environment and from a `.env` file: the one of `--env-file`, else the
nearest one in the working directory and above it. What is set already wins. A line on standard
error names the file that was read.

**Output.** Results go to standard output; progress, notes, warnings and errors to standard error.
With `--json`, standard output carries one JSON document (in live mode one a line), an error is
`{"error": {"code", "message", "hint", "traceback"}}`, and what functions print goes to standard
error. Colors and bars appear on a terminal only; `NO_COLOR=1` switches colors off.

**Errors** are a sentence, with a hint where there is one. What the application's own code
raises is shown with its lines. `python -X dev -m coco_flow.cli …` shows whole tracebacks;
`COCO_FLOW_LOG_LEVEL=info` (or `debug`) shows what is logged, `warning,engine=debug` that of one
component.

**Questions.** What changes or removes something shows it first and asks; only `yes` and `y` are
yes, and after another answer nothing is done. `--force` does not ask. Where standard input is at
its end, `update` and `server` go ahead if targets are only created; all else is refused with exit
code 1.

**Completion.** `coco-flow --install-completion` teaches bash, zsh and fish.
"""


def reference_page() -> str:
    """Return the page."""
    return "\n".join(_page())


def _page() -> Iterator[str]:
    yield _HEAD
    yield "**Exit codes.**\n"
    yield "| code | means |"
    yield "|---|---|"
    for code, meaning in MEANINGS.items():
        yield f"| {int(code)} | {_cell(meaning)} |"
    yield ""
    program = command_line()
    context = click.Context(program, info_name="coco-flow")
    yield "## Options before the command\n"
    yield from _options(program, context)
    for section in dict.fromkeys(command.section for command in COMMANDS):
        yield f"## {section}\n"
        for entry in COMMANDS:
            if entry.section == section:
                command = program.get_command(context, entry.name)
                assert command is not None
                yield from _command(command, context, entry.name)


def _command(command: click.Command, above: click.Context, name: str) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=above)
    yield f"### {context.command_path}\n"
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```\n{context.command_path} {usage}\n```\n"
    for paragraph in (command.help or "").strip().split("\n\n"):
        yield " ".join(paragraph.split()).replace("\b", "") + "\n"
    yield from _options(command, context)
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from _command(found, context, inner)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    records = [
        record
        for parameter in command.get_params(context)
        if (record := parameter.get_help_record(context)) is not None
        and record[1]
        and "--help" not in record[0]
    ]
    if not records:
        return
    yield "| option | meaning |"
    yield "|---|---|"
    for names, meaning in records:
        yield f"| `{_cell(names)}` | {_cell(meaning)} |"
    yield ""


def _cell(text: str) -> str:
    """Return text that fits into a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference_page(), encoding="utf-8")
