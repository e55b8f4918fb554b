"""Progress events of provisioning, and its cancellation."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from coco_core.errors import Unavailable

__all__ = ["Progress", "SourceFailed", "Stage", "Watch"]

Stage: TypeAlias = Literal["download", "verify", "convert", "install"]

# More reports than this in a second cannot be seen.
_INTERVAL_SECONDS = 0.1


class SourceFailed(Exception):
    """One source cannot give the model; the next one is tried and the reason is kept."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One report: ``seconds`` since the stage began, bytes where the stage counts them."""

    stage: Stage
    source: str
    done_bytes: int
    total_bytes: int | None
    seconds: float


class Watch:
    """Passes reports of one source on, not too often, and asks whether to go on."""

    def __init__(
        self,
        source: str,
        on_progress: Callable[[Progress], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        self.source = source
        self._on_progress = on_progress
        self._cancelled = cancelled
        self._stage: Stage | None = None
        self._began = 0.0
        self._reported = 0.0

    def report(self, stage: Stage, done_bytes: int = 0, total_bytes: int | None = None) -> None:
        """Tell the caller how far the stage is; a change of stage and its end are always told."""
        self.check()
        now = time.monotonic()
        changed = stage != self._stage
        if changed:
            self._stage, self._began = stage, now
        if self._on_progress is None:
            return
        if changed or done_bytes == total_bytes or now - self._reported >= _INTERVAL_SECONDS:
            self._reported = now
            self._on_progress(
                Progress(stage, self.source, done_bytes, total_bytes, now - self._began)
            )

    def check(self) -> None:
        """Raise `Unavailable` if the caller wants no more."""
        if self._cancelled is not None and self._cancelled():
            raise Unavailable(
                "Fetching the embedding model was cancelled.", hint="Go on with: coco setup"
            )
