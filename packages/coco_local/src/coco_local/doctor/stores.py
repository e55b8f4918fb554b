"""Checks of SQLite and LanceDB: can they be opened, and do they stay small."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from coco_local.doctor.check_result import CheckResult
from coco_local.doctor.context import DoctorContext, opened_database

__all__ = ["check_database", "check_vectors"]

# Compaction runs after some 24 writes of an index's two tables and leaves one of each; ten times
# that means it does not run any more, and queries grow slower with each edit.
_MANY_FOR_ONE_INDEX = 250

_RESTART = "Let the service rebuild it from your files: coco restart"


def check_database(context: DoctorContext) -> Iterator[CheckResult]:
    """Read the metadata as SQLite's own check does; the daemon may run meanwhile."""
    path = context.settings.meta_db
    if not path.exists():
        yield CheckResult.ok("metadata", f"{path} does not exist yet; coco start creates it")
        return
    # Only here: SQLAlchemy is a tenth of a second.
    from coco_local.store.schema import SCHEMA_VERSION

    try:
        with opened_database(path) as connection:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        yield CheckResult.fail("metadata", f"{path} cannot be opened: {error}.", _RESTART)
        return
    if verdict != "ok":
        yield CheckResult.fail("metadata", f"{path} is damaged: {verdict}.", _RESTART)
    elif version != SCHEMA_VERSION:
        yield CheckResult.warn(
            "metadata",
            f"{path} has schema {version}, this version of CoCo uses {SCHEMA_VERSION}.",
            "The next start rebuilds the index from your files: coco restart",
        )
    else:
        yield CheckResult.ok("metadata", f"{path} is sound (schema {version})", bytes=_size(path))


@dataclass(frozen=True, slots=True)
class _Count:
    rows: int
    versions: int
    fragments: int


def check_vectors(context: DoctorContext) -> Iterator[CheckResult]:
    """Count versions and fragments: without bounds they are what makes LanceDB slow."""
    directory = context.settings.vector_dir
    if context.stats is not None:
        stores = context.stats.stores
        count = _Count(
            stores.get("lance_rows", 0),
            stores.get("lance_versions", 0),
            stores.get("lance_fragments", 0),
        )
        yield _judge(count, max(1, stores.get("indexes", len(context.roots))))
        return
    if not directory.exists():
        yield CheckResult.ok("vectors", f"{directory} does not exist yet; coco start creates it")
        return
    indexes = sorted(path for path in directory.iterdir() if path.is_dir())
    counts = []
    for index in indexes:
        try:
            counts.append(_count(index))
        except (OSError, RuntimeError, ValueError) as error:
            yield CheckResult.fail("vectors", f"{index} cannot be opened: {error}.", _RESTART)
    total = _Count(
        sum(count.rows for count in counts),
        sum(count.versions for count in counts),
        sum(count.fragments for count in counts),
    )
    yield _judge(total, max(1, len(counts)))


def _count(index: Path) -> _Count:
    import lancedb

    database = lancedb.connect(index)
    rows = versions = fragments = 0
    for file in sorted(index.glob("*.lance")):
        table = database.open_table(file.stem)
        # Annotated as an object, but lancedb 0.40 returns plain dictionaries.
        stats = cast("dict[str, Any]", table.stats())
        rows += stats["num_rows"]
        fragments += stats["fragment_stats"]["num_fragments"]
        versions += len(table.list_versions())
    return _Count(rows, versions, fragments)


def _judge(count: _Count, indexes: int) -> CheckResult:
    text = f"{count.rows:,} rows in {count.fragments:,} fragments and {count.versions:,} versions"
    details = {"rows": count.rows, "versions": count.versions, "fragments": count.fragments}
    if max(count.versions, count.fragments) > _MANY_FOR_ONE_INDEX * indexes:
        return CheckResult.warn(
            "vectors",
            f"LanceDB holds {text}: it is not being compacted.",
            "Compact it: coco prune (and look into the log: compaction may be failing)",
            **details,
        )
    return CheckResult.ok("vectors", f"LanceDB holds {text}", **details)


def _size(path: Path) -> int:
    return path.stat().st_size
