"""Loads the application that a command names and finds the flows and apps that it means."""

from __future__ import annotations

import difflib
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from coco_core.errors import NotFound
from coco_flow.errors import FlowNotFound

if TYPE_CHECKING:
    from coco_flow.cli.terminal import Terminal
    from coco_flow.components.app import App
    from coco_flow.flow.flow import Flow

__all__ = ["AppNotFound", "Application", "load_application", "split_target"]

_DRIVE = re.compile(r"[A-Za-z]:(?![A-Za-z_]\w*(@\w+)?$)")
# An app may be called as it likes; what would be a part of a path is no name.
_NAME = re.compile(r"[^\\/:]*")


class AppNotFound(NotFound):
    """There is no app of this name."""

    code = "app_not_found"


def split_target(text: str) -> tuple[str, str | None]:
    r"""Split ``APP[:NAME]``; the colon of a drive (``C:\main.py``) is not the separator.

    Raises:
        UsageError: There is nothing before or behind the colon.
    """
    head, colon, name = text.rpartition(":")
    if not colon or (len(head) == 1 and _DRIVE.match(text)) or not _NAME.fullmatch(name):
        head, name, colon = text, "", ""
    if not head:
        raise click.UsageError(f"{text!r} names no application: give APP or APP:FLOW.")
    if colon and not name:
        raise click.UsageError(f"{text!r} names no flow behind the colon.")
    return head, name or None


@dataclass(frozen=True, slots=True)
class Application:
    """What an application file defines.

    Attributes:
        target: The file or module.
        name: The flow or app that was named behind it.
        flows: Its flows by name.
        apps: Its apps of the component style.
    """

    target: str
    name: str | None
    flows: dict[str, Flow]
    apps: list[App[Any, Any]]

    def chosen(self) -> tuple[list[Flow], list[App[Any, Any]]]:
        """Return the flows and apps meant: the one that is named, else all.

        Raises:
            FlowNotFound: There is none of that name.
            UsageError: The application defines nothing, or the name cannot be one.
        """
        if self.name is None:
            self._require_any()
            return list(self.flows.values()), self.apps
        return self.named(self.name)

    def named(self, name: str) -> tuple[list[Flow], list[App[Any, Any]]]:
        """Return the flow or app of a name; see `chosen`."""
        if name in self.flows:
            return [self.flows[name]], []
        if self.apps and (apps := self._apps_named(name)):
            return [], apps
        if not self.apps and not name.isidentifier():
            raise click.UsageError(
                f"{name!r} cannot be the name of a flow: it may have letters, digits and "
                "underscores, and begins with no digit."
            )
        self._require_any()
        raise self._not_found(name)

    def one(self, terminal: Terminal, what: str) -> tuple[Flow | None, App[Any, Any] | None]:
        """Return the one flow or app that is meant, asking on a terminal if there are several.

        Args:
            terminal: Where to ask.
            what: What it is chosen for, such as "to show".
        """
        flows, apps = self.chosen()
        names = [*(flow.name for flow in flows), *(_full_name(app) for app in apps)]
        if len(names) == 1:
            return (flows[0], None) if flows else (None, apps[0])
        if not terminal.answers or terminal.json:
            kinds = "flows" if not apps else "apps" if not flows else "flows and apps"
            raise click.UsageError(
                f"Multiple {kinds} found in {self.target!r}: {', '.join(names)}. Say which, such "
                f"as {self.target}:{names[0]}"
            )
        from coco_flow.cli.picker import pick

        number = pick(f"Choose what {what}:", names)
        if number < len(flows):
            return flows[number], None
        return None, apps[number - len(flows)]

    def _apps_named(self, name: str) -> list[App[Any, Any]]:
        app_name, at, environment = name.partition("@")
        found = [app for app in self.apps if app.name == app_name]
        if at:
            environments = {_environment(app) for app in self.apps}
            if environment not in environments:
                raise AppNotFound(
                    f"No environment named {environment!r} in {self.target!r}.",
                    hint=f"Environments here: {', '.join(sorted(environments))}.",
                )
            return [app for app in found if _environment(app) == environment]
        if len(found) > 1:
            raise click.UsageError(
                f"Multiple apps named {name!r} in {self.target!r}; add the environment, as "
                f"APP:{name}@env_name. Environments: "
                f"{', '.join(sorted(_environment(app) for app in found))}."
            )
        return found

    def _require_any(self) -> None:
        if not self.flows and not self.apps:
            raise click.UsageError(
                f"No apps found in {self.target!r}, and no flows. Decorate a function with "
                "@coco_flow.flow_def(), or make an App."
            )

    def _not_found(self, name: str) -> NotFound:
        names = sorted([*self.flows, *(_full_name(app) for app in self.apps)])
        near = difflib.get_close_matches(name, names, n=1)
        guess = f" Did you mean {near[0]!r}?" if near else ""
        if self.apps and not self.flows:
            return AppNotFound(
                f"No app named {name!r} in {self.target!r}.{guess}",
                hint=f"Apps here: {', '.join(names)}.",
            )
        return FlowNotFound(
            f"There is no flow {name!r} in {self.target!r}.{guess}",
            hint=f"Flows here: {', '.join(names)}.",
        )


def load_application(target: str) -> Application:
    """Load ``APP[:NAME]`` and return what it defines.

    Raises:
        AppNotLoaded: It cannot be loaded.
    """
    from coco_flow.flow.context import context
    from coco_flow.user_app_loader import load_user_app

    app, name = split_target(target)
    load_user_app(app)
    return Application(app, name, context.flows(), _apps())


def _apps() -> list[App[Any, Any]]:
    if "coco_flow.components.environment" not in sys.modules:
        # No app can have been created.
        return []
    from coco_flow.cli.stored_apps import close_environments
    from coco_flow.components.environment import environment_infos

    running = click.get_current_context(silent=True)
    if running is not None:
        running.call_on_close(close_environments)
    apps = [app for info in environment_infos() for app in info.get_apps()]
    return sorted(apps, key=lambda app: (_environment(app), app.name))


def _environment(app: App[Any, Any]) -> str:
    return app.environment.name or "default"


def _full_name(app: App[Any, Any]) -> str:
    return f"{app.name}@{_environment(app)}"
