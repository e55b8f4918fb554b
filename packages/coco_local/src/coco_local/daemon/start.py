"""``coco start``: join the daemon that runs, or become it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from coco_core.errors import AlreadyRunning, InvalidInput, PortTaken
from coco_local.daemon.lifecycle import detach, find_running, register

if TYPE_CHECKING:
    from coco_local.settings import Settings
    from coco_protocol.projects import RegisterData
    from coco_protocol.system import HealthData

__all__ = ["Joined", "start", "wants_tui"]

# Two starts at the same instant: the winner has bound the port and is about to write its lock.
_TWIN_SECONDS = 1.0
_PAUSE_SECONDS = 0.02

_NO = frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Joined:
    """A daemon in another process that serves this home now."""

    health: HealthData
    projects: list[RegisterData]
    """What was registered for the paths that were given."""
    new: bool
    """Whether it was started just now."""


def wants_tui(stdout: TextIO, environ: Mapping[str, str], *, headless: bool) -> bool:
    """Tell whether the dashboard is shown: on a terminal, when a person may be looking."""
    automatic = environ.get("CI", "").strip().lower() not in _NO
    return not headless and not automatic and stdout.isatty()


def start(
    settings: Settings,
    paths: Sequence[Path],
    *,
    flags: Mapping[str, object],
    tui: bool,
    background: bool,
    on_joined: Callable[[Joined], None],
) -> int:
    """Make sure that a daemon serves this home; return the exit code.

    In the foreground this returns when the daemon ends. ``on_joined`` is called when it runs in
    another process: before, or in the background.

    Raises:
        CocoError: no daemon can be started.
    """
    roots = [_directory(path) for path in paths]
    running = _join(settings, roots)
    if running is None:
        try:
            if not background:
                from coco_local.daemon.serve import serve

                return serve(settings, roots, tui, flags=flags)
            health = detach(settings, flags, roots)
            running = Joined(health, register(settings, roots), new=True)
        except (AlreadyRunning, PortTaken):
            # Another start was faster by a moment: then its daemon is the one.
            running = _join_the_faster(settings, roots)
            if running is None:
                raise
    on_joined(running)
    return 0


def _join(settings: Settings, roots: Sequence[Path]) -> Joined | None:
    health = find_running(settings)
    return None if health is None else Joined(health, register(settings, roots), new=False)


def _join_the_faster(settings: Settings, roots: Sequence[Path]) -> Joined | None:
    """Join the daemon that took the port; between that and its lock lies a moment."""
    deadline = time.monotonic() + _TWIN_SECONDS
    while time.monotonic() < deadline:
        try:
            running = _join(settings, roots)
        except PortTaken:
            return None
        if running is not None:
            return running
        time.sleep(_PAUSE_SECONDS)
    return None


def _directory(path: Path) -> Path:
    absolute = path.expanduser().resolve()
    if not absolute.is_dir():
        what = "is not a directory" if absolute.exists() else "does not exist"
        raise InvalidInput(f"{str(absolute)!r} {what}.", hint="Give the root of a project.")
    return absolute
