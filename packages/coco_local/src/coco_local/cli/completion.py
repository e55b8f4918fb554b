"""Shell completion: names from the running daemon, within a short timeout, and closed sets."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from coco_core.errors import CocoError
from coco_local.client.chunk_kinds import KINDS

__all__ = [
    "complete_config",
    "complete_file",
    "complete_job",
    "complete_kind",
    "complete_language",
    "complete_path",
    "complete_project",
    "complete_reranker",
    "complete_symbol",
    "complete_words",
]

# Whoever presses TAB gives up sooner than this.
_TIMEOUT_SECONDS = 0.5


def complete_project(incomplete: str) -> list[tuple[str, str]]:
    """Offer the names of projects, with their directories."""
    return [
        (entry["name"], entry["root"])
        for entry in _ask("/v1/projects", "projects")
        if entry["name"].startswith(incomplete)
    ]


def complete_config(incomplete: str) -> list[tuple[str, str]]:
    """Offer the ids of indexing configs."""
    return [
        (entry["config_id"], f"{entry['chunking']['strategy_name']} chunks")
        for entry in _ask("/v1/sys/configs", "configs")
        if entry["config_id"].startswith(incomplete)
    ]


def complete_job(incomplete: str) -> list[tuple[str, str]]:
    """Offer the ids of jobs."""
    return [
        (entry["job_id"], f"{entry['kind']} {entry['state']}")
        for entry in _ask("/v1/jobs", "jobs")
        if entry["job_id"].startswith(incomplete)
    ]


def complete_reranker(incomplete: str) -> list[tuple[str, str]]:
    """Offer the names of registered rerankers, which the settings know without a daemon."""
    from coco_local.cli.connection import read_settings

    try:
        rerankers = read_settings().rerankers
    except CocoError:
        return []
    return [
        (name, str(model.path or model.url))
        for name, model in sorted(rerankers.items())
        if name.startswith(incomplete)
    ]


def complete_kind(incomplete: str) -> list[str]:
    """Offer the kinds of chunks."""
    return [kind for kind in KINDS if kind.startswith(incomplete.lower())]


def complete_language(incomplete: str) -> list[str]:
    """Offer the names of languages; other names and extensions only where no name fits."""
    from coco_core.languages import languages

    wanted = incomplete.lower()
    names = [each.name for each in languages() if each.name.startswith(wanted)]
    return names or [
        other
        for each in languages()
        for other in (*each.aliases, *(e.lstrip(".") for e in each.extensions))
        if other.startswith(wanted.lstrip("."))
    ]


def complete_file(incomplete: str) -> list[str]:
    """Offer files and directories, as the shell itself would."""
    return _entries(Path(), incomplete)


def complete_path(incomplete: str) -> list[str]:
    """Offer paths as ``--path`` reads them: from the project's root, or with a dot from here."""
    if incomplete.startswith(("./", "../")):
        return _entries(Path(), incomplete)
    return _entries(_project_root(), incomplete)


def complete_words(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer filters that may stand among the words of a query, and their values.

    Bash breaks words at colons: there the value alone is completed, and the words before it end in
    the filter's name.
    """
    from coco_core.filter_words import FILTER_NAMES

    args = list(ctx.params.get("text") or ())
    name, colon, value = incomplete.partition(":")
    before = ""
    if args[-1:] == [":"] and not colon:
        name, colon, value = args[-2] if len(args) > 1 else "", ":", incomplete
    elif incomplete == ":":
        name, value = args[-1] if args else "", ""
    else:
        before = f"{name}:"
    if not colon:
        names = ("-path", "-file", "-ext") if name.startswith("-") else FILTER_NAMES
        return [f"{each}:" for each in names if name and each.startswith(name)]
    offered = {"lang": complete_language, "kind": complete_kind, "path": complete_path}
    complete = offered.get(name.lstrip("-"))
    return [f"{before}{each}" for each in complete(value)] if complete is not None else []


def complete_symbol(incomplete: str) -> list[str]:
    """Offer names that the project around the current directory defines."""
    query = {"prefix": incomplete, "path": str(Path.cwd())}
    return [name for name in _asked("/v1/docs/names", "names", query) if isinstance(name, str)]


def _project_root() -> Path:
    """Return the root of the project around the current directory, else this directory."""
    here = Path.cwd()
    roots = [Path(entry["root"]) for entry in _ask("/v1/projects", "projects")]
    around = [root for root in roots if here.is_relative_to(root)]
    return max(around, key=lambda root: len(root.parts), default=here)


def _entries(base: Path, incomplete: str) -> list[str]:
    """Return what a directory below ``base`` has that begins so; directories end in a slash."""
    directory, slash, start = incomplete.rpartition("/")
    # An absolute path begins with an empty directory name.
    place = base / Path(f"{directory}/" if slash else "").expanduser()
    found = []
    try:
        with os.scandir(place) as entries:
            for entry in entries:
                hidden = entry.name.startswith(".") and not start.startswith(".")
                if entry.name.startswith(start) and not hidden:
                    found.append(f"{directory}{slash}{entry.name}{'/' if entry.is_dir() else ''}")
    except OSError:
        # Completion has no place for a message.
        return []
    return sorted(found)


def _ask(path: str, field: str) -> Iterator[dict[str, Any]]:
    """Yield the entries that the daemon lists."""
    yield from (entry for entry in _asked(path, field) if isinstance(entry, dict))


def _asked(path: str, field: str, query: Mapping[str, object] | None = None) -> list[Any]:
    """Return what the daemon lists; without one, or when it is slow, nothing."""
    from coco_local.cli.connection import read_settings
    from coco_local.client.address import daemon_url
    from coco_local.client.transport import HttpTransport

    try:
        settings = read_settings()
        transport = HttpTransport(
            daemon_url(settings), api_key=settings.api_key, timeout=_TIMEOUT_SECONDS
        )
        entries = transport.request("GET", path, query=query)["data"][field]
    except (CocoError, KeyError, TypeError):
        # Completion has no place for a message; the command itself will say it.
        return []
    return entries if isinstance(entries, list) else []
