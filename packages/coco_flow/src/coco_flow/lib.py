"""Process-wide operations: initialization, operations on all flows, the HTTP server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from coco_flow.flow.context import context, stop
from coco_flow.flow.live import FlowLiveUpdater, FlowLiveUpdaterOptions
from coco_flow.setting import ServerSettings, Settings, set_settings, settings
from coco_flow.setup.bundle import SetupChangeBundle

if TYPE_CHECKING:
    from coco_flow.engine.stats import UpdateInfo
    from coco_flow.flow.flow import Flow
    from coco_flow.server.background import BackgroundServer

__all__ = [
    "drop_all_flows",
    "ensure_all_flows_built",
    "ensure_all_flows_built_async",
    "flow_by_name",
    "flow_names",
    "flow_names_with_setup",
    "flow_names_with_setup_async",
    "flows",
    "get_flow_full_name",
    "get_target_default_name",
    "init",
    "make_drop_bundle",
    "make_drop_bundle_async",
    "make_setup_bundle",
    "make_setup_bundle_async",
    "remove_flow",
    "settings",
    "setup_all_flows",
    "start_server",
    "stop",
    "update_all_flows",
    "update_all_flows_async",
]


def init(settings: Settings | None = None) -> None:
    """Use these settings instead of the environment's; optional, the first use initializes too."""
    stop()
    set_settings(settings)


def flows() -> dict[str, Flow]:
    """Return the open flows by name."""
    return context.flows()


def flow_names() -> list[str]:
    """Return the names of the open flows, sorted."""
    return sorted(context.flows())


def flow_by_name(name: str) -> Flow:
    """Return an open flow.

    Raises:
        FlowNotFound: There is none of that name; the message lists what there is.
    """
    return context.flow(name)


def get_flow_full_name(name: str) -> str:
    """Return a flow's name with the namespace before it."""
    namespace = context.settings.app_namespace
    return f"{namespace}.{name}" if namespace else name


def get_target_default_name(flow: Flow, target_name: str, delimiter: str = "__") -> str:
    """Return the name of the table or collection of an export whose spec names none.

    Queries then need no hard-coded name, in any namespace.
    """
    parts = [flow.namespace, flow.name, target_name]
    return delimiter.join(part for part in parts if part)


def flow_names_with_setup() -> list[str]:
    """Return the names of the flows of this namespace that have state, without the namespace."""
    prefix = get_flow_full_name("")
    names = (name for name in context.store.flows() if name.startswith(prefix))
    return sorted(name[len(prefix) :] for name in names if "." not in name[len(prefix) :])


async def flow_names_with_setup_async() -> list[str]:
    """Do what `flow_names_with_setup` does, without blocking the loop."""
    return await asyncio.to_thread(flow_names_with_setup)


def remove_flow(fl: Flow) -> None:
    """Close a flow."""
    fl.close()


def make_setup_bundle(flow_iter: Iterable[Flow]) -> SetupChangeBundle:
    """Return the plan that sets these flows up."""
    return SetupChangeBundle(flow_iter, "setup")


async def make_setup_bundle_async(flow_iter: Iterable[Flow]) -> SetupChangeBundle:
    """Do what `make_setup_bundle` does."""
    return make_setup_bundle(flow_iter)


def make_drop_bundle(flow_iter: Iterable[Flow]) -> SetupChangeBundle:
    """Return the plan that removes what these flows made."""
    return SetupChangeBundle(flow_iter, "drop")


async def make_drop_bundle_async(flow_iter: Iterable[Flow]) -> SetupChangeBundle:
    """Do what `make_drop_bundle` does."""
    return make_drop_bundle(flow_iter)


def setup_all_flows(report_to_stdout: bool = False) -> None:
    """Set up every open flow."""
    make_setup_bundle(context.flows().values()).describe_and_apply(report_to_stdout)


def drop_all_flows(report_to_stdout: bool = False) -> None:
    """Drop every open flow's targets and state."""
    make_drop_bundle(context.flows().values()).describe_and_apply(report_to_stdout)


def ensure_all_flows_built() -> None:
    """Build the graph of every open flow, which checks its definition."""
    for flow in context.flows().values():
        _ = flow.graph


async def ensure_all_flows_built_async() -> None:
    """Do what `ensure_all_flows_built` does, without blocking the loop."""
    await asyncio.to_thread(ensure_all_flows_built)


async def update_all_flows_async(options: FlowLiveUpdaterOptions) -> dict[str, UpdateInfo]:
    """Update every open flow, all concurrently; return their statistics by name."""

    async def one(flow: Flow) -> UpdateInfo:
        async with FlowLiveUpdater(flow, options) as updater:
            await updater.wait_async()
            return updater.update_stats()

    opened = context.flows()
    infos = await asyncio.gather(*(one(flow) for flow in opened.values()))
    return dict(zip(opened, infos, strict=True))


def update_all_flows(options: FlowLiveUpdaterOptions) -> dict[str, UpdateInfo]:
    """Do what `update_all_flows_async` does, from synchronous code."""
    from coco_flow.runtime import run

    return run(update_all_flows_async(options))


def start_server(settings: ServerSettings) -> BackgroundServer:
    """Serve the open flows over HTTP from a background thread, until the program ends.

    Returns:
        The running server, which knows its address and can be stopped.

    Raises:
        DefinitionError: A flow's definition is not valid.
        PortTaken: Another program listens on the address.
    """
    from coco_flow.server.background import start_in_background

    ensure_all_flows_built()
    return start_in_background(settings)
