"""Poll of a revision of a git repository: reports what differs when it is another commit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

from coco_core.errors import CocoError
from coco_flow.ports import Key
from coco_flow.sources.change_stream import ChangeStream
from coco_flow.sources.git_process import Git

__all__ = ["RevisionPoll"]

log = logging.getLogger(__name__)


class RevisionPoll(ChangeStream):
    """Polls the revision; reports what `changed` returns for the commits before and after."""

    def __init__(
        self,
        git: Git,
        revision: str,
        interval: timedelta,
        changed: Callable[[str, str], Sequence[Key] | None],
    ) -> None:
        super().__init__()
        self._git = git
        self._revision = revision
        self._seconds = interval.total_seconds()
        self._changed = changed
        git.fetch()
        self._commit = git.resolve(revision)
        self._start()

    def _follow(self) -> None:
        while not self._closed.wait(self._seconds):
            try:
                self._git.fetch()
                commit = self._git.resolve(self._revision)
            except CocoError as error:
                # The repository may be unreachable, or in the middle of a change.
                log.warning("%s", error)
                continue
            if commit != self._commit:
                before, self._commit = self._commit, commit
                self._report(self._changed(before, commit))
