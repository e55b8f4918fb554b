"""Looking at the stored state of an app: its components and their target states."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from coco_flow.components import store
from coco_flow.components.commit.record import Item, ItemKey, decode_items
from coco_flow.components.paths import StablePath, decode_key, parent_and_key, render_key, split_keys
from coco_flow.components.provider import DIGEST_BYTES, root_registry
from coco_flow.components.store import FILE_NAME, Reader, read_only

if TYPE_CHECKING:
    from coco_flow.components.app import App
    from coco_flow.components.environment import Environment

__all__ = [
    "ProviderGeneration",
    "StablePathDetail",
    "StablePathInfo",
    "StablePathNodeType",
    "TargetStateEntry",
    "TargetStateInfoItemSummary",
    "TargetStateVersion",
    "get_stable_path_detail",
    "get_stable_path_detail_by_name",
    "iter_stable_path_details",
    "iter_stable_path_details_by_name",
    "iter_stable_paths",
    "iter_stable_paths_by_name",
    "iter_target_states",
    "iter_target_states_by_name",
    "list_app_names",
    "list_stable_paths",
    "list_stable_paths_info_sync",
    "list_stable_paths_sync",
    "query_stable_path_details",
    "query_stable_path_details_by_name",
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


class _Look:
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


@contextmanager
def _looking(folder: Path, app_name: str) -> Iterator[_Look | None]:
    """Open the state of an app; None if it has none."""
    path = folder / FILE_NAME
    if not path.exists():
        yield None
        return
    with read_only(path) as connection:
        row = connection.execute("SELECT id FROM app WHERE name = ?1", (app_name,)).fetchone()
        yield None if row is None else _Look(Reader(connection, row[0]))


def _collect(env: Environment, name: str, take: Callable[[_Look], Any]) -> list[Any]:
    with _looking(env.store.path.parent, name) as look:
        return [] if look is None else list(take(look))


async def _env_of(app: App[Any, Any]) -> Environment:
    # The engine makes sure that everything written is committed.
    engine = await app.engine()
    return engine.env


async def list_stable_paths(app: App[Any, Any]) -> list[StablePath]:
    """Return all paths of an app."""
    return [item.path async for item in iter_stable_paths(app)]


async def iter_stable_paths(app: App[Any, Any]) -> AsyncIterator[StablePathInfo]:
    """Iterate over all paths of an app."""
    async for item in iter_stable_paths_by_name(await _env_of(app), app.name):
        yield item


async def iter_stable_paths_by_name(
    env: Environment, app_name: str
) -> AsyncIterator[StablePathInfo]:
    """Iterate over all paths of an app that is known by name only."""
    for item in _collect(env, app_name, _Look.infos):
        yield item


def list_stable_paths_sync(app: App[Any, Any]) -> list[StablePath]:
    """Return all paths of an app, in plain code."""
    return asyncio.run(list_stable_paths(app))


def list_stable_paths_info_sync(app: App[Any, Any]) -> list[StablePathInfo]:
    """Return all paths of an app with their types, in plain code."""

    async def collect() -> list[StablePathInfo]:
        return [item async for item in iter_stable_paths(app)]

    return asyncio.run(collect())


async def iter_stable_path_details(app: App[Any, Any]) -> AsyncIterator[StablePathDetail]:
    """Iterate over what is stored about all paths of an app."""
    async for item in iter_stable_path_details_by_name(await _env_of(app), app.name):
        yield item


async def iter_stable_path_details_by_name(
    env: Environment, app_name: str
) -> AsyncIterator[StablePathDetail]:
    """Iterate over what is stored about all paths of an app that is known by name only."""
    for item in _collect(env, app_name, _Look.details):
        yield item


async def get_stable_path_detail(
    app: App[Any, Any], path: StablePath
) -> StablePathDetail | None:
    """Return what is stored about a path, or None if nothing is stored of the app."""
    return await get_stable_path_detail_by_name(await _env_of(app), app.name, path)


async def get_stable_path_detail_by_name(
    env: Environment, app_name: str, path: StablePath
) -> StablePathDetail | None:
    """Return what is stored about a path of an app that is known by name only."""
    found = _collect(env, app_name, lambda look: [look.detail(path.encoded)])
    return found[0] if found else None


async def query_stable_path_details(
    app: App[Any, Any],
    path: StablePath,
    include_children: bool = False,
    recursive: bool = False,
    include_parents: bool = False,
) -> list[StablePathDetail]:
    """Return what is stored about a path and those around it."""
    return await query_stable_path_details_by_name(
        await _env_of(app), app.name, path, include_children, recursive, include_parents
    )


async def query_stable_path_details_by_name(
    env: Environment,
    app_name: str,
    path: StablePath,
    include_children: bool = False,
    recursive: bool = False,
    include_parents: bool = False,
) -> list[StablePathDetail]:
    """Return what is stored about a path and those around it, of an app known by name only."""
    return _collect(
        env,
        app_name,
        lambda look: look.query(path.encoded, include_children, recursive, include_parents),
    )


async def iter_target_states(app: App[Any, Any]) -> AsyncIterator[TargetStateEntry]:
    """Iterate over the target states of an app and the components that own them."""
    async for entry in iter_target_states_by_name(await _env_of(app), app.name):
        yield entry


async def iter_target_states_by_name(
    env: Environment, app_name: str
) -> AsyncIterator[TargetStateEntry]:
    """Iterate over the target states of an app that is known by name only."""
    for entry in _collect(env, app_name, _Look.target_states):
        yield entry


def list_app_names(env: Environment) -> list[str]:
    """Return the names of the apps that the environment's state file has."""
    path = env.store.path
    if not path.exists():
        return []
    with read_only(path) as connection:
        rows = connection.execute("SELECT name FROM app ORDER BY name").fetchall()
    return [name for (name,) in rows]
