"""Change feed of one project: changes as they come, and on request all of them up to now."""

from __future__ import annotations

import hashlib
import itertools
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from coco_local.watch.inotify import LOST, InotifyNotifier, has_inotify
from coco_local.watch.notifier import ADDED, DELETED, Notifier, NotifierFault
from coco_local.watch.opening import open_notifier
from coco_local.watch.state import WatchMode, WatchState, fault_state, partial_state

__all__ = ["ChangeFeed"]

log = structlog.get_logger(__name__)

# Ten looks in a second cost some 0.1 % of a core; a query does not wait for them, it syncs.
_STEP_SECONDS = 0.1

# Where nothing has happened for a while, fewer looks do.
_IDLE_STEP_SECONDS = 0.25
_IDLE_AFTER_SECONDS = 10.0

# How often the root is looked at: events do not tell that a parent was renamed or a disk unmounted.
_ROOT_SECONDS = 2.0

# Without events the project is listed so often: the price is that of a listing, 0.1 s of one core.
_POLL_SECONDS = 15.0

# A notifier that failed is tried again after this, doubled up to the limit: what stopped it
# (a file name that is not UTF-8, a limit) may be gone.
_RETRY_SECONDS = 1.0
_MAX_RETRY_SECONDS = 60.0

# A system that watches trees reports a new directory before it watches it, and nothing of what was
# put there in between. It is delivered again after these times, when it is watched.
_REDELIVER_SECONDS = (0.1, 1.0)

# What may matter of git's own files: another branch, other excludes, other files tracked.
_GIT_FILES = ("/.git/HEAD", "/.git/info/exclude", "/.git/index")
_GIT_DIRECTORIES = ("/.git", "/.git/info")

_serial = itertools.count()


