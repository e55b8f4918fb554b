"""Completion of the shell: what an application target can be, and how a shell is taught it."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

__all__ = ["complete_files", "complete_target", "install_completion"]

_VARIABLE = "_COCO_FLOW_COMPLETE"


def complete_target(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer Python files and, behind a colon, the flows that have state.

    No application is loaded for it: that takes too long for a completion.
    """
    head, colon, name = incomplete.rpartition(":")
    if colon and head.endswith(".py"):
        flows = [flow for flow in _known_flows() if flow.startswith(name)]
        return [CompletionItem(f"{head}:{flow}") for flow in flows]
    return complete_files(context, parameter, incomplete)


def complete_files(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer Python files and folders."""
    del context, parameter
    folder = Path(incomplete).parent if not incomplete.endswith(os.sep) else Path(incomplete)
    if not folder.is_dir():
        return []
    found = []
    for entry in sorted(folder.iterdir()):
        shown = str(entry) if folder != Path() else entry.name
        if entry.name.startswith(".") or not shown.startswith(incomplete.removeprefix("./")):
            continue
        if entry.suffix == ".py":
            found.append(CompletionItem(shown))
        elif entry.is_dir():
            found.append(CompletionItem(f"{shown}{os.sep}"))
    return found


def _known_flows() -> list[str]:
    from coco_core.errors import CocoError
    from coco_flow.flow.context import context
    from coco_flow.lib import flow_names_with_setup

    try:
        return flow_names_with_setup() if context.state_exists() else []
    except CocoError:
        # Completion has no place for a message; the command itself will say it.
        return []


def install_completion() -> list[str]:
    """Write the completion script of the user's shell and have the shell read it.

    Returns:
        Lines that say what was done.

    Raises:
        UsageError: The shell is not one of bash, zsh and fish.
    """
    shell = Path(os.environ.get("SHELL", "")).name
    completion = get_completion_class(shell)
    if completion is None:
        raise click.UsageError(
            f"Completion can be installed for bash, zsh and fish; the environment variable SHELL "
            f"names {shell or 'none'!r}."
        )
    from coco_flow.cli.program import command_line

    script = completion(command_line(), {}, "coco-flow", _VARIABLE).source()
    home = Path.home()
    places = {
        "bash": home / ".bash_completions" / "coco-flow.sh",
        "zsh": home / ".zfunc" / "_coco-flow.zsh",
        "fish": home / ".config" / "fish" / "completions" / "coco-flow.fish",
    }
    place = places[shell]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(script, encoding="utf-8")
    lines = [f"wrote {place}"]
    if shell != "fish":
        start = home / f".{shell}rc"
        if _append(start, _start_lines(shell, place)):
            lines.append(f"added a line to {start}")
    return [*lines, "open a new shell to use it"]


def _start_lines(shell: str, place: Path) -> str:
    if shell == "zsh":
        # compdef is there once compinit has run.
        return f"autoload -Uz compinit && compinit && source '{place}'"
    return f"source '{place}'"


def _append(file: Path, line: str) -> bool:
    """Add a line to a file unless it has it; say whether it was added."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    if line in text.splitlines():
        return False
    separator = "" if not text or text.endswith("\n") else "\n"
    file.write_text(f"{text}{separator}{line}\n", encoding="utf-8")
    return True
