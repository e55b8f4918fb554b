"""A rate limit, as a token bucket."""

from __future__ import annotations

import asyncio
import math
import time

__all__ = ["RateLimiter"]


class RateLimiter:
    """A token bucket: tokens flow in at a constant rate, `acquire` takes them or waits for them.

    Requests are served in their order. An amount greater than the bucket is served once the tokens
    for it have flowed in.
    """

    def __init__(self, max_rows_per_second: float, burst_window_secs: float = 1.0) -> None:
        """Make a full bucket that holds the tokens of `burst_window_secs` seconds.

        Raises:
            ValueError: The rate is not positive, or the window is negative.
        """
        if not (max_rows_per_second > 0 and math.isfinite(max_rows_per_second)):
            raise ValueError(
                f"`max_rows_per_second` must be positive and finite, not {max_rows_per_second}."
            )
        if not (burst_window_secs >= 0 and math.isfinite(burst_window_secs)):
            raise ValueError(f"`burst_window_secs` must be 0 or more, not {burst_window_secs}.")
        self._seconds_per_token = 1.0 / max_rows_per_second
        # A bucket that holds less than one token could never give one.
        self._window = max(burst_window_secs, self._seconds_per_token)
        # When the bucket will be full again without requests; in the past while it is full.
        self._full_at = -math.inf

    async def acquire(self, n: int = 1) -> None:
        """Wait until `n` tokens are there, and take them."""
        if n < 0:
            raise ValueError(f"The number of tokens must be 0 or more, not {n}.")
        now = time.monotonic()
        # Taken immediately and waited for afterwards, which keeps the order of requests.
        self._full_at = max(self._full_at, now) + n * self._seconds_per_token
        delay = self._full_at - self._window - now
        if delay > 0:
            await asyncio.sleep(delay)
