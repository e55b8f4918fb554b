"""Thousands of projects in one database: where are the cliffs?

Makes small and large projects through the store's own functions (texts and vectors are used again:
nothing is embedded), then asks random projects over fresh and over warm connections, and measures
what so many tables cost: the catalog, the files, the memory of a backend, a dump, a restart,
`migrate`, `prune`, health and metrics. With ``--directory`` the database is kept, and a second run
with the same directory makes only the projects that are missing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from bench.local.report import Report
from bench.server import catalogue
from bench.server.corpus import DIMENSION, Corpus, corpus, questions
from bench.server.lab import SETTINGS, arguments, load, percentile, timed
from bench.server.queries import GivenVectors
from coco_core.configs import DEFAULT_CONFIG
from coco_core.intent import SearchIntent
from coco_core.query import parse_query
from coco_protocol.server.docs import QueryRequest
from coco_server.dev.postgres import DevPostgres, _installed_programs
from coco_server.jobs import queue
from coco_server.search.service import SearchService
from coco_server.store import configs, orgs, projects, retention
from coco_server.store.migrate import migrate
from coco_server.store.retention import RetentionPolicy
from coco_server.store.session import Database, Scope

# Tenants with one project are the rule, tenants with thousands the exception.
PROJECTS_PER_ORG = 10


@dataclass(frozen=True)
class Place:
    """A project that can be asked."""

    org_id: str
    project_id: str
    version_no: int
    chunks: int


def make(database: Database, of: Corpus, sizes: list[int]) -> list[float]:
    """Make projects of these many chunks; returns the milliseconds that each took."""
    took: list[float] = []
    dice = random.Random(5)
    for number, size in enumerate(sizes):
        if number % PROJECTS_PER_ORG == 0:
            org_id = _new_org(database, f"org {number}")
        project_id = _new_project(database, org_id, number)
        start = dice.randrange(len(of.texts) - size + 1)
        took.append(timed(partial(load, database, of, org_id, project_id, start, start + size)))
        if number % 500 == 499:
            last = np.median(took[-500:])
            print(f"  {number + 1} projects, the last 500: {last:.0f} ms each", flush=True)
    return took


def _new_org(database: Database, name: str) -> str:
    with database.system() as session:
        org = orgs.create(session, name)
    with database.tenant(org.org_id) as session:
        configs.register(
            session,
            DEFAULT_CONFIG.config_id,
            DEFAULT_CONFIG.to_dict(),
            dimension=DIMENSION,
            fingerprint=DEFAULT_CONFIG.fingerprint,
        )
    return org.org_id


def _new_project(database: Database, org_id: str, number: int) -> str:
    with database.tenant(org_id) as session:
        return projects.register(
            session,
            f"bench:{number}",
            name=f"project {number}",
            platform="bench",
            config_id=DEFAULT_CONFIG.config_id,
        ).project_id


def places(database: Database) -> list[Place]:
    """Every project that answers, by its number."""
    with database.system() as session:
        rows = session.connection.execute(
            "SELECT org_id, project_id, version_no, chunk_count FROM project_versions "
            "WHERE status = 'ACTIVE' ORDER BY version_no"
        ).fetchall()
    return [Place(*row) for row in rows]


class Asker:
    """Asks questions of the corpus about projects."""

    def __init__(self, database: Database, of: Corpus) -> None:
        self._given = GivenVectors()
        self._dice = random.Random(3)
        self._questions = [each.text for each in questions(of, 200)]
        for each in questions(of, 200):
            text = parse_query(SearchIntent(each.text)).embed_text
            self._given.known[text] = each.vector
        self.service = SearchService(database, self._given)  # type: ignore[arg-type]

    def ask(self, place: Place) -> None:
        request = QueryRequest(query=self._dice.choice(self._questions))
        scope = Scope(place.org_id, "bench", place.project_id)
        self.service.query(scope, request)


def ask_fresh(url: str, of: Corpus, asked: list[Place]) -> list[float]:
    """Milliseconds of the first query of a connection, without the time to connect."""
    took: list[float] = []
    for place in asked:
        with Database(url, most=1) as database:
            with database.system():
                pass
            asker = Asker(database, of)
            took.append(timed(partial(asker.ask, place)))
    return took


def ask_and_grow(
    url: str, of: Corpus, asked: list[Place]
) -> Iterator[tuple[int, dict[str, float]]]:
    """Ask one project after the other over one connection; yields its memory now and then."""
    with Database(url, most=1) as database:
        asker = Asker(database, of)
        took: list[float] = []
        for number, place in enumerate(asked, 1):
            took.append(timed(partial(asker.ask, place)))
            if number in (1, 100, 300, 1_000, 3_000, 5_000) or number == len(asked):
                with database.system() as session:
                    memory = catalogue.backend_memory(session.connection)
                figures = {f"p{share}_ms": round(percentile(took, share), 2) for share in (50, 95)}
                yield number, figures | memory
                took = []


def shares(name: str, took: list[float]) -> dict[str, object]:
    """The middle and the slow end."""
    return {f"{name}_p{share}_ms": round(percentile(took, share), 2) for share in (50, 95)}


def query_figures(url: str, of: Corpus, every: list[Place], count: int) -> dict[str, object]:
    dice = random.Random(9)
    small = [each for each in every if each.chunks < len(of.texts)]
    large = [each for each in every if each.chunks == len(of.texts)]
    figures: dict[str, object] = {}
    for name, some in (("small", small), ("large", large)):
        if not some:
            continue
        asked = [dice.choice(some) for _ in range(count)]
        figures |= shares(f"{name}_fresh_connection", ask_fresh(url, of, asked[: count // 4]))
        with Database(url, most=4) as database:
            ask = Asker(database, of).ask
            one = [timed(partial(ask, some[0])) for _ in range(count)]
            figures |= shares(f"{name}_one_project", one[20:])
            figures |= shares(
                f"{name}_random_projects", [timed(partial(ask, each)) for each in asked]
            )
    return figures


def service_figures(url: str, database: Database) -> dict[str, object]:
    """What runs now and then: migrations, retention, the queue's look, metrics."""

    def system(work: Callable[..., object]) -> Callable[[], object]:
        def run() -> object:
            with database.system() as session:
                return work(session)

        return run

    policy = RetentionPolicy(keep_versions=0, keep_hours=0, soak_seconds=0)
    return {
        "migrate_nothing_ms": round(timed(lambda: migrate(url))),
        "retention_look_ms": round(timed(system(lambda s: retention.expired(s, policy))), 1),
        "queue_look_ms": round(timed(system(queue.waiting)), 1),
        "claim_ms": round(timed(system(lambda s: queue.claim(s, "bench"))), 1),
        "asked_lately_ms": round(timed(system(_asked_lately)), 1),
    }


