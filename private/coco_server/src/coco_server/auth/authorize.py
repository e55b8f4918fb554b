"""From a proven key to a caller: headers that agree with it, a scope, a project, a token."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from coco_core.errors import Forbidden, InvalidInput, RateLimited
from coco_protocol.server.tenants import KeyScope
from coco_protocol.serving.errors import request_id_of
from coco_protocol.serving.exchange import ANSWER_HEADERS_KEY, LOG_FIELDS_KEY
from coco_protocol.serving.pools import ThreadPools
from coco_server.auth.authenticate import key_of
from coco_server.auth.rate_limit import Rates, rates_of
from coco_server.metrics import ServerMetrics
from coco_server.settings import Settings
from coco_server.store import limits, orgs, projects
from coco_server.store.limits import Bucket, Lane
from coco_server.store.projects import Project
from coco_server.store.session import Database, Scope
from coco_server.store.usage import Quotas, quotas_of

__all__ = ["Authorizer", "Caller"]


@dataclass(frozen=True, slots=True)
class Caller:
    """A request that may go on."""

    scope: Scope
    project: Project
    quotas: Quotas
    request_id: str


class Authorizer:
    """Lets a request into a project."""

    def __init__(
        self, settings: Settings, database: Database, pools: ThreadPools, metrics: ServerMetrics
    ) -> None:
        self._settings = settings
        self._database = database
        self._pools = pools
        self._metrics = metrics

    async def authorize(
        self,
        connection: HTTPConnection,
        headers: tuple[str, str, str],
        needed: KeyScope,
        lane: Lane,
        *,
        named: str | None = None,
    ) -> Caller:
        """Return the caller, or refuse.

        Args:
            connection: the request, whose key is known.
            headers: org, user and project, as the request's headers say.
            needed: what the key must be good for.
            lane: whose token the request takes.
            named: the project that the body or path names, if it does.

        Raises:
            Forbidden: the headers do not agree with the key, or its scopes do not reach.
            InvalidInput: body or path name another project than the header.
            ProjectNotFound: the key's org has no such project.
            RateLimited: the bucket is empty.
        """
        scope = Scope(*headers)
        key = key_of(connection)
        if key.org_id != scope.org_id:
            raise Forbidden(
                f"The key does not belong to the org {scope.org_id!r}.",
                hint="Send the key's own org in x-coco-org-id.",
            )
        if needed not in key.scopes:
            raise Forbidden(
                f"The key's scopes are {', '.join(key.scopes)}; this needs {needed!r}.",
                hint="Ask the administrator for a key with this scope.",
            )
        connection.scope[LOG_FIELDS_KEY] = {
            **connection.scope.get(LOG_FIELDS_KEY, {}),
            "project_id": scope.project_id,
        }
        if named is not None and named != scope.project_id:
            raise InvalidInput(
                f"The request names the project {named!r}, and the header {scope.project_id!r}.",
                hint="Name the same project in x-coco-project-id.",
            )
        project, quotas, rates, bucket = await self._pools.run("query", self._look_up, scope, lane)
        connection.scope[ANSWER_HEADERS_KEY] = {
            "x-ratelimit-limit": str(rates.per_minute),
            "x-ratelimit-remaining": str(bucket.remaining),
            "x-ratelimit-reset": str(_whole_seconds(bucket, rates)),
        }
        if not bucket.allowed:
            self._metrics.refused("rate")
            wait = max(1, -int(-bucket.wait_seconds // 1))
            connection.scope[ANSWER_HEADERS_KEY]["retry-after"] = str(wait)
            raise RateLimited(
                f"The project {project.project_id!r} may be asked {rates.per_minute} times a "
                f"minute ({lane}), and {rates.burst} times at once.",
                hint=f"Try again in {wait} s.",
                details={"lane": lane, "limit_per_min": rates.per_minute, "burst": rates.burst,
                         "retry_after_seconds": wait},
            )  # fmt: skip
        return Caller(scope, project, quotas, request_id_of(connection))

    def _look_up(self, scope: Scope, lane: Lane) -> tuple[Project, Quotas, Rates, Bucket]:
        with self._database.tenant(scope.org_id) as session:
            project = projects.get(session, scope.project_id)
            own = orgs.get(session, scope.org_id).limits
            rates = rates_of(self._settings, own)
            bucket = limits.take(
                session,
                project.project_id,
                lane,
                per_minute=rates.per_minute,
                burst=rates.burst,
            )
        return project, quotas_of(self._settings, own), rates, bucket


def _whole_seconds(bucket: Bucket, rates: Rates) -> int:
    """Return after how many seconds the bucket is full again."""
    return -int(-(rates.burst - bucket.tokens) * 60 // rates.per_minute)
