"""Shell completion: names from the running daemon, within a short timeout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from coco_core.errors import CocoError

__all__ = [
    "complete_config",
    "complete_job",
    "complete_language",
    "complete_path",
    "complete_project",
    "complete_reranker",
    "complete_symbol",
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


def complete_language(incomplete: str) -> list[str]:
    """Offer the names of languages."""
    from coco_core.languages import languages

    return [each.name for each in languages() if each.name.startswith(incomplete.lower())]


def complete_symbol(incomplete: str) -> list[str]:
    """Offer names that the project around the current directory defines."""
    query = {"prefix": incomplete, "path": str(Path.cwd())}
    return [name for name in _asked("/v1/docs/names", "names", query) if isinstance(name, str)]


def complete_path(incomplete: str) -> list[str]:
    """Offer files and directories from the current directory."""
    folder, slash, begun = incomplete.rpartition("/")
    base = Path(f"{folder}{slash}" or ".").expanduser()
    try:
        entries = sorted(base.iterdir())
    except OSError:
        return []
    return [
        f"{folder}{slash}{entry.name}{'/' if entry.is_dir() else ''}"
        for entry in entries
        if entry.name.startswith(begun) and (begun or not entry.name.startswith("."))
    ]


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
