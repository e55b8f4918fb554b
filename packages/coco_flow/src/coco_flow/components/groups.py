"""Stats groups: components whose statistics and readiness are separate from the rest."""

from __future__ import annotations

import contextvars
from datetime import timedelta
from typing import NamedTuple

from coco_flow.components import progress
from coco_flow.components.build import Scope
from coco_flow.components.readiness import Activity, Readiness
from coco_flow.components.scope import ComponentContext
from coco_flow.components.stats import Stats, StatsGroupHandle, report_interval

__all__ = ["Group", "begin"]


class Group(NamedTuple):
    """An open stats group."""

    scope: Scope
    handle: StatsGroupHandle


def begin(context: ComponentContext, title: str, report_to_stdout: bool | timedelta) -> Group:
    """Open a group in the running component; closing its scope's readiness ends its filling."""
    reported, interval = report_interval(report_to_stdout)
    outer = context.scope
    app = outer.build.component.app
    stats, activity, members = Stats(), Activity(), Readiness()
    scope = Scope(outer.build, stats, (*outer.activities, activity), members)
    # The enclosing component waits for the group as for one child.
    outer.readiness.add()

    async def follow() -> None:
        try:
            outcome = await members.wait()
        except BaseException as error:  # noqa: BLE001 - raised where the group is awaited
            outer.readiness.resolve(error=error)
            stats.mark_ready()
        else:
            stats.mark_ready()
            outer.readiness.resolve(outcome)
            if outer.live:
                await activity.idle()
        finally:
            stats.terminate()

    app.spawn(follow(), context=contextvars.Context())
    if reported:
        app.spawn(
            progress.report(stats, title, interval), context=contextvars.Context(), detached=True
        )
    return Group(scope, StatsGroupHandle(stats))
