"""Watcher of a directory: first all files, then each one that changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from coco_flow import components as coco
from coco_flow.components.connectorkits import SingleWatcherGuard
from coco_flow.components.connectors.localfs.source import DirWalker, File
from coco_flow.sources.folder_watch import FolderWatch

__all__ = ["LiveDirectory"]


class LiveDirectory:
    """The files of a directory by relative path, as a view that one subscriber can watch."""

    def __init__(self, walker: DirWalker) -> None:
        self._walker = walker
        self._scan = walker.scan()
        self._guard = SingleWatcherGuard("localfs live directory")

    def __aiter__(self) -> AsyncIterator[tuple[str, File]]:
        return self._walker._keyed()

    async def watch(self, subscriber: coco.LiveMapSubscriber[str, File]) -> None:
        """Deliver all files, then the changes; walk again when the rescan interval has passed."""
        with self._guard:
            # Events are gathered from here on, so that no change falls between walk and watch.
            changes = await asyncio.to_thread(FolderWatch, self._scan)
            try:
                await subscriber.update_all()
                await subscriber.mark_ready()
                while True:
                    names = await self._next(changes)
                    if names is None:
                        await subscriber.update_all()
                    else:
                        await self._deliver(subscriber, names)
            except StopAsyncIteration:
                # The program ends, and its watches with it.
                return
            finally:
                # Its thread checks every few milliseconds whether it is to end. To wait for it in
                # another thread would fail while the program ends.
                changes.close()

    async def _next(self, changes: FolderWatch) -> Sequence[str] | None:
        """Return the names of changed files, or None if it is time to walk again."""
        interval = self._walker._rescan_interval
        try:
            async with asyncio.timeout(None if interval is None else interval.total_seconds()):
                keys = await anext(changes)
        except TimeoutError:
            return None
        return None if keys is None else [str(key[0]) for key in keys]

    async def _deliver(
        self, subscriber: coco.LiveMapSubscriber[str, File], names: Sequence[str]
    ) -> None:
        handles = []
        for name in names:
            found = self._walker.find(self._scan, name)
            if found is None:
                handles.append(await subscriber.delete(name))
            else:
                handles.append(await subscriber.update(name, found))
        for handle in handles:
            await handle.ready()
