"""Rate limits: how fast an org's projects may be asked, and the refusal of what is faster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from coco_core.errors import RateLimited
from coco_protocol.serving.exchange import ANSWER_HEADERS_KEY
from coco_server.settings import Settings
from coco_server.store.limits import Bucket, Lane

__all__ = ["Rates", "enforce_rate", "rates_of"]


@dataclass(frozen=True, slots=True)
class Rates:
    """How fast a project may be asked, in each lane."""

    per_minute: int
    burst: int


def rates_of(settings: Settings, limits: Mapping[str, object]) -> Rates:
    """Return the rates of an org with these limits of its own."""
    return Rates(
        _own(limits, "rate_limit_per_min") or settings.rate_limit_per_min,
        _own(limits, "rate_limit_burst") or settings.rate_limit_burst,
    )


def enforce_rate(
    connection: HTTPConnection,
    who: str,
    lane: Lane,
    rates: Rates,
    bucket: Bucket,
) -> None:
    """Say in the answer's headers how much is left, and refuse when nothing was.

    Raises:
        RateLimited: the bucket is empty.
    """
    connection.scope[ANSWER_HEADERS_KEY] = {
        "x-ratelimit-limit": str(rates.per_minute),
        "x-ratelimit-remaining": str(bucket.remaining),
        "x-ratelimit-reset": str(_whole_seconds(bucket, rates)),
    }
    if not bucket.allowed:
        wait = max(1, -int(-bucket.wait_seconds // 1))
        connection.scope[ANSWER_HEADERS_KEY]["retry-after"] = str(wait)
        raise RateLimited(
            f"The {who} may be asked {rates.per_minute} times a "
            f"minute ({lane}), and {rates.burst} times at once.",
            hint=f"Try again in {wait} s.",
            details={"lane": lane, "limit_per_min": rates.per_minute, "burst": rates.burst,
                     "retry_after_seconds": wait},
        )  # fmt: skip


def _whole_seconds(bucket: Bucket, rates: Rates) -> int:
    """Return after how many seconds the bucket is full again."""
    return -int(-(rates.burst - bucket.tokens) * 60 // rates.per_minute)


def _own(limits: Mapping[str, object], name: str) -> int | None:
    value = limits.get(name)
    return value if isinstance(value, int) else None
