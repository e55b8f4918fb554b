"""Checks of the installation, the state and an application, for `coco-flow doctor`."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from coco_core.errors import CocoError
from coco_flow.cli.features import FEATURES
from coco_flow.cli.figures import byte_count, count, duration

if TYPE_CHECKING:
    from coco_flow.state.store import StateStore

__all__ = ["Finding", "Level", "examine"]

# Below this the next update is likely to fail; ten times as much is worth a warning.
_LEAST_FREE_BYTES = 50_000_000
_OLDEST_SQLITE = (3, 35, 0)


class Level(StrEnum):
    """How a check ended."""

    OK = "ok"
    OFF = "off"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        fix: What to do about it.
    """

    check: str
    level: Level
    message: str
    fix: str | None = None


def examine(target: str | None) -> Iterator[Finding]:
    """Run all checks; those of the application only if one is named."""
    yield _python()
    yield _sqlite()
    yield from _state()
    yield from _features()
    yield from _grammars()
    yield _embedding_model()
    if target is not None:
        yield from _application(target)


def _python() -> Finding:
    from coco_flow import __version__

    return Finding(
        "python",
        Level.OK,
        f"{platform.python_implementation()} {platform.python_version()} at {sys.executable}, "
        f"coco-flow {__version__}",
    )


def _sqlite() -> Finding:
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        oldest = ".".join(map(str, _OLDEST_SQLITE))
        return Finding(
            "sqlite", Level.FAIL, f"SQLite {version} is too old.", f"Use a Python with {oldest}."
        )
    if not hasattr(sqlite3.Connection, "enable_load_extension") and find_spec("pysqlite3") is None:
        return Finding(
            "sqlite",
            Level.OK,
            f"SQLite {version}; it loads no extensions, which a vector index in SQLite needs",
            "pip install pysqlite3-binary",
        )
    return Finding("sqlite", Level.OK, f"SQLite {version}")


def _state() -> Iterator[Finding]:
    from coco_flow.flow.context import context
    from coco_flow.setting import sqlite_path

    try:
        path = sqlite_path(context.settings.database)
    except CocoError as error:
        yield Finding("settings", Level.FAIL, error.message, error.hint)
        return
    if path is not None:
        yield from _folder(path)
        if not path.exists():
            yield Finding("state", Level.OK, f"none yet; the first set-up makes {path}")
            return
    try:
        store = context.store
    except CocoError as error:
        yield Finding("state", Level.FAIL, error.message, error.hint)
        return
    yield from _store(store)


def _folder(path: Path) -> Iterator[Finding]:
    """Check that the state's file can be written and grow."""
    folder = path.resolve().parent
    while not folder.exists():
        folder = folder.parent
    blocked = next((p for p in (path, folder) if p.exists() and not os.access(p, os.W_OK)), None)
    if blocked is not None:
        yield Finding(
            "write access", Level.FAIL, f"{blocked} cannot be written.", "Change its permissions."
        )
    free = shutil.disk_usage(folder).free
    size = path.stat().st_size if path.exists() else 0
    message = f"{byte_count(free)} free in {folder}"
    if free < _LEAST_FREE_BYTES:
        yield Finding("disk space", Level.FAIL, message, "Make room.")
    elif free < max(10 * _LEAST_FREE_BYTES, 2 * size):
        yield Finding("disk space", Level.WARN, message, "Make room before it gets less.")
    else:
        yield Finding("disk space", Level.OK, message)


def _store(store: StateStore) -> Iterator[Finding]:
    """Check what the state holds."""
    from coco_flow.state.sql import SCHEMA_VERSION

    version = store.schema_version
    flows = store.flows()
    yield Finding(
        "state",
        Level.OK,
        f"{store.url}: schema {version} (this version knows {SCHEMA_VERSION}), "
        f"{byte_count(store.byte_size())}, {count(len(flows), 'flow')}",
    )
    for full_name in flows:
        flow_id = store.flow_id(full_name)
        if flow_id is not None:
            yield from _flow(store, full_name, flow_id)