class ChangeFeed:
    """Delivers changed paths below ``root`` to ``on_paths``.

    A path of a directory means: list everything below it again. The root itself means that events
    may have been lost. ``on_paths`` is called by one thread at a time, under the feed's lock: it
    must be quick and must not call `sync`.

    Where ``trees`` is false, a directory below the root is watched once `watch` was called for it;
    a listing calls it before it looks into the directory, so that nothing is missed in between.
    """

    def __init__(
        self,
        root: Path,
        cookies: Path,
        on_paths: Callable[[set[Path]], None],
        *,
        trees: bool | None = None,
    ) -> None:
        self.root = root
        self._trees = not has_inotify() if trees is None else trees
        self._on_paths = on_paths
        digest = hashlib.blake2b(os.fsencode(root), digest_size=8).hexdigest()
        self._cookies = cookies / digest
        self._cookie = ""
        self._cookie_touched = False
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._notifier: Notifier | InotifyNotifier | None = None
        self._state = WatchState(WatchMode.STOPPED)
        # What the system calls the root; on macOS events carry it instead of a linked name.
        self._real = ""
        self._identity: tuple[int, int] | None = None
        self._synced = 0.0
        self._new_dirs: dict[str, list[float]] = {}
        self._retry_at = 0.0
        self._retry_after = _RETRY_SECONDS
        self._poll_at = 0.0
        self._root_at = 0.0
        self._sent_at = 0.0

    @property
    def state(self) -> WatchState:
        """How well the project is watched now."""
        return self._state

    def start(self) -> None:
        """Begin to watch; what changes after the return is delivered."""
        with self._lock:
            self._establish(time.monotonic())
        self._thread = threading.Thread(
            target=self._run, name=f"watch {self.root.name}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop watching and wait until the last delivery is over."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            self._close()
            self._state = WatchState(WatchMode.STOPPED)
            self._remove_cookies()

    # --- what is watched -------------------------------------------------------------------------

    def watch(self, directory: Path) -> None:
        """Deliver what changes directly in a directory of the project from now on."""
        notifier = self._notifier
        if not isinstance(notifier, InotifyNotifier):
            return
        try:
            notifier.watch(self._real + os.fspath(directory).removeprefix(os.fspath(self.root)))
        except PermissionError as error:
            self._state = partial_state(error)
        except NotifierFault as error:
            with self._lock:
                if notifier is self._notifier:
                    self._fail(str(error))

    @contextmanager
    def listing(self) -> Iterator[None]:
        """Watch no more, at the end, what `watch` was not called for meanwhile."""
        notifier = self._notifier
        if not isinstance(notifier, InotifyNotifier):
            yield
            return
        number = notifier.begin_listing()
        if self._state.mode is WatchMode.PARTIAL:
            # It is asked for all directories again.
            self._state = WatchState(WatchMode.WATCHING)
        yield
        notifier.end_listing(number)
        if notifier is self._notifier:
            # Only now is it known that the system grants a watch for every directory.
            self._retry_after = _RETRY_SECONDS

    # --- proof of being up to date ---------------------------------------------------------------

    def sync(self, timeout: float = 0.05) -> bool:
        """Deliver every change made before this call; False when that could not be proven in time.

        The proof is a cookie: a file touched now, in a directory of the same notifier. The system
        queues events in order, so when the cookie's event is here all earlier ones are.
        """
        called = time.monotonic()
        deadline = called + timeout
        if not self._lock.acquire(timeout=max(0.0, timeout)):
            return False
        try:
            # Whoever held the lock may have set a cookie after this call began: that is the proof.
            if self._synced > called:
                return True
            return self._sync(deadline)
        finally:
            self._lock.release()

    def _sync(self, deadline: float) -> bool:
        touched = time.monotonic()
        # A cookie proves nothing about a root that is another directory by now.
        self._check_root(touched)
        notifier = self._notifier
        if notifier is None or self._stopping.is_set():
            return False
        gathered: set[tuple[int, str]] = set()
        seen = False
        try:
            self._touch()
            while not seen:
                changes = notifier.wait(deadline)
                if not changes:
                    break
                gathered |= changes
                seen = any(path == self._cookie for _, path in changes)
        except (NotifierFault, OSError) as error:
            self._deliver(gathered)
            self._fail(str(error))
            return False
        self._deliver(gathered, redeliver=True)
        if self._identity is None:
            # The root itself was delivered, or is gone.
            self._check_root(touched)
            seen = self._notifier is not None
        if seen:
            self._synced = touched
            return True
        # Its event may still come, and must not pass for the next one's.
        self._new_cookie()
        return False

    def _touch(self) -> None:
        if self._cookie_touched:
            os.utime(self._cookie)
        else:
            os.close(os.open(self._cookie, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
            self._cookie_touched = True

    def _new_cookie(self) -> None:
        if self._cookie_touched:
            Path(self._cookie).unlink(missing_ok=True)
        name = f"{os.getpid()}-{next(_serial)}"
        self._cookie = os.path.realpath(self._cookies) + os.sep + name
        self._cookie_touched = False
        Path(self._cookie).unlink(missing_ok=True)

    def _remove_cookies(self) -> None:
        try:
            if self._cookie:
                Path(self._cookie).unlink(missing_ok=True)
            self._cookies.rmdir()
        except OSError:
            # Another daemon's cookie lies there too, or the home is gone.
            return

    # --- the background --------------------------------------------------------------------------

    def _run(self) -> None:
        step = _STEP_SECONDS
        while not self._stopping.wait(step):
            with self._lock:
                now = time.monotonic()
                if not self._stopping.is_set():
                    self._step(now)
                idle = now - self._sent_at > _IDLE_AFTER_SECONDS
                step = _IDLE_STEP_SECONDS if idle else _STEP_SECONDS

    def _step(self, now: float) -> None:
        if now >= self._root_at:
            self._root_at = now + _ROOT_SECONDS
            self._check_root(now)
        if self._notifier is not None:
            try:
                self._deliver(self._notifier.take())
            except NotifierFault as error:
                self._fail(str(error))
            if self._identity is None:
                self._check_root(now)
        elif self._state.mode is WatchMode.POLLING and now >= self._retry_at:
            self._establish(now, again=True)
        if self._new_dirs:
            self._redeliver(now)
        if self._state.mode in {WatchMode.POLLING, WatchMode.PARTIAL} and now >= self._poll_at:
            self._poll_at = now + _POLL_SECONDS
            self._send({self.root})

    def _check_root(self, now: float) -> None:
        identity = _identity(self.root)
        if identity == self._identity and (identity or self._state.mode is WatchMode.MISSING):
            return
        if identity is None:
            self._close()
            self._identity = None
            self._state = WatchState(
                WatchMode.MISSING,
                f"{str(self.root)!r} is not there",
                "It is watched again when it comes back.",
            )
            log.warning("project root is gone", root=str(self.root))
            self._send({self.root})
        else:
            self._establish(now, again=True)

    def _redeliver(self, now: float) -> None:
        """Deliver new directories again when their watch stands."""
        due = [path for path, times in self._new_dirs.items() if times[0] <= now]
        # A cookie that comes back says that the system has worked through what came before.
        # The same call delivers the new directories.
        if not due or not self._sync(now + _STEP_SECONDS):
            return
        for path in due:
            times = self._new_dirs.get(path)
            if times:
                times.pop(0)
                if not times:
                    del self._new_dirs[path]

    # --- the notifier ----------------------------------------------------------------------------

    def _establish(self, now: float, *, again: bool = False) -> None:
        """Open a notifier; ``again`` tells the consumer that events may have been lost before."""
        self._close()
        self._identity = _identity(self.root)
        self._root_at = now + _ROOT_SECONDS
        if self._identity is None:
            self._state = WatchState(WatchMode.MISSING, f"{str(self.root)!r} is not there")
            return
        self._real = os.path.realpath(self.root)
        try:
            self._cookies.mkdir(parents=True, exist_ok=True)
            self._new_cookie()
            git = [self._real + name for name in _GIT_DIRECTORIES]
            self._notifier, self._state = open_notifier(
                self._real, os.path.realpath(self._cookies), git, trees=self._trees
            )
        except (NotifierFault, OSError) as error:
            self._fail(str(error))
        else:
            if self._trees:
                self._retry_after = _RETRY_SECONDS
            self._poll_at = now + _POLL_SECONDS
        if again:
            self._send({self.root})

    def _fail(self, message: str) -> None:
        """Go on without events, and try to get them back."""
        self._close()
        state = fault_state(message)
        if state != self._state:
            log.warning("watching stopped", root=str(self.root), why=message, hint=state.hint)
        self._state = state
        now = time.monotonic()
        self._retry_at = now + self._retry_after
        self._retry_after = min(self._retry_after * 2, _MAX_RETRY_SECONDS)
        self._poll_at = now

    def _close(self) -> None:
        if self._notifier is not None:
            self._notifier.close()
            self._notifier = None
        self._new_dirs.clear()

    # --- delivery --------------------------------------------------------------------------------

    def _deliver(self, changes: set[tuple[int, str]], *, redeliver: bool = False) -> None:
        """Deliver changed paths; ``redeliver`` adds directories whose watch may not stand yet."""
        paths: set[Path] = set()
        cookies = self._cookie.rpartition(os.sep)[0]
        if (DELETED, self._real) in changes:
            # Another directory of this name may even have got its number: look again.
            self._identity = None
        for change, path in changes:
            if change == LOST:
                paths.add(self.root)
                continue
            if path.startswith(cookies):
                continue
            if path in {self._real + name for name in _GIT_DIRECTORIES}:
                self._watch_git()
            if "/.git/" in path and not path.endswith(_GIT_FILES):
                continue
            if self._trees and change == ADDED and _is_directory(path):
                now = time.monotonic()
                self._new_dirs[path] = [now + wait for wait in _REDELIVER_SECONDS]
            paths.add(self._shown(path))
        if redeliver:
            paths.update(self._shown(path) for path in self._new_dirs)
        if paths:
            self._send(paths)

    def _watch_git(self) -> None:
        """Watch git's own directories, which a `git init` has made a moment ago."""
        for name in _GIT_DIRECTORIES:
            self.watch(self.root / name[1:])

    def _shown(self, path: str) -> Path:
        """Return the path as the project's root names it."""
        return Path(os.fspath(self.root) + path.removeprefix(self._real))

    def _send(self, paths: set[Path]) -> None:
        self._sent_at = time.monotonic()
        try:
            self._on_paths(paths)
        except Exception:
            log.exception("change could not be processed", root=str(self.root))


def _is_directory(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def _identity(root: Path) -> tuple[int, int] | None:
    try:
        status = root.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
