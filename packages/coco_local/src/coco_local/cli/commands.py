"""Every verb of `coco`, with where its code is: the one list that help and completion read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["COMMANDS", "Command", "Panel"]

Panel = str

SEARCH: Final[Panel] = "Search"
PROJECTS: Final[Panel] = "Projects"
SERVICE: Final[Panel] = "Service"
SETUP: Final[Panel] = "Set up"


@dataclass(frozen=True, slots=True)
class Command:
    """A verb; its module is imported when the verb is used."""

    name: str
    panel: Panel
    summary: str
    """The first line of the verb's help, kept here so that `coco --help` imports no verb."""
    module: str
    attribute: str


COMMANDS: Final = (
    Command("query", SEARCH, "Search a project by meaning and by words.", "query", "query"),
    Command(
        "grep", SEARCH, "Search the text of a project's files as they are now.", "grep", "grep"
    ),
    Command("related", SEARCH, "Find code like the code at a line.", "related", "related"),
    Command("outline", SEARCH, "List the symbols or headings of a file.", "outline", "outline"),
    Command("definition", SEARCH, "Show where a name is defined.", "code", "definition"),
    Command("references", SEARCH, "List where a name is used.", "code", "references"),
    Command("callers", SEARCH, "List the functions that call a name.", "code", "callers"),
    Command(
        "map", SEARCH, "Show a tree of files with their main definitions.", "files", "project_map"
    ),
    Command(
        "files", SEARCH, "List the files of a project, with language and size.", "files", "files"
    ),
    Command("read", SEARCH, "Print lines of a project's file.", "read", "read"),
    Command(
        "import", PROJECTS, "Register directories and index them.", "importing", "import_paths"
    ),
    Command("projects", PROJECTS, "List the projects.", "projects", "projects"),
    Command(
        "forget", PROJECTS, "Remove a project and its index; files stay.", "projects", "forget"
    ),
    Command("index", PROJECTS, "Bring a project's index up to date.", "indexing", "index"),
    Command("prune", PROJECTS, "Remove what no project needs any more.", "indexing", "prune"),
    Command(
        "experiment",
        PROJECTS,
        "Compare strategies by your own questions, and adopt the best.",
        "experiment",
        "app",
    ),
    Command("jobs", PROJECTS, "Show, follow or cancel background work.", "jobs", "jobs"),
    Command("start", SERVICE, "Start the service, index and watch projects.", "start", "start"),
    Command("stop", SERVICE, "Stop the service.", "service", "stop"),
    Command("restart", SERVICE, "Stop the service and start it again.", "service", "restart"),
    Command("status", SERVICE, "Show what the service does and knows.", "status", "status"),
    Command("tui", SERVICE, "Open the dashboard of the running service.", "tui", "tui"),
    Command("grammar", SETUP, "List, install, update or remove grammars.", "grammar", "app"),
    Command("rule", SETUP, "Try rules that change texts before they are indexed.", "rule", "app"),
    Command("setup", SETUP, "Install the embedding model.", "setup", "setup"),
    Command("mcp", SETUP, "Serve MCP on standard input and output, or install it.", "mcp", "app"),
    Command("config", SETUP, "Show settings; list and add indexing configs.", "config", "app"),
    Command(
        "doctor",
        SETUP,
        "Check the installation, and say how to fix what is wrong.",
        "doctor",
        "doctor",
    ),
    Command("version", SETUP, "Print the version.", "version", "version"),
)
