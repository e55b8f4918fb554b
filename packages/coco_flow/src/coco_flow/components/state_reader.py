"""Reader of an app's stored state: its components, their target states, and their names."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any, NamedTuple

from coco_flow.components import store
from coco_flow.components.commit.record import Item, ItemKey, decode_items
from coco_flow.components.paths import (
    StablePath,
    decode_key,
    parent_and_key,
    render_key,
    split_keys,
)
from coco_flow.components.provider import DIGEST_BYTES, root_registry
from coco_flow.components.store import Reader

__all__ = [
    "AppReader",
    "ProviderGeneration",
    "StablePathDetail",
    "StablePathInfo",
    "StablePathNodeType",
    "TargetStateEntry",
    "TargetStateInfoItemSummary",
    "TargetStateVersion",
]

PATHS = (
    "SELECT path FROM component WHERE app = ?1 UNION SELECT parent FROM child WHERE app = ?1"
    " UNION SELECT parent FROM tombstone WHERE app = ?1 ORDER BY 1"
)
OWNERS = "SELECT target, path FROM owner WHERE app = ?1 ORDER BY target"
SEGMENT = "SELECT key FROM segment WHERE app = ?1 AND digest = ?2"
BELOW = "SELECT key, is_component FROM child WHERE app = ?1 AND parent = ?2 ORDER BY key"


class StablePathNodeType(Enum):
    """Whether a path is a component's or just on the way to one."""

    DIRECTORY = "directory"
    COMPONENT = "component"

    @classmethod
    def directory(cls) -> StablePathNodeType:
        """Return the type of a path that has no component."""
        return cls.DIRECTORY

    @classmethod
    def component(cls) -> StablePathNodeType:
        """Return the type of a component's path."""
        return cls.COMPONENT


class StablePathInfo(NamedTuple):
    """A stored path."""

    path: StablePath
    node_type: StablePathNodeType


class TargetStateVersion(NamedTuple):
    """One of the states that a target may be in: "Existing" or "Deleted"."""

    version: int
    state: str


class ProviderGeneration(NamedTuple):
    """The generation of a target."""

    provider_id: int
    provider_schema_version: int


class TargetStateInfoItemSummary(NamedTuple):
    """A target state in a component's record."""

    target_state_path: str
    fingerprint_path: str
    key: Any
    states: list[TargetStateVersion]
    provider_schema_version: int
    provider_generation: ProviderGeneration | None


class StablePathDetail(NamedTuple):
    """All that is stored about a path."""

    path: StablePath
    node_type: StablePathNodeType
    version: int
    processor_name: str
    target_state_count: int
    has_memoization: bool
    target_state_items: list[TargetStateInfoItemSummary]


class TargetStateEntry(NamedTuple):
    """A target state and the component that owns it.

    Attributes:
        dangling: Whether the owner's record does not have it, which is a fault.
    """

    fingerprint_path: str
    readable_path: str
    readable_segments: list[str]
    owner_component_path: StablePath
    dangling: bool


class _Names:
    """Turns the digests in paths of target states back into keys, as far as they are known."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._keys: dict[bytes, str | None] = {
            path: render_key(provider.key) for path, provider in root_registry.own.items()
        }
        self._read: set[bytes] = set()

    def load(self, items: dict[ItemKey, Item]) -> None:
        """Learn the keys of a component's record."""
        for (path, _), item in items.items():
            self._keys[path] = render_key(decode_key(item.key))

    def known(self, path: bytes) -> bool:
        """Say whether the record of the path's owner has it."""
        if self._keys.get(path) is None:
            row = self._reader.row(store.READ_OWNER, path)
            if row is not None and row[0] not in self._read:
                self._read.add(row[0])
                component = self._reader.row(store.READ_COMPONENT, row[0])
                if component is not None:
                    self.load(decode_items(component[1]))
        return self._keys.get(path) is not None

    def segments(self, path: bytes) -> list[str]:
        """Return the keys of a path, or digests where the key is not known."""
        found = []
        for end in range(DIGEST_BYTES, len(path) + 1, DIGEST_BYTES):
            prefix = path[:end]
            digest = prefix[-DIGEST_BYTES:]
            if not self.known(prefix):
                row = self._reader.row(SEGMENT, digest)
                self._keys[prefix] = None if row is None else render_key(decode_key(row[0]))
            found.append(self._keys[prefix] or f"#{digest.hex()}")
        return found