def _flow(store: StateStore, full_name: str, flow_id: int) -> Iterator[Finding]:
    rows = sum(store.count_rows(number) for number in store.sources(flow_id).values())
    failed = store.count_errors(flow_id)
    shards = store.count_shards(flow_id)
    with store.connection.flow_lock(full_name, wait=False) as is_free:
        pass
    message = count(rows, "row")
    if not is_free:
        message += "; an update is running"
    elif store.runs(flow_id, 1) and store.runs(flow_id, 1)[0]["status"] == "running":
        message += "; the last update ended before it was done, the next one continues from there"
    if shards:
        message += f"; {count(shards, 'shard')} of a shared update left"
    if any(resource.staging is not None for resource in store.resources(flow_id)):
        yield Finding(
            f"flow {full_name}",
            Level.WARN,
            f"{message}; a set-up ended before it was done",
            "Run coco-flow setup again.",
        )
    elif failed:
        fix = "coco-flow errors"
        yield Finding(f"flow {full_name}", Level.WARN, f"{message}; {failed:,} failed", fix)
    else:
        yield Finding(f"flow {full_name}", Level.OK, message)


def _features() -> Iterator[Finding]:
    for feature in FEATURES:
        missing = feature.missing
        if missing:
            message = f"not installed ({', '.join(missing)})"
            yield Finding(feature.name, Level.OFF, message, feature.command)
        else:
            yield Finding(feature.name, Level.OK, "installed")


def _grammars() -> Iterator[Finding]:
    from coco_flow.text.languages import all_languages

    known = [language for language in all_languages() if language.grammar]
    have = {
        language.name: find_spec(language.grammar.partition(":")[0].partition(".")[0]) is not None
        for language in known
    }
    missing = sorted(name for name, there in have.items() if not there)
    message = f"syntax of {len(have) - len(missing)} of {len(have)} languages"
    if missing:
        yield Finding(
            "grammars",
            Level.OFF,
            f"{message}; text in {', '.join(missing)} is split at lines and sentences",
            "pip install 'coco-flow[code]'",
        )
    else:
        yield Finding("grammars", Level.OK, message)


def _embedding_model() -> Finding:
    if find_spec("coco_embed") is None:
        return Finding(
            "embedding model", Level.OFF, "none on this machine", "pip install 'coco-flow[embed]'"
        )
    from coco_embed.store import DEFAULT_MODEL, ModelStore
    from coco_flow.functions.local_model import embedding_settings

    try:
        settings = embedding_settings()
    except CocoError as error:
        return Finding("embedding model", Level.FAIL, error.message, error.hint)
    if settings.url is not None:
        return Finding("embedding model", Level.OK, f"the service at {settings.url}")
    found = ModelStore(settings.models).find()
    if found is not None:
        return Finding("embedding model", Level.OK, f"{DEFAULT_MODEL} in {settings.models}")
    message = f"{DEFAULT_MODEL} is not in {settings.models}"
    if settings.offline:
        fix = "Let it be fetched once with network access, or copy it there."
        return Finding("embedding model", Level.WARN, message, fix)
    return Finding("embedding model", Level.OFF, f"{message}; it is fetched (90 MB) when used")


def _application(target: str) -> Iterator[Finding]:
    """Check that an application loads, that its flows are valid, and that they are set up."""
    import time

    from coco_flow.cli.app_target import load_application
    from coco_flow.cli.user_code import user_traceback
    from coco_flow.flow.context import context
    from coco_flow.setup.plan import Action, plan_setup

    began = time.perf_counter()
    application = load_application(target)
    took = duration(time.perf_counter() - began)
    names = [*application.flows, *(app.name for app in application.apps)]
    yield Finding("application", Level.OK, f"{target}: {', '.join(names) or 'none'} ({took})")
    context.look_only()
    for flow in application.flows.values():
        name = f"definition of {flow.name}"
        try:
            flow_id = flow.store.flow_id(flow.full_name)
            changes = plan_setup(flow.store, flow_id, flow.graph, flow.name, flow.namespace)
        except Exception as error:  # noqa: BLE001 - a definition may raise anything
            message = error.message if isinstance(error, CocoError) else f"{error!r}"
            fix = error.hint if isinstance(error, CocoError) else user_traceback(error)
            yield Finding(name, Level.FAIL, message, fix)
            continue
        pending = [change for change in changes if change.action is not Action.KEEP]
        if flow_id is None or pending:
            message = f"valid, {count(len(pending), 'change')} of targets to apply"
            yield Finding(name, Level.WARN, message, f"coco-flow setup {target}")
        else:
            yield Finding(name, Level.OK, "valid and set up")
