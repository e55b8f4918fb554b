"""Health of everything that the service uses, each part probed within a bounded time.

Liveness asks nothing of this. Readiness asks only for what every request needs: the database, with
a schema on which this program can serve. The other parts are reported and do not take a service out
of its load balancer: queries are answered without a blob store.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing

import redis
import structlog

from coco_core.errors import CocoError, DatabaseIncompatible, Unavailable
from coco_embed.resolver import Embedders
from coco_protocol.server.system import PartHealth
from coco_server.domain.configs import DEFAULT_CONFIG
from coco_server.jobs import overview
from coco_server.settings import BackendSettings
from coco_server.store.blobs import BlobStore
from coco_server.store.migrate import why_incompatible
from coco_server.store.session import Database
from coco_server.store.vectors import VectorStore

__all__ = ["Probes"]

_log = structlog.get_logger(__name__)

# Probes write and read: a balancer that asks every second must not do so every second.
_KEEP_SECONDS = 10.0

# A part that answers later than this is reported as failing; its probe is not started again before.
_MOST_SECONDS = 5.0


class _Probe:
    """One part: its latest result, and at most one question to it at a time."""

    def __init__(self, name: str, ask: Callable[[], PartHealth]) -> None:
        self.name = name
        self.ask = ask
        self.found: PartHealth | None = None
        self.until = 0.0
        self.running: threading.Event | None = None
        """Set when the question that is under way has been answered."""


class Probes:
    """Asks all parts at once, and remembers their answers for some seconds; thread-safe."""

    def __init__(
        self,
        settings: BackendSettings,
        database: Database,
        blobs: BlobStore,
        embedders: Embedders,
        vectors: VectorStore,
    ) -> None:
        """Prepare them.

        Args:
            settings: what is used.
            database: over connections that queries do not take: a busy service is ready.
            blobs: the store of imports.
            embedders: models for queries.
            vectors: where vectors are kept.
        """
        self._settings = settings
        self._database = database
        self._blobs = blobs
        self._embedders = embedders
        self._vectors = vectors
        asked: Mapping[str, Callable[[], PartHealth]] = {
            "blobs": self._ask_blobs,
            "embedder": self._ask_embedder,
            "queue": self._ask_workers,
            **({"redis": self._ask_redis} if settings.queue_mode == "redis" else {}),
            **({} if vectors.in_database else {"vectors": self._ask_vectors}),
        }
        self._probes = [_Probe(name, ask) for name, ask in asked.items()]
        self._lock = threading.Lock()

    def database(self) -> PartHealth:
        """Return whether requests can be served: the database answers and its schema fits."""
        try:
            with self._database.system() as session:
                row = session.connection.execute("SHOW server_version").fetchone()
                why = why_incompatible(session.connection)
        except CocoError as error:
            # Open to everybody: the reason stands in the log, and not here.
            return PartHealth(name="database", state="failing", detail=error.code)
        version = str(row[0]) if row else None
        if isinstance(why, DatabaseIncompatible):
            return PartHealth(
                name="database", state="mismatch", version=version, detail=why.message
            )
        return PartHealth(name="database", state="ok", version=version)

    def others(self) -> list[PartHealth]:
        """Return the other parts, each at most ten seconds old."""
        until = time.monotonic() + _MOST_SECONDS
        with self._lock:
            for probe in self._probes:
                if probe.running is None and time.monotonic() >= probe.until:
                    probe.running = threading.Event()
                    # A part that hangs must not keep the process from ending.
                    threading.Thread(
                        target=self._run,
                        args=(probe, probe.running),
                        name="coco-probe",
                        daemon=True,
                    ).start()
            waiting = [(probe, probe.running) for probe in self._probes]
        for probe, running in waiting:
            if running is None:
                continue
            if not running.wait(max(0.0, until - time.monotonic())):
                self._note(probe, _failing(probe.name, "it does not answer in time"), ended=False)
        return [each.found for each in self._probes if each.found is not None]

    def _run(self, probe: _Probe, answered: threading.Event) -> None:
        try:
            found = probe.ask()
        except CocoError as error:
            _log.warning("probe_failed", part=probe.name, reason=error.message)
            found = _failing(probe.name, error.code)
        except Exception as error:  # noqa: BLE001 - a probe must report whatever happens
            _log.error("probe_crashed", part=probe.name, exc_info=error)
            found = _failing(probe.name, type(error).__name__)
        self._note(probe, found, ended=True)
        answered.set()

    def _note(self, probe: _Probe, found: PartHealth, *, ended: bool) -> None:
        with self._lock:
            if not ended and probe.running is None:
                return  # It has answered after all.
            probe.found = found
            if ended:
                probe.running = None
                probe.until = time.monotonic() + _KEEP_SECONDS

    def _ask_blobs(self) -> PartHealth:
        self._blobs.check()
        return PartHealth(name="blobs", state="ok")

    def _ask_embedder(self) -> PartHealth:
        opened = self._embedders.open(DEFAULT_CONFIG.embedding, timeout=_MOST_SECONDS)
        with closing(opened) as embedder:
            embedder.embed_query("health")
            return PartHealth(name="embedder", state="ok", version=embedder.name)

    def _ask_workers(self) -> PartHealth:
        with self._database.system() as session:
            seen = overview.workers_seen(session)
            state = overview.queue_state(session)
        if not seen:
            missing = "no worker has reported within two minutes"
            waiting = f"; {state.queued} jobs wait" if state.queued else ""
            return PartHealth(name="queue", state="missing", detail=missing + waiting)
        busy = sum(each.running for each in seen)
        slots = sum(each.slots for each in seen)
        return PartHealth(
            name="queue", state="ok", detail=f"{len(seen)} workers, {busy} of {slots} slots busy"
        )

    def _ask_redis(self) -> PartHealth:
        assert self._settings.redis_url is not None, "checked with the settings"
        try:
            with redis.Redis.from_url(
                self._settings.redis_url,
                socket_connect_timeout=_MOST_SECONDS,
                socket_timeout=_MOST_SECONDS,
            ) as client:
                client.ping()
        except redis.RedisError as error:
            raise Unavailable(
                f"Redis does not answer: {error}.",
                hint="Check COCO_REDIS_URL; without Redis jobs are found a little later.",
            ) from error
        return PartHealth(name="redis", state="ok")

    def _ask_vectors(self) -> PartHealth:
        self._vectors.check()
        return PartHealth(name="vectors", state="ok")


def _failing(name: str, detail: str) -> PartHealth:
    return PartHealth(name=name, state="failing", detail=detail)
