"""Claims: components that declared a target state which another one owns now.

When the owner gives such a state up, it is passed to a component that still declares it, instead of
being removed. If its content may then differ, that component runs again to apply its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coco_flow.components import store
from coco_flow.components.commit.record import Item, ItemKey, decode_items, encode_items
from coco_flow.components.memo import FunctionMemo
from coco_flow.components.paths import split_keys

if TYPE_CHECKING:
    from coco_flow.components.engine import Engine

__all__ = ["Claims", "Returned"]


class Returned(NamedTuple):
    """A target state that is passed to a component that claims it.

    Attributes:
        record: The tracking record that the claimant had given it, or None if that is not known.
    """

    claimant: bytes
    record: bytes | None
    key: ItemKey
    item: Item


class Claims:
    """The claims of one app.

    Attributes:
        moved: Components whose stored record others changed; a run that read it before reads it
            again.
        stale: Components that have to run again, and those around them; their memos of this update
            are not kept.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._any = bool(engine.store.read(store.READ_ANY_CLAIM))
        self.moved: set[bytes] = set()
        self.stale: set[bytes] = set()

    def find(self, target: bytes, owner: bytes) -> tuple[bytes, bytes | None] | None:
        """Return a component that claims a target state besides its owner, and its record."""
        if not self._any:
            return None
        found: tuple[bytes, bytes | None] | None = self._engine.store.read_one(
            store.READ_CLAIM, target, owner
        )
        return found

    def note(self, path: bytes, item: Item, target: bytes) -> None:
        """Note that a component lost a target state to another one."""
        self._any = True
        record = item.states[0] if len(item.states) == 1 else None
        self._engine.store.write(store.WRITE_CLAIM, target, path, record)
        self.moved.add(path)

    def drop(self, path: bytes, wanted: set[bytes] | None = None) -> None:
        """Drop the claims of a component except those on the wanted target states."""
        if not self._any:
            return
        for (target,) in self._engine.store.read(store.READ_CLAIMS_OF, path):
            if wanted is None or target not in wanted:
                self._engine.store.write(store.DROP_CLAIM, target, path)

    def give_back(self, returned: list[Returned]) -> None:
        """Make claimants the owners of target states, and have them run if contents may differ."""
        app = self._engine.store
        for claimant, record, key, item in returned:
            target = key[0]
            row = app.component(claimant)
            items = {} if row is None else decode_items(row.items)
            items[key] = item
            app.write(store.WRITE_ITEMS, claimant, encode_items(items))
            app.write(store.WRITE_OWNER, target, claimant)
            app.write(store.DROP_CLAIM, target, claimant)
            self.moved.add(claimant)
            flight = self._engine.in_flight.get(claimant)
            if flight is not None:
                flight.staged[key] = flight.final[key] = item
            if record is None or item.states != [record]:
                self._invalidate(claimant, target)

    def _invalidate(self, path: bytes, target: bytes) -> None:
        """Have a component run again, together with the calls in it that declared the target."""
        app = self._engine.store
        at = b""
        for key in (b"", *split_keys(path)):
            at += key
            self.stale.add(at)
            app.write(store.DROP_MEMO, at)
        memos = {
            key: FunctionMemo.decoded(data)
            for key, data in app.read(store.READ_FUNCTION_MEMOS, path)
        }
        gone = {key for key, memo in memos.items() if target in memo.targets}
        while more := {key for key, memo in memos.items() if key not in gone and memo.memos & gone}:
            gone |= more
        for key in gone:
            app.write(store.DROP_FUNCTION_MEMO, path, key)
