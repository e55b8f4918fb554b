"""Sources of a revision of a git repository, and its poll: what differs at another commit."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import timedelta

from coco_core.errors import CocoError
from coco_flow.ports import Key, Watch
from coco_flow.sources.change_stream import ChangeStream
from coco_flow.sources.git_process import Git, open_git

__all__ = ["RevisionPoll", "RevisionSource"]

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


class RevisionSource(ABC):
    """The base of sources that read a repository at a revision: opens and polls it."""

    def __init__(self, path: str, revision: str, poll_interval: timedelta | None) -> None:
        self._git = open_git(path)
        self._revision = revision
        self._poll_interval = poll_interval
        self.change_capture = "poll of the revision" if poll_interval else None
        self._poll: RevisionPoll | None = None

    def watch(self) -> Watch | None:
        """Begin to poll the revision from this call on."""
        if self._poll_interval is None:
            return None
        self.close()
        self._poll = RevisionPoll(self._git, self._revision, self._poll_interval, self._changed)
        return self._poll

    def close(self) -> None:
        """Stop polling."""
        if self._poll is not None:
            self._poll.close()
            self._poll = None

    @abstractmethod
    def _changed(self, before: str, after: str) -> Sequence[Key] | None:
        """Return the keys that differ between two commits; None if only a listing can find them."""
