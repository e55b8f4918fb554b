"""Checks of CoCo's own directory."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator

from coco_local.doctor.check_result import CheckResult
from coco_local.doctor.context import DoctorContext

__all__ = ["check_disk", "check_home", "check_settings"]

# Making the model takes 250 MB for a moment; below this even small indexes are in danger.
_FULL_BYTES = 300 * 10**6
# The index of a large project with its embeddings.
_SCARCE_BYTES = 2 * 10**9


def check_settings(context: DoctorContext) -> Iterator[CheckResult]:
    """Names that mean nothing are typing errors that would go unseen."""
    warnings = context.settings.warnings
    for warning in warnings:
        yield CheckResult.warn("settings", warning, "See the values in effect: coco config show")
    if not warnings:
        yield CheckResult.ok("settings", "all settings are valid; see them with: coco config show")


def check_home(context: DoctorContext) -> Iterator[CheckResult]:
    """The index holds the text of private projects: only its owner may read it."""
    root = context.settings.home.root
    if not root.exists():
        yield CheckResult.ok("home", f"{root} does not exist yet; coco start creates it")
        return
    if not root.is_dir():
        yield CheckResult.fail(
            "home", f"{root} is not a directory.", "Move it away, or set COCO_HOME to another path."
        )
        return
    if not os.access(root, os.W_OK | os.X_OK):
        yield CheckResult.fail(
            "home", f"{root} cannot be written.", f"Become its owner: sudo chown -R $USER {root}"
        )
        return
    mode = stat.S_IMODE(root.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        yield CheckResult.warn(
            "home",
            f"{root} is open to other users (mode {mode:04o}).",
            f"Restrict access: chmod 700 {root} (coco start does so, too)",
        )
        return
    yield CheckResult.ok("home", f"{root} is writable and closed to others")


def check_disk(context: DoctorContext) -> Iterator[CheckResult]:
    """A full disk stops indexing; what is indexed can still be searched."""
    place = context.settings.home.root
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    text = f"{free / 10**9:.1f} GB free where {context.settings.home.root} is"
    fix = "Free some space, run coco prune, or set COCO_HOME to another disk."
    if free < _FULL_BYTES:
        yield CheckResult.fail("disk", f"Only {text}.", fix, free_bytes=free)
    elif free < _SCARCE_BYTES:
        yield CheckResult.warn("disk", f"Only {text}.", fix, free_bytes=free)
    else:
        yield CheckResult.ok("disk", text, free_bytes=free)
