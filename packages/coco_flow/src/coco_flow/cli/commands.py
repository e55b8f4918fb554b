"""Every command of `coco-flow`, with where its code is: the one list that help and docs read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["COMMANDS", "Command"]

Section = str

DEVELOP: Final[Section] = "Define and inspect"
OPERATE: Final[Section] = "Build and keep up to date"
TABLES: Final[Section] = "Table models"
MAINTAIN: Final[Section] = "Find and mend"


@dataclass(frozen=True, slots=True)
class Command:
    """A command; its module is imported when the command is used."""

    name: str
    section: Section
    summary: str
    """The first line of the command's help, kept here so that `coco-flow --help` imports none."""
    module: str


COMMANDS: Final = (
    Command("init", DEVELOP, "Write a starter application that is ready to run.", "init"),
    Command("ls", DEVELOP, "List flows and apps, and whether they are set up.", "ls"),
    Command("show", DEVELOP, "Show what a flow does, its schema and its exports.", "show"),
    Command("evaluate", DEVELOP, "Compute all rows and write them to files.", "evaluate"),
    Command("setup", OPERATE, "Create or alter targets to match the definition.", "setup"),
    Command("update", OPERATE, "Bring targets in step with the sources.", "update"),
    Command("run", OPERATE, "Set up and update without asking.", "run"),
    Command("query", OPERATE, "Ask a query handler of a flow.", "query"),
    Command("server", OPERATE, "Serve flows over HTTP.", "server"),
    Command("drop", OPERATE, "Remove targets and state.", "drop"),
    Command("models", TABLES, "Run, inspect and document pipelines of table models.", "models"),
    Command("errors", MAINTAIN, "List rows that failed, or process them again.", "row_errors"),
    Command("runs", MAINTAIN, "List the latest updates and what they did.", "runs"),
    Command("gc", MAINTAIN, "Remove results that no row uses any more.", "gc"),
    Command("doctor", MAINTAIN, "Check the installation and the state.", "doctor"),
)
