"""Checks of the operating system's limits on file watching."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from coco_local.doctor.check_result import CheckResult
from coco_local.doctor.context import DoctorContext
from coco_local.scan import ProjectScan
from coco_local.settings import Settings

__all__ = ["check_watches"]

_INOTIFY = Path("/proc/sys/fs/inotify")
# Others want watches, too: an editor watches the same directories.
_COMFORTABLE_SHARE = 0.5
# All that a project's feed watches, its proofs included, is one instance.
_INSTANCES_FOR_A_PROJECT = 1


def check_watches(context: DoctorContext) -> Iterator[CheckResult]:
    """Compare inotify's limits with the directories of all projects."""
    if not sys.platform.startswith("linux"):
        yield CheckResult.ok("watching", "this system has no relevant limit")
        return
    granted = _read_number(_INOTIFY / "max_user_watches")
    instances = _read_number(_INOTIFY / "max_user_instances")
    if granted is None or instances is None:
        yield CheckResult.warn(
            "watching",
            "inotify is not available: changes are found by rescans only.",
            "Rescan oftener: COCO_RESCAN_SECONDS=30",
        )
        return
    needed = sum(_count_directories(root, context.settings) for root in context.roots)
    figures = {"directories": needed, "max_user_watches": granted}
    text = f"{needed:,} directories to watch, inotify allows {granted:,}"
    fix = f"sudo sysctl fs.inotify.max_user_watches={_next_limit(needed)}"
    if needed > granted:
        yield CheckResult.fail(
            "watching", f"{text}: some changes are missed until a rescan.", fix, **figures
        )
    elif needed > granted * _COMFORTABLE_SHARE:
        yield CheckResult.warn("watching", f"{text}, which other programs share.", fix, **figures)
    else:
        yield CheckResult.ok("watching", text, **figures)
    yield _judge_instances(instances, len(context.roots), runs=context.stats is not None)


def _judge_instances(granted: int, projects: int, *, runs: bool) -> CheckResult:
    used = _used_instances()
    # A running daemon's instances are among those in use.
    needed = 0 if runs else projects * _INSTANCES_FOR_A_PROJECT
    text = f"{used:,} of {granted:,} inotify instances are in use"
    if used + needed > granted:
        return CheckResult.fail(
            "watching",
            f"{text}, {needed:,} more are needed.",
            f"sudo sysctl fs.inotify.max_user_instances={max(1024, granted * 2)}",
        )
    return CheckResult.ok("watching", text, used=used, max_user_instances=granted)


def _read_number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _count_directories(root: Path, settings: Settings) -> int:
    """Count the directories that the scan looks into: those are watched."""
    found: list[Path] = []
    ProjectScan(root, settings).list_files(found.append)
    return len(found)


def _used_instances() -> int:
    """Count this user's instances, which is what the limit is about."""
    used = 0
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if process.stat().st_uid != os.getuid():
                continue
            for descriptor in (process / "fd").iterdir():
                used += str(descriptor.readlink()) == "anon_inode:inotify"
        except OSError:
            # It ended, or is closed to us.
            continue
    return used


def _next_limit(needed: int) -> int:
    """Return a limit with room, as a power of two from the usual one on."""
    limit = 524_288
    while limit * _COMFORTABLE_SHARE < needed:
        limit *= 2
    return limit