def _digests(path: bytes) -> str:
    steps = range(0, len(path), DIGEST_BYTES)
    return "".join(f"/#{path[at : at + DIGEST_BYTES].hex()}" for at in steps)


def _joined(segments: list[str]) -> str:
    return "".join(f"/{segment}" for segment in segments)


class AppReader:
    """Reads one app's state in one snapshot."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.names = _Names(reader)

    def node_type(self, path: bytes) -> StablePathNodeType:
        """Return the type of a path."""
        if not path:
            return StablePathNodeType.COMPONENT
        row = self.reader.row(store.READ_CHILD, *parent_and_key(path))
        is_component = row is not None and row[0]
        return StablePathNodeType.COMPONENT if is_component else StablePathNodeType.DIRECTORY

    def infos(self) -> Iterator[StablePathInfo]:
        """Yield all paths."""
        for (path,) in self.reader.rows(PATHS):
            yield StablePathInfo(StablePath.from_encoded(path), self.node_type(path))

    def detail(self, path: bytes) -> StablePathDetail:
        """Return what is stored about a path."""
        row = self.reader.row(store.READ_COMPONENT, path)
        items = {} if row is None else decode_items(row[1])
        self.names.load(items)
        summaries = [self._summary(key, item) for key, item in sorted(items.items(), key=_by_key)]
        return StablePathDetail(
            path=StablePath.from_encoded(path),
            node_type=self.node_type(path),
            version=0 if row is None else 1,
            processor_name="" if row is None else row[0],
            target_state_count=len(items),
            has_memoization=row is not None and row[3] is not None,
            target_state_items=summaries,
        )

    def _summary(self, key: ItemKey, item: Item) -> TargetStateInfoItemSummary:
        path, number = key
        suffix = f"[provider_id={number}]" if len(path) > 2 * DIGEST_BYTES else ""
        states = [
            TargetStateVersion(version, "Deleted" if state is None else "Existing")
            for version, state in enumerate(item.states, 1)
        ]
        generation = None if item.generation is None else ProviderGeneration(*item.generation)
        return TargetStateInfoItemSummary(
            _joined(self.names.segments(path)) + suffix, _digests(path) + suffix,
            decode_key(item.key), states, item.schema, generation,
        )  # fmt: skip

    def details(self) -> Iterator[StablePathDetail]:
        """Yield what is stored about all paths."""
        for (path,) in self.reader.rows(PATHS):
            yield self.detail(path)

    def query(
        self, path: bytes, include_children: bool, recursive: bool, include_parents: bool
    ) -> Iterator[StablePathDetail]:
        """Yield what is stored about a path and those around it."""
        if include_parents:
            keys = split_keys(path)
            for count in range(len(keys)):
                yield self.detail(b"".join(keys[:count]))
        yield self.detail(path)
        if include_children:
            ahead = [path]
            while ahead:
                parent = ahead.pop(0)
                for key, is_component in self.reader.rows(BELOW, parent):
                    yield self.detail(parent + key)
                    if recursive and not is_component:
                        ahead.append(parent + key)

    def target_states(self) -> Iterator[TargetStateEntry]:
        """Yield all target states with their owners."""
        for target, owner in self.reader.rows(OWNERS):
            dangling = not self.names.known(target)
            segments = self.names.segments(target)
            yield TargetStateEntry(
                _digests(target), _joined(segments), segments, StablePath.from_encoded(owner),
                dangling,
            )  # fmt: skip


def _by_key(entry: tuple[ItemKey, Item]) -> tuple[bytes, int]:
    return entry[0]
