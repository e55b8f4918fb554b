"""A queue of its own for each test, and what services and workers do with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from coco_server.jobs import queue
from coco_server.jobs.records import Job
from coco_server.jobs.requests import RequestKey
from coco_server.store.session import Database
from tests.coco_server.tenants import Tenant, new_tenant
from tests.postgres_server import fresh_database

__all__ = ["database", "look", "put", "take", "taken", "tenant"]


@pytest.fixture
def database() -> Iterator[Database]:
    """Not a module's: claims see the jobs of all orgs."""
    with Database(fresh_database(), most=16) as opened:
        yield opened


@pytest.fixture
def tenant(database: Database) -> Tenant:
    return new_tenant(database)


def put(tenant: Tenant, *, key: str | None = None, **options: object) -> Job:
    with tenant.session() as session:
        return queue.enqueue(
            session,
            project_id=tenant.project_id,
            kind="import",
            payload={"blob_ref": "b"},
            request=RequestKey.of(key, None, {}),
            **options,  # type: ignore[arg-type]  # named by the tests
        )


def take(database: Database, worker: str = "w", **options: float) -> Job | None:
    with database.system() as session:
        return queue.claim(session, worker, **options)  # type: ignore[arg-type]


def taken(tenant: Tenant, worker: str = "w", **options: float) -> Job:
    """Return the job that is to be had."""
    held = take(tenant.database, worker, **options)
    assert held is not None
    return held


def look(tenant: Tenant, job: Job) -> Job:
    with tenant.session() as session:
        return queue.get(session, tenant.project_id, job.job_id)
