"""Rate limit of requests that concern an org and no project: configs, keys, reports."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.types import Scope

from coco_protocol.serving.pools import ThreadPools
from coco_server.auth.rate_limit import Rates, enforce_rate, rates_of
from coco_server.metrics import ServerMetrics
from coco_server.settings import Settings
from coco_server.store import limits, orgs
from coco_server.store.limits import Bucket
from coco_server.store.session import Database

__all__ = ["OrgRate"]

# Requests within a project are counted where the project is known.
_PREFIX = "/v1/sys/"

# The bucket's place in a table that is keyed by projects.
_NO_PROJECT = ""


class OrgRate:
    """Takes a token for each such request of an org's key; the administrator's are not counted."""

    def __init__(
        self, settings: Settings, database: Database, pools: ThreadPools, metrics: ServerMetrics
    ) -> None:
        self._settings = settings
        self._database = database
        self._pools = pools
        self._metrics = metrics

    async def check(self, scope: Scope, org_id: str) -> None:
        """Count a request of this org, if it is one of those.

        Raises:
            RateLimited: the bucket is empty.
        """
        if not scope["path"].startswith(_PREFIX):
            return
        rates, bucket = await self._pools.run("query", self._take, org_id)
        if not bucket.allowed:
            self._metrics.refused("rate")
        enforce_rate(HTTPConnection(scope), f"org {org_id!r}", "manage", rates, bucket)

    def _take(self, org_id: str) -> tuple[Rates, Bucket]:
        with self._database.tenant(org_id) as session:
            rates = rates_of(self._settings, orgs.get(session, org_id).limits)
            bucket = limits.take(
                session,
                _NO_PROJECT,
                "manage",
                per_minute=rates.per_minute,
                burst=rates.burst,
            )
        return rates, bucket
