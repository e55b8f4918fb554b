"""Budget of a unit of work on a remote model: number of texts, seconds of waiting."""

from __future__ import annotations

import threading

from coco_core.errors import QuotaExceeded, Unavailable

__all__ = ["EmbeddingBudget"]


class EmbeddingBudget:
    """Counts down; shared by the threads that work for one job."""

    def __init__(
        self, *, texts: int | None = None, waiting_seconds: float | None = None, name: str = "job"
    ) -> None:
        """Allow so much.

        Args:
            texts: that may be sent; None is no limit.
            waiting_seconds: between attempts, all requests together; None is no limit. Without one,
                a job with thousands of requests could wait out each of them for a day.
            name: what the budget is for, as errors call it.
        """
        self._name = name
        self._texts = texts
        self._waiting = waiting_seconds
        self._sent = 0
        self._waited = 0.0
        self._lock = threading.Lock()

    @property
    def sent(self) -> int:
        """Texts spent so far."""
        return self._sent

    def spend(self, texts: int) -> None:
        """Take texts out of the budget, before they are sent.

        Raises:
            QuotaExceeded: it does not hold so many; nothing is taken.
        """
        with self._lock:
            if self._texts is not None and self._sent + texts > self._texts:
                raise QuotaExceeded(
                    f"The {self._name} may embed {self._texts} texts; {self._sent} are embedded "
                    f"and {texts} more would be sent.",
                    hint="Send fewer items at once, or raise the limit.",
                    details={"limit": self._texts, "used": self._sent},
                )
            self._sent += texts

    def wait(self, seconds: float, problem: str) -> None:
        """Take a wait out of the budget, before it begins.

        Args:
            seconds: to wait before the next attempt.
            problem: why, as the error shall say.

        Raises:
            Unavailable: the budget does not hold it.
        """
        with self._lock:
            if self._waiting is not None and self._waited + seconds > self._waiting:
                raise Unavailable(
                    f"The {self._name} has waited {self._waited:.0f} s for the embedding server, "
                    f"which is all that it may ({problem}).",
                    hint="Check the embedding server's limits; the work goes on when it is asked "
                    "for again.",
                )
            self._waited += seconds
