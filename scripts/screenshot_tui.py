#!/usr/bin/env python3
"""Draw the dashboard of a running daemon to an SVG: the picture of the README.

coco start --detach . && scripts/screenshot_tui.py --query "how are hits kept true"
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

from textual.widgets import Input

from coco_local.client.http_client import Client
from coco_local.settings import load_settings
from coco_local.tui.app import CocoApp
from coco_local.tui.panels.projects import Projects
from coco_local.tui.preview import CodePreview
from coco_local.tui.results import ResultList

ROOT = Path(__file__).resolve().parent.parent

# How long the daemon may take to answer; a model that is still being loaded takes seconds.
PATIENCE_SECONDS = 30.0
# Memory and CPU get a few points on their charts.
CHART_SECONDS = 6.0

# The picture must not fetch a font from anywhere; every cell's width is written into it.
FONTS = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def main() -> int:
    """Read the arguments, draw, say where."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--url", help="the daemon; by default the one of COCO_HOME")
    parser.add_argument("--query", help="show the search for this text instead of the dashboard")
    parser.add_argument("--project", help="the name of the project to show; by default the first")
    parser.add_argument("--light", action="store_true", help="the light theme")
    parser.add_argument("--size", default="120x36", help="columns x rows (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "images" / "tui.svg")
    options = parser.parse_args()
    settings = load_settings(environ=os.environ)
    client = Client(options.url, settings.api_key) if options.url else Client.discover(settings)
    with client:
        client.health()
        environ = {"COLORFGBG": "0;15"} if options.light else {}
        app = CocoApp(client, client.base_url, owns_daemon=False, environ=environ)
        columns, _, rows = options.size.partition("x")
        svg = asyncio.run(picture(app, (int(columns), int(rows)), options.query, options.project))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(svg, encoding="utf-8")
    print(options.output)
    return 0


async def picture(
    app: CocoApp, size: tuple[int, int], query: str | None, project: str | None
) -> str:
    """Run the app without a terminal until it shows what is wanted."""
    async with app.run_test(size=size) as pilot:
        deadline = time.monotonic() + PATIENCE_SECONDS

        async def until(done: Callable[[], object]) -> None:
            while not done():
                if time.monotonic() > deadline:
                    sys.exit("The dashboard did not show what was wanted within 30 s.")
                await pilot.pause(0.05)

        projects = app.dashboard.query_one(Projects)
        await until(lambda: projects.state is not None and projects.state.projects)
        if project and projects.state is not None:
            names = [body.name for body in projects.state.projects]
            if project not in names:
                sys.exit(f"There is no project {project!r}, only {', '.join(names)}.")
            projects.action_move(names.index(project))
        await pilot.pause(CHART_SECONDS)
        if query:
            await pilot.press("slash")
            app.dashboard.query_one("#query", Input).value = query
            await until(lambda: app.dashboard.query_one(ResultList).found)
            await until(lambda: app.dashboard.query_one(CodePreview).border_title)
        await pilot.pause()
        svg = app.export_screenshot(title="coco start")
    svg = re.sub(r"@font-face\s*\{.*?\}", "", svg, flags=re.DOTALL)
    return svg.replace("font-family: Fira Code, monospace", f"font-family: {FONTS}")


if __name__ == "__main__":
    sys.exit(main())
