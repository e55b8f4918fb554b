"""The durable engine of this process: DBOS, started on the database that the models use."""

from __future__ import annotations

import atexit
import logging
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coco_flow.errors import RunConflict, missing_extra
from coco_flow.models.executors import Liveness, ProgramLiveness, liveness_of, new_executor_id
from coco_flow.models.store.documents import prepare

if TYPE_CHECKING:
    from coco_flow.models.database import Database

__all__ = [
    "QUEUE",
    "Engine",
    "current_engine",
    "engine_of",
    "liveness_for",
    "require_dbos",
    "running_engine",
    "shutdown",
    "system_database_url",
]

APPLICATION = "coco-models"
# Recovery takes runs of the same version; ours changes when a run's steps mean something else.
VERSION = "coco-models-1"
QUEUE = "coco-models"
RECORDS = "records of runs"
"""The lock under which the tables of the records are created."""

_POLL_SECONDS = 0.2
_CONNECT_SECONDS = 10


def system_database_url(database: Database) -> str:
    """Return where runs are recorded: beside an SQLite file, in the same PostgreSQL database."""
    if not database.is_sqlite:
        url = database.engine.url.set(drivername="postgresql")
        return url.render_as_string(hide_password=False)
    path = Path(database.engine.url.database or "coco_models.db")
    return f"sqlite:///{path.with_name(f'{path.stem}.runs.db')}"


def locks_folder(database: Database) -> Path | None:
    """Return the folder of the processes' locks, or None where the database has locks."""
    if not database.is_sqlite:
        return None
    path = Path(database.engine.url.database or "coco_models.db")
    return path.with_name(f"{path.stem}.locks")


def require_dbos() -> None:
    """Refuse to go on without DBOS.

    Raises:
        ExtraMissing: It is not installed.
    """
    if find_spec("dbos") is None:
        raise missing_extra("Running a pipeline", "dbos", "models")


class Engine:
    """DBOS in this process, and which processes are alive.

    Attributes:
        database: The database of the models.
        executor_id: This process's id in the records of runs.
        liveness: The processes' locks.
        is_shared: Whether DBOS was started by the program, which uses it for other work too.
    """

    def __init__(self, database: Database, batches_at_once: int) -> None:
        from dbos import DBOS

        import coco_flow.models.workflows  # noqa: F401 - declares the workflows

        prepare(database)
        self.database = database
        self.is_shared = _is_launched()
        if self.is_shared:
            # The program uses DBOS itself: its runs are recorded where it says.
            self.liveness: Liveness = ProgramLiveness()
            self.executor_id = DBOS.executor_id
            return
        self.liveness = liveness_of(database, locks_folder(database))
        self.executor_id = new_executor_id()
        self.liveness.hold(self.executor_id)
        self._closed = threading.Event()
        logging.getLogger("dbos").setLevel(logging.ERROR)
        DBOS(
            config={
                "name": APPLICATION,
                "system_database_url": system_database_url(database),
                "application_version": VERSION,
                "executor_id": self.executor_id,
                "log_level": "ERROR",
                # Failures are reported by the runs, with a message for the user.
                "console_log_level": "CRITICAL",
                "notification_listener_polling_interval_sec": _POLL_SECONDS,
                "db_engine_kwargs": _engine_arguments(database, self._closed),
            }
        )
        # Whoever looks for the records of runs must not see half of their tables.
        with database.locked(RECORDS):
            DBOS.launch()
        DBOS.register_queue(
            QUEUE, worker_concurrency=batches_at_once, polling_interval_sec=_POLL_SECONDS,
            on_conflict="always_update",
        )  # fmt: skip

    def close(self, grace_seconds: int = 0) -> None:
        """Stop, and let others take over what is not done.

        Args:
            grace_seconds: How long models that run may take to end.
        """
        from dbos import DBOS

        if not self.is_shared:
            logging.getLogger("dbos").setLevel(logging.CRITICAL)
            if grace_seconds:
                DBOS.destroy(workflow_completion_timeout_sec=grace_seconds)
            # What waits for a database server that is gone ends here, or the process never would.
            self._closed.set()
            DBOS.destroy()
        self.liveness.release()


def _engine_arguments(database: Database, closed: threading.Event) -> dict[str, Any]:
    """Return what DBOS opens its connections with: none after `closed` is set."""
    if database.is_sqlite:
        return {}
    import psycopg

    url = system_database_url(database)

    def connect() -> Any:
        if closed.is_set():
            raise RuntimeError("The engine of pipelines was shut down.")
        return psycopg.connect(url, connect_timeout=_CONNECT_SECONDS)

    return {"creator": connect}


def _is_launched() -> bool:
    """Say whether the program has started DBOS for itself."""
    from dbos import DBOS
    from dbos import error as dbos_errors

    try:
        DBOS.list_queues()
    except dbos_errors.DBOSException:
        return False
    return True


_engine: Engine | None = None
_lock = threading.Lock()


def engine_of(database: Database, *, batches_at_once: int = 2) -> Engine:
    """Return this process's engine, started on `database` at the first call.

    Raises:
        RunConflict: It runs on another database.
        ExtraMissing: DBOS is not installed.
    """
    global _engine  # noqa: PLW0603 - DBOS is one for the process
    with _lock:
        if _engine is None:
            _engine = Engine(database, batches_at_once)
            atexit.register(shutdown)
        elif _engine.database is not database:
            raise RunConflict(
                f"Pipelines of this process run on {_engine.database.public_url}, not on "
                f"{database.public_url}.",
                hint="Call coco_flow.models.shutdown() before using another database.",
            )
        return _engine


def current_engine() -> Engine:
    """Return the engine that runs, for workflows that are called by it."""
    assert _engine is not None, "a workflow runs without its engine"
    return _engine


def running_engine(database: Database) -> Engine | None:
    """Return this process's engine if it runs on this database."""
    return _engine if _engine is not None and _engine.database is database else None


def liveness_for(database: Database) -> Liveness:
    """Return what tells which processes of a database are alive."""
    engine = running_engine(database)
    return liveness_of(database, locks_folder(database)) if engine is None else engine.liveness


def shutdown(grace_seconds: int = 0) -> None:
    """Stop the engine of this process; runs that go on can be resumed.

    Args:
        grace_seconds: How long models that run may take to end.
    """
    global _engine
    with _lock:
        engine, _engine = _engine, None
    if engine is not None:
        engine.close(grace_seconds)