def _asked_lately(session: object) -> object:
    from coco_server.store import sealing

    return sealing._somebody_asks(session)  # type: ignore[arg-type]


def remove_some(database: Database, every: list[Place], count: int) -> float:
    """Milliseconds to remove a version with its tables, the median of some."""
    took: list[float] = []
    for place in every[:count]:
        with database.tenant(place.org_id) as session:
            row = session.connection.execute(
                "UPDATE project_versions SET status = 'ARCHIVED', archived_at = now() "
                "WHERE version_no = %s RETURNING version_id",
                (place.version_no,),
            ).fetchone()
            assert row is not None
            session.connection.execute(
                "UPDATE projects SET active_version_id = NULL WHERE project_id = %s",
                (place.project_id,),
            )
        ids = (place.org_id, place.project_id, row[0])
        took.append(timed(partial(retention.remove_version, database, *ids)))
    return float(np.median(took))


@contextmanager
def server(given_directory: str | None, *, durable: bool, locks: int) -> Iterator[DevPostgres]:
    settings = SETTINGS | {"max_locks_per_transaction": str(locks)}
    directory = Path(given_directory) if given_directory else None
    with DevPostgres(directory, durable=durable, settings=settings) as postgres:
        yield postgres


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--small", type=int, default=500, help="projects of --chunks chunks")
    parser.add_argument("--chunks", type=int, default=100)
    parser.add_argument("--large", type=int, default=5, help="projects of --large-chunks chunks")
    parser.add_argument("--large-chunks", type=int, default=20_000)
    parser.add_argument("--queries", type=int, default=400)
    parser.add_argument("--locks", type=int, default=64, help="max_locks_per_transaction")
    parser.add_argument("--remove", type=int, default=20, help="versions to remove at the end")
    parser.add_argument("--directory", help="keep the database here, below /var/tmp as root")
    given = parser.parse_args()
    table = Report("server-many-projects", small=given.small, large=given.large)
    of = corpus(given.large_chunks)
    with server(given.directory, durable=given.durable, locks=given.locks) as postgres:
        url = postgres.url()
        migrate(url)
        catalogue.allow_looking(postgres)
        with Database(url, most=4) as database:
            there = [each.chunks for each in places(database)]
            for name, wanted, size in (
                ("small", given.small, given.chunks),
                ("large", given.large, given.large_chunks),
            ):
                missing = wanted - there.count(size)
                if missing > 0:
                    took = make(database, of, [size] * missing)
                    table.add(
                        **{
                            f"make_{name}_s": round(sum(took) / 1000),
                            **shares(f"make_{name}", took),
                        }
                    )
            every = places(database)
        table.add(projects=len(every))
        table.add(**catalogue.catalogue(postgres), **catalogue.files(postgres))
        table.add(**query_figures(url, of, every, given.queries))
        order = random.Random(1).sample(every, len(every))
        for number, figures in ask_and_grow(url, of, order):
            table.add(**{f"after_{number}_projects_{name}": v for name, v in figures.items()})
        with Database(url, most=2) as database:
            table.add(**service_figures(url, database))
            table.add(remove_ms=round(remove_some(database, every, given.remove), 1))
        table.add(**catalogue.dump(postgres, _installed_programs()))
        if given.directory:
            table.add(restart_s=catalogue.restart(postgres, kill=False))
            table.add(restart_after_kill_s=catalogue.restart(postgres, kill=True))
    table.write()


if __name__ == "__main__":
    main()
