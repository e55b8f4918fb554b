"""`coco-flow ls`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from coco_flow.cli.app_target import Application, load_application
from coco_flow.cli.exits import Exit
from coco_flow.cli.options import app_argument, json_option
from coco_flow.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from coco_flow.flow.flow import Flow
    from coco_flow.state.store import StateStore

__all__ = ["command"]


@click.command("ls")
@app_argument("[APP]", required=False)
@click.option("-l", "--long", is_flag=True, help="Show rows, failures and the latest update, too.")
@click.option(
    "--db", metavar="DIR", type=click.Path(), help="List the apps in this folder of state."
)
@json_option
@click.pass_context
def command(context: click.Context, target: str | None, *, long: bool, db: str | None) -> int:
    """List flows and apps, and whether they are set up.

    With APP, those that it defines; without, those that have state.
    """
    terminal = terminal_of(context)
    if target is not None:
        if db is not None:
            raise click.UsageError("Give either APP or --db, not both.")
        entries = _defined(load_application(target), long)
        empty = f"No flows are defined in {target!r}. No apps are defined either."
    elif db is not None:
        entries, empty = _apps_in(Path(db)), f"No apps have state in {db!r}."
    else:
        entries, empty = _with_state(long), "No flow has state here."
    if terminal.json:
        terminal.document({"entries": entries})
    else:
        _show(terminal, entries, empty)
    return Exit.OK


def _defined(application: Application, long: bool) -> list[dict[str, Any]]:
    from coco_flow.flow.context import context

    flows, apps = application.flows, application.apps
    if application.name is not None:
        chosen, apps = application.chosen()
        flows = {flow.name: flow for flow in chosen}
    entries = []
    if flows:
        context.look_only()
        entries = [_flow_entry(flow, context.store, long) for flow in flows.values()]
    if apps:
        from coco_flow.cli.stored_apps import app_entries

        entries += app_entries(apps)
    return entries


def _flow_entry(flow: Flow, store: StateStore, long: bool) -> dict[str, Any]:
    from coco_flow.setup.plan import Action, plan_setup

    flow_id = store.flow_id(flow.full_name)
    entry: dict[str, Any] = {"kind": "flow", "name": flow.name, "state": "new"}
    if flow_id is None:
        return entry
    changes = plan_setup(store, flow_id, flow.graph, flow.name, flow.namespace)
    ready = all(change.action is Action.KEEP for change in changes)
    entry["state"] = "ready" if ready else "changed"
    return entry | (_figures(store, flow_id) if long else {})


def _with_state(long: bool) -> list[dict[str, Any]]:
    from coco_flow.components.settings import default_db_path
    from coco_flow.flow.context import context
    from coco_flow.lib import flow_names_with_setup, get_flow_full_name

    entries: list[dict[str, Any]] = []
    if context.state_exists():
        for name in flow_names_with_setup():
            flow_id = context.store.flow_id(get_flow_full_name(name))
            assert flow_id is not None
            figures = _figures(context.store, flow_id) if long else {}
            entries.append({"kind": "flow", "name": name, "state": "stored"} | figures)
    folder = default_db_path()
    return entries + (_apps_in(folder) if folder is not None else [])


def _apps_in(folder: Path) -> list[dict[str, Any]]:
    from coco_flow.cli.stored_apps import stored_app_names

    return [
        {"kind": "app", "name": name, "environment": None, "place": str(folder), "state": "stored"}
        for name in stored_app_names(folder)
    ]


def _figures(store: StateStore, flow_id: int) -> dict[str, Any]:
    runs = store.runs(flow_id, 1)
    return {
        "rows": {name: store.count_rows(number) for name, number in store.sources(flow_id).items()},
        "errors": store.count_errors(flow_id),
        "last_update": runs[0] if runs else None,
    }


def _show(terminal: Terminal, entries: list[dict[str, Any]], empty: str) -> None:
    if not entries:
        terminal.line(empty)
        return
    for entry in (entry for entry in entries if entry["kind"] == "flow"):
        terminal.line(entry["name"] + _mark(entry["state"]) + _long_part(entry))
    groups = dict.fromkeys(_group(entry) for entry in entries if entry["kind"] == "app")
    for group in groups:
        terminal.line(f"{group}:")
        for entry in entries:
            if entry["kind"] == "app" and _group(entry) == group:
                terminal.line(f"  {entry['name']}{_mark(entry['state'])}")
    notes = {
        "new": "[+]: defined here, and not set up or run yet.",
        "changed": "[~]: set up, but for another definition: run coco-flow setup or update.",
    }
    shown = [text for state, text in notes.items() if any(e["state"] == state for e in entries)]
    if shown:
        terminal.line()
        terminal.line("Notes:")
        for text in shown:
            terminal.line(f"  {text}")


def _mark(state: str) -> str:
    return {"new": " [+]", "changed": " [~]"}.get(state, "")


def _group(entry: dict[str, Any]) -> str:
    if entry["environment"] is None:
        return str(entry["place"])
    return f"{entry['environment']} ({entry['place']})"


def _long_part(entry: dict[str, Any]) -> str:
    if "rows" not in entry:
        return ""
    from coco_flow.cli.figures import count, moment

    parts = [f"{name}: {count(number, 'row')}" for name, number in entry["rows"].items()]
    if entry["errors"]:
        parts.append(f"{entry['errors']:,} failed")
    last = entry["last_update"]
    if last is not None:
        parts.append(f"last update {moment(last['started_at'])}: {last['status']}")
    return f"  {'; '.join(parts)}" if parts else ""
