"""Memory and processor time of a process and all that it started."""

from __future__ import annotations

import threading

import psutil

# Short enough for a model that is loaded and dropped again, long enough to cost nothing.
_SECONDS = 0.1


class TreePeak:
    """The largest sum of resident memory over a process tree, in MiB.

    Pages that processes share count in each of them.
    """

    def __init__(self, pid: int) -> None:
        self.mib = 0.0
        self._root = psutil.Process(pid)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> TreePeak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self.mib = max(self.mib, self._now())
            if self._stopping.wait(_SECONDS):
                return

    def _now(self) -> float:
        return sum(rss for rss, _ in _tree(self._root)) / 2**20


def processor_seconds(pid: int) -> float:
    """Return what a process, all that it started and those of them that ended have computed.

    Unlike the clock, this hardly depends on what else the machine does.
    """
    return sum(seconds for _, seconds in _tree(psutil.Process(pid)))


def _tree(root: psutil.Process) -> list[tuple[int, float]]:
    """Return resident bytes and processor seconds of each live process of a tree."""
    found = []
    try:
        tree = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
    for process in tree:
        try:
            times = process.cpu_times()
            rss: int = process.memory_info().rss
        except psutil.NoSuchProcess:
            # It ended between the two calls.
            continue
        ended = times.children_user + times.children_system
        found.append((rss, times.user + times.system + ended))
    return found
