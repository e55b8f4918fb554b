"""A map that some components fill and others follow while the app runs.

Its entries are target states: each belongs to the component that declared it and is removed with
it. They are kept in memory, and watchers of the map are notified of each change.
"""

from __future__ import annotations

import asyncio
import uuid
import weakref
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from coco_flow import components as coco

__all__ = ["LiveMap"]

K = TypeVar("K")
V = TypeVar("V")

_ABSENT: Any = object()

# Maps in use, by the key of their target state. The handler of the entries holds the map.
_maps: weakref.WeakValueDictionary[uuid.UUID, LiveMap[Any, Any]] = weakref.WeakValueDictionary()


class _Record(msgspec.Struct, frozen=True):
    """Says that a map or an entry exists; what it holds is not stored."""


class _MapAction(NamedTuple):
    live_map: LiveMap[Any, Any] | None


class EntryAction(NamedTuple):
    """An entry to set or delete."""

    live_map: LiveMap[Any, Any]
    key: Any
    value: Any
    deleted: bool


class _Change(NamedTuple):
    key: Any
    value: Any
    deleted: bool
    number: int


class _MapHandler(coco.TargetHandler[None, _Record, "_EntryHandler"]):
    """Makes the handler of a map's entries."""

    def reconcile(
        self,
        key: coco.StableKey,
        desired: coco.NonExistenceType | None,
        _previous: Collection[_Record],
        _may_be_missing: bool,
        /,
    ) -> coco.TargetReconcileOutput[_MapAction, _Record, _EntryHandler]:
        """Look the map up; one of an earlier process no longer exists."""
        if coco.is_non_existence(desired) or not isinstance(key, uuid.UUID):
            return coco.TargetReconcileOutput(_MapAction(None), _MAPS, coco.NON_EXISTENCE)
        return coco.TargetReconcileOutput(_MapAction(_maps.get(key)), _MAPS, _Record())


class _EntryHandler(coco.TargetHandler[Any, _Record, None]):
    """Reconciles the entries of one map."""

    __slots__ = ("_map",)

    def __init__(self, live_map: LiveMap[Any, Any]) -> None:
        self._map = live_map

    def reconcile(
        self,
        key: coco.StableKey,
        desired: Any | coco.NonExistenceType,
        _previous: Collection[_Record],
        _may_be_missing: bool,
        /,
    ) -> coco.TargetReconcileOutput[EntryAction, _Record, None]:
        """Set the entry each time: the map itself detects whether that changes anything."""
        if coco.is_non_existence(desired):
            action = EntryAction(self._map, key, None, True)
            return coco.TargetReconcileOutput(action, _ENTRIES, coco.NON_EXISTENCE)
        action = EntryAction(self._map, key, desired, False)
        return coco.TargetReconcileOutput(action, _ENTRIES, _Record())


async def _apply_maps(
    _context_provider: coco.ContextProvider, actions: Sequence[_MapAction], /
) -> None:
    """Do nothing: a map is there as soon as it is made."""


def _child_handler(
    _context_provider: coco.ContextProvider, action: _MapAction
) -> _EntryHandler | None:
    return None if action.live_map is None else _EntryHandler(action.live_map)


async def apply_entry_actions(
    _context_provider: coco.ContextProvider, actions: Sequence[EntryAction], /
) -> None:
    """Set and delete entries; on the event loop, so that no reader sees half a change."""
    for action in actions:
        action.live_map._apply(action)


_MAPS: coco.TargetActionSink[_MapAction] = coco.TargetActionSink.from_async_fn(
    _apply_maps, child_handler=_child_handler
)
_ENTRIES: coco.TargetActionSink[EntryAction] = coco.TargetActionSink.from_async_fn(
    apply_entry_actions
)
_provider = coco.register_root_target_states_provider("cocoindex/livemap", _MapHandler())


class LiveMap(Generic[K, V]):
    """A map to declare entries in and to give to `mount_each`; for apps that run live.

    Keys are stable keys; values need `==` only, by which an entry that is set again is no change.
    One `watch` at a time.
    """

    def __init__(self) -> None:
        self._uuid = uuid.uuid4()
        self._entries: dict[K, V] = {}
        self._declared_in: Any = None
        self._changes: asyncio.Queue[_Change] | None = None
        # Changes are numbered, so that a watcher can leave out those that it saw in the snapshot.
        self._number = 0
        self._snapshot_number: int | None = None

    @classmethod
    async def create(cls) -> LiveMap[K, V]:
        """Make a map in the component that is running."""
        live_map = cls()
        _maps[live_map._uuid] = live_map
        state = _provider.target_state(live_map._uuid, None)
        live_map._declared_in = await coco.mount_target(state)
        return live_map

    def declare_entry(self, key: K, value: V) -> None:
        """Declare an entry, which exists as long as the running component declares it."""
        coco.declare_target_state(self._declared_in.target_state(key, value))

    def __aiter__(self) -> AsyncIterator[tuple[K, V]]:
        return self._scan()

    async def _scan(self) -> AsyncIterator[tuple[K, V]]:
        snapshot = list(self._entries.items())
        if self._changes is not None and self._snapshot_number is None:
            self._snapshot_number = self._number
        for item in snapshot:
            yield item

    async def watch(self, subscriber: coco.LiveMapSubscriber[K, V]) -> None:
        """Deliver the entries that are there, then every change."""
        if self._changes is not None:
            raise RuntimeError(
                "LiveMap supports a single active watch() at a time; mount one component that "
                "passes the changes on."
            )
        # From here on changes are kept, so that none falls between the snapshot and the rest.
        self._changes = asyncio.Queue()
        self._snapshot_number = None
        try:
            await subscriber.update_all()
            await subscriber.mark_ready()
            while True:
                change = await self._changes.get()
                if change.number <= (self._snapshot_number or 0):
                    continue
                if change.deleted:
                    handle = await subscriber.delete(change.key)
                else:
                    handle = await subscriber.update(change.key, change.value)
                await handle.ready()
        finally:
            self._changes = None
            self._snapshot_number = None

    def _apply(self, action: EntryAction) -> None:
        before = self._entries.get(action.key, _ABSENT)
        if action.deleted:
            if before is _ABSENT:
                return
            del self._entries[action.key]
        elif before is not _ABSENT and before == action.value:
            return
        else:
            self._entries[action.key] = action.value
        self._number += 1
        if self._changes is not None:
            change = _Change(action.key, action.value, action.deleted, self._number)
            self._changes.put_nowait(change)
