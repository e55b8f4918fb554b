"""``service.lock``: who serves this home.

A lock file is born whole: it is written under another name and then linked, which fails when the
name is taken. That needs no advisory lock, so it is the same on every system and on network drives.

A dead holder's lock is replaced under a second lock that is named after the dead holder and taken
in the same way; so of all who find the same corpse exactly one replaces it, and whoever comes later
finds another holder. Should that one die in between, its own corpse is dealt with alike.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from coco_core.errors import AlreadyRunning, InvalidConfig
from coco_local import __version__
from coco_local.daemon.process_identity import birth_of, is_alive

__all__ = ["LockRecord", "ServiceLock", "already_running"]

# A system without hard links writes the lock in two steps; a lock that is empty or cut and younger
# than this may be just being written.
_WRITE_SECONDS = 2.0
_PAUSE_SECONDS = 0.02

# Each turn someone else has won or died; so many in a row is a broken file system.
_MAX_TURNS = 500

_serial = itertools.count()


@dataclass(frozen=True, slots=True)
class LockRecord:
    """What stands in the lock."""

    pid: int
    birth: str
    started: float
    host: str
    port: int
    version: str

    @classmethod
    def mine(cls, host: str, port: int) -> LockRecord:
        """Describe this process."""
        pid = os.getpid()
        return cls(pid, birth_of(pid) or "", time.time(), host, port, __version__)

    @property
    def alive(self) -> bool:
        """Whether the process that wrote the record runs."""
        return is_alive(self.pid, self.birth)


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
    for _ in range(_MAX_TURNS):
        if _create(path, record):
            return None
        found = _read_raw(path)
        if found is None:
            continue
        holder = _parse(found)
        if holder is not None and holder.alive:
            return holder
        if holder is None and _is_young(path):
            time.sleep(_PAUSE_SECONDS)
            continue
        if _replace(path, found, record):
            return None
    raise OSError(f"the lock {str(path)!r} changes without end")


def _replace(path: Path, corpse: bytes, record: LockRecord) -> bool:
    """Put ``record`` in the place of exactly this corpse, as the only one who may."""
    name = hashlib.blake2b(corpse, digest_size=8).hexdigest()
    guard = path.with_name(f"{path.name}.{name}")
    if _take(guard, record) is not None:
        time.sleep(_PAUSE_SECONDS)
        return False
    try:
        if _read_raw(path) != corpse:
            return False
        fresh = _write_aside(path, record)
        fresh.replace(path)
        return True
    finally:
        guard.unlink(missing_ok=True)


def _create(path: Path, record: LockRecord) -> bool:
    """Create the file with its content in one step; False when it exists."""
    fresh = _write_aside(path, record)
    try:
        os.link(fresh, path)
    except FileExistsError:
        return False
    except OSError:
        return _create_in_two_steps(path, fresh.read_bytes())
    finally:
        fresh.unlink()
    return True


def _create_in_two_steps(path: Path, content: bytes) -> bool:
    """Create the file where there are no hard links (FAT, some network drives)."""
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        return False
    return True


def _write_aside(path: Path, record: LockRecord) -> Path:
    aside = path.with_name(f"{path.name}.{os.getpid()}-{next(_serial)}")
    with contextlib.suppress(FileNotFoundError):
        # A process of this number died here.
        aside.unlink()
    try:
        aside.write_text(json.dumps(asdict(record)), encoding="utf-8")
    except OSError:
        # The disk is full: nothing half-written stays behind.
        aside.unlink(missing_ok=True)
        raise
    return aside


def _read(path: Path) -> LockRecord | None:
    raw = _read_raw(path)
    return None if raw is None else _parse(raw)


def _read_raw(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _parse(raw: bytes) -> LockRecord | None:
    """Read a record; None for anything else that may lie there."""
    try:
        data = json.loads(raw)
        return LockRecord(
            pid=int(data["pid"]),
            birth=str(data["birth"]),
            started=float(data["started"]),
            host=str(data["host"]),
            port=int(data["port"]),
            version=str(data["version"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _is_young(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime < _WRITE_SECONDS
    except OSError:
        return False
