"""Opening of a project's notifier, of the kind that the system is best at."""

from __future__ import annotations

from collections.abc import Sequence

from coco_local.watch.inotify import InotifyNotifier
from coco_local.watch.notifier import Notifier
from coco_local.watch.state import WatchMode, WatchState, partial_state

__all__ = ["open_notifier"]


def open_notifier(
    root: str, cookies: str, git: Sequence[str], *, trees: bool
) -> tuple[Notifier | InotifyNotifier, WatchState]:
    """Return a notifier of a root and its cookies, and how well it watches.

    Args:
        root: by its real name.
        cookies: the directory of the proofs, likewise.
        git: git's own directories in the root that matter, there or not.
        trees: whether the system watches everything below a directory by itself.

    Raises:
        NotifierFault: the system refuses.
    """
    opened: Notifier | InotifyNotifier
    try:
        opened = Notifier([root, cookies]) if trees else InotifyNotifier([root, cookies, *git])
    except PermissionError as error:
        opened = Notifier([root, cookies], forgiving=True) if trees else InotifyNotifier([cookies])
        return opened, partial_state(error)
    return opened, WatchState(WatchMode.WATCHING)
