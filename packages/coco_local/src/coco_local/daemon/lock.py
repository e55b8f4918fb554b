"""Service lock: ``service.lock`` allows one daemon for each home.

A lock of the operating system ends with its process, but does not say where the process listens.
So the lock is a record of its holder, and such a lock (``service.lock.guard``), held for
a moment, decides who may write it: of all who find a stale lock exactly one replaces it, and
a process that is killed in between blocks no other.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from coco_core.errors import AlreadyRunning, InvalidConfig
from coco_local import __version__
from coco_local.daemon.process_identity import identity_of, is_alive

__all__ = ["LockRecord", "ServiceLock", "already_running"]

# Who holds the guard reads and writes one small file; longer means that the disk hangs.
_GUARD_SECONDS = 10.0
_POLL_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class LockRecord:
    """What stands in the lock."""

    pid: int
    identity: str
    started: float
    host: str
    port: int
    version: str

    @classmethod
    def mine(cls, host: str, port: int) -> LockRecord:
        """Describe this process."""
        pid = os.getpid()
        return cls(pid, identity_of(pid) or "", time.time(), host, port, __version__)

    @property
    def alive(self) -> bool:
        """Whether the process that wrote the record runs."""
        return is_alive(self.pid, self.identity)


class ServiceLock:
    """The lock of one home; held by at most one living process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held: LockRecord | None = None

    def inspect(self) -> LockRecord | None:
        """Return the living holder; None when the home is free, whatever lies there."""
        record = _read(self.path)
        return record if record is not None and record.alive else None

    def acquire(self, host: str, port: int) -> LockRecord:
        """Take the lock, in place of a dead holder if need be.

        Raises:
            AlreadyRunning: a living process holds it.
            InvalidConfig: the lock cannot be written.
        """
        record = LockRecord.mine(host, port)
        try:
            holder = _take(self.path, record)
        except OSError as error:
            raise InvalidConfig(
                f"The lock {str(self.path)!r} cannot be written: {error.strerror or error}.",
                hint="Make its directory writable, or set COCO_HOME to another one.",
            ) from error
        if holder is not None:
            raise already_running(holder)
        self._held = record
        return record

    def keep(self) -> bool:
        """Whether the home is still this process's; a lock that somebody removed is written again.

        False when another process holds it by now, or when the whole home is gone.
        """
        held = self._held
        if held is None or _read(self.path) == held:
            return True
        try:
            return _take(self.path, held) is None
        except OSError:
            return False

    def release(self) -> None:
        """Remove the lock when it is this process's."""
        if self._held is not None and _read(self.path) == self._held:
            self.path.unlink(missing_ok=True)
        self._held = None


def already_running(holder: LockRecord) -> AlreadyRunning:
    """Return the error that names the holder."""
    return AlreadyRunning(
        f"CoCo {holder.version} already runs with PID {holder.pid} on port {holder.port}.",
        hint="See it with: coco status. End it with: coco stop.",
        details={"pid": holder.pid, "port": holder.port},
    )


def _take(path: Path, record: LockRecord) -> LockRecord | None:
    """Make ``path`` hold ``record``; return the living holder if there is one."""
    # Commands that only look at the lock need not load it.
    from filelock import FileLock

    # The guard would be made together with its directory, and a home that is gone stays gone.
    path.parent.stat()
    guard = path.with_name(f"{path.name}.guard")
    fresh = path.with_name(f"{path.name}.new")
    with FileLock(guard, timeout=_GUARD_SECONDS, poll_interval=_POLL_SECONDS):
        holder = _read(path)
        if holder is not None and holder.alive:
            return holder
        try:
            fresh.write_text(json.dumps(asdict(record)), encoding="utf-8")
            fresh.replace(path)
        finally:
            # The disk is full: nothing half-written stays behind.
            fresh.unlink(missing_ok=True)
    return None


def _read(path: Path) -> LockRecord | None:
    try:
        return _parse(path.read_bytes())
    except FileNotFoundError:
        return None


def _parse(raw: bytes) -> LockRecord | None:
    """Read a record; None for anything else that may lie there."""
    try:
        data = json.loads(raw)
        return LockRecord(
            pid=int(data["pid"]),
            identity=str(data["identity"]),
            started=float(data["started"]),
            host=str(data["host"]),
            port=int(data["port"]),
            version=str(data["version"]),
        )
    except (ValueError, KeyError, TypeError):
        return None
