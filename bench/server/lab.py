"""A PostgreSQL of one's own for a benchmark, with tenants in it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from bench.local.report import Report
from bench.server.corpus import DIMENSION, Corpus
from coco_core.configs import DEFAULT_CONFIG
from coco_server.dev.postgres import DevPostgres
from coco_server.store import chunks, configs, orgs, projects, sealing, versions
from coco_server.store.migrate import migrate
from coco_server.store.session import Database
from coco_server.store.versions import Version

# A transaction of the worker: some 2 MB of text and 3 MB of vectors.
BATCH = 2_000

SETTINGS = {"shared_buffers": "1GB", "max_parallel_maintenance_workers": "2"}


@dataclass(frozen=True)
class Tenant:
    org_id: str
    project_id: str
    version: Version
    start: int
    end: int


def arguments(about: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--durable", action="store_true", help="with fsync, as in production")
    return parser


@contextmanager
def laboratory(*, durable: bool = False) -> Iterator[tuple[DevPostgres, Database]]:
    with DevPostgres(durable=durable, settings=SETTINGS) as postgres:
        migrate(postgres.url())
        with Database(postgres.url(), most=20) as database:
            yield postgres, database


def new_project(database: Database, name: str) -> tuple[str, str]:
    """An org of its own with one project; returns both ids."""
    with database.system() as session:
        org = orgs.create(session, name)
    with database.tenant(org.org_id) as session:
        config = DEFAULT_CONFIG
        configs.register(
            session,
            config.config_id,
            config.to_dict(),
            dimension=DIMENSION,
            fingerprint=config.fingerprint,
        )
        project = projects.register(
            session, f"bench:{name}", name=name, platform="bench", config_id=config.config_id
        )
    return org.org_id, project.project_id


def load(
    database: Database,
    corpus: Corpus,
    org_id: str,
    project_id: str,
    start: int,
    end: int,
    *,
    sealed: Callable[[str], None] | None = None,
    allow: Callable[[str], tuple[str, ...] | None] = lambda _: None,
) -> Version:
    """Build, seal and activate a version out of a part of the corpus.

    ``allow`` gives the allow list of a document.
    """
    with database.tenant(org_id) as session:
        version = versions.create(session, project_id, DEFAULT_CONFIG.config_id)
    known: set[str] = set()
    for first in range(start, end, BATCH):
        last = min(first + BATCH, end)
        added = [d for d in corpus.documents(first, last) if d.doc_id not in known]
        known |= {each.doc_id for each in added}
        with database.tenant(org_id) as session:
            listed = [replace(each, allow=allow(each.doc_id)) for each in added]
            chunks.append(session, version, listed, corpus.rows(first, last))
    with database.tenant(org_id) as session:
        ready = sealing.seal(session, version)
    if sealed is not None:
        sealed(ready.version_id)
    with database.tenant(org_id) as session:
        return versions.activate(session, project_id, ready.version_id)


def percentile(values: list[float], share: float) -> float:
    return float(np.percentile(np.array(values), share))


def timed(function: Callable[[], object]) -> float:
    """Milliseconds."""
    started = time.perf_counter()
    function()
    return (time.perf_counter() - started) * 1000


def report(name: str, figures: dict[str, object]) -> None:
    """Print figures, and keep them in bench/results."""
    table = Report(f"server-{name}")
    table.add(**figures)
    table.write()
