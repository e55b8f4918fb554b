"""Inspection of the stored state of an app: its components and their target states."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coco_flow.components.paths import StablePath
from coco_flow.components.state_reader import (
    AppReader,
    ProviderGeneration,
    StablePathDetail,
    StablePathInfo,
    StablePathNodeType,
    TargetStateEntry,
    TargetStateInfoItemSummary,
    TargetStateVersion,
)
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


@contextmanager
def _looking(folder: Path, app_name: str) -> Iterator[AppReader | None]:
    """Open the state of an app; None if it has none."""
    path = folder / FILE_NAME
    if not path.exists():
        yield None
        return
    with read_only(path) as connection:
        row = connection.execute("SELECT id FROM app WHERE name = ?1", (app_name,)).fetchone()
        yield None if row is None else AppReader(Reader(connection, row[0]))


def _collect(env: Environment, name: str, take: Callable[[AppReader], Any]) -> list[Any]:
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
    for item in _collect(env, app_name, AppReader.infos):
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
    for item in _collect(env, app_name, AppReader.details):
        yield item


async def get_stable_path_detail(app: App[Any, Any], path: StablePath) -> StablePathDetail | None:
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


async def query_stable_path_details_by_name(  # noqa: PLR0917 - the signature of CocoIndex
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
    for entry in _collect(env, app_name, AppReader.target_states):
        yield entry


def list_app_names(env: Environment) -> list[str]:
    """Return the names of the apps that the environment's state file has."""
    path = env.store.path
    if not path.exists():
        return []
    with read_only(path) as connection:
        rows = connection.execute("SELECT name FROM app ORDER BY name").fetchall()
    return [name for (name,) in rows]
