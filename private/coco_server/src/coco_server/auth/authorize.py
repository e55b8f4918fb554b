"""What a proven key may do: the administrator, an org's own key, and a caller within a project."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from coco_core.errors import Forbidden, InvalidInput, ProjectNotFound
from coco_protocol.server.tenants import KeyScope
from coco_protocol.serving.errors import request_id_of
from coco_protocol.serving.exchange import LOG_FIELDS_KEY
from coco_protocol.serving.pools import ThreadPools
from coco_server.auth.authenticate import IDENTITY_KEY, Identity
from coco_server.auth.manage import actor_of
from coco_server.auth.rate_limit import Rates, enforce_rate, rates_of
from coco_server.auth.sign_in import SignIn, UserTokens
from coco_server.auth.viewers import presented, viewer_of
from coco_server.metrics import ServerMetrics
from coco_server.settings import Settings
from coco_server.store import limits, orgs, projects
from coco_server.store.access import Viewer
from coco_server.store.audit import Act, Actor, AuditAction
from coco_server.store.keys import ApiKey
from coco_server.store.limits import Bucket, Lane
from coco_server.store.projects import Project
from coco_server.store.session import Database, Scope
from coco_server.store.usage import Quotas, quotas_of

__all__ = [
    "Authorizer",
    "Caller",
    "TenantRequest",
    "admin_only",
    "key_of",
    "operator_only",
    "own_org_only",
]


@dataclass(frozen=True, slots=True)
class TenantRequest:
    """A request with what its headers say; nothing of it is proven yet."""

    connection: HTTPConnection
    org_id: str
    user_id: str
    project_id: str

    def scope(self) -> Scope:
        """Return on whose behalf it asks to act."""
        return Scope(self.org_id, self.user_id, self.project_id)


@dataclass(frozen=True, slots=True)
class Caller:
    """A request that may go on."""

    scope: Scope
    project: Project
    quotas: Quotas
    request_id: str
    key: ApiKey
    viewer: Viewer
    """Who the answer is for: what allow lists are compared with."""
    actor: Actor
    """Who acts, as the audit log notes it."""

    def act(self, action: AuditAction, target: str | None = None, **details: object) -> Act:
        """Return what the audit log notes of an action in the project."""
        return Act(
            self.actor,
            action,
            org_id=self.scope.org_id,
            project_id=self.scope.project_id,
            target=target,
            details=details,
        )


@dataclass(frozen=True, slots=True)
class _Found:
    """What the database says of a request."""

    project: Project
    quotas: Quotas
    rates: Rates
    bucket: Bucket
    sign_in: SignIn | None


class Authorizer:
    """Lets a request into a project."""

    def __init__(
        self, settings: Settings, database: Database, pools: ThreadPools, metrics: ServerMetrics
    ) -> None:
        self._settings = settings
        self._database = database
        self._pools = pools
        self._metrics = metrics
        self._tokens = UserTokens()
        self._sign_in = SignIn.of_settings(settings)

    async def authorize(
        self,
        request: TenantRequest,
        needed: KeyScope,
        lane: Lane,
        *,
        named: str | None = None,
    ) -> Caller:
        """Return the caller, or refuse.

        Args:
            request: whose key is known.
            needed: what the key must be good for.
            lane: whose token the request takes.
            named: the project that the body or path names, if it does.

        Raises:
            Forbidden: the headers do not agree with the key, or its scopes do not reach.
            InvalidInput: body or path name another project than the header.
            ProjectNotFound: the key's org has no such project, or the key is not for it.
            RateLimited: the bucket is empty.
            Unauthorized: the user token is not valid.
        """
        connection, scope = request.connection, request.scope()
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
        given = presented(connection, scope.user_id)
        found = await self._pools.run("query", self._look_up, scope, key, lane)
        if not found.bucket.allowed:
            self._metrics.refused("rate")
        enforce_rate(connection, f"project {scope.project_id!r}", lane, found.rates, found.bucket)
        arguments = (key, given, self._tokens, found.sign_in, scope.org_id)
        if given.token is None:
            viewer = viewer_of(*arguments)
        else:
            # The issuer's keys may have to be fetched.
            viewer = await self._pools.run("query", viewer_of, *arguments)
        return Caller(
            scope=scope,
            project=found.project,
            quotas=found.quotas,
            request_id=request_id_of(connection),
            key=key,
            viewer=viewer,
            actor=actor_of(connection),
        )

    def _look_up(self, scope: Scope, key: ApiKey, lane: Lane) -> _Found:
        with self._database.tenant(scope.org_id) as session:
            project = projects.get(session, scope.project_id)
            if key.projects and project.project_id not in key.projects:
                # As for one that is missing, and after the same look-up.
                raise ProjectNotFound(f"There is no project {project.project_id!r}.")
            org = orgs.get(session, scope.org_id)
            own = org.limits
            rates = rates_of(self._settings, own)
            bucket = limits.take(
                session,
                project.project_id,
                lane,
                per_minute=rates.per_minute,
                burst=rates.burst,
            )
        sign_in = SignIn.of_org(org.sign_in) or self._sign_in
        return _Found(project, quotas_of(self._settings, own), rates, bucket, sign_in)


def admin_only(connection: HTTPConnection) -> None:
    """Refuse everybody but the administrator.

    Raises:
        Forbidden: an org's key was shown.
    """
    identity: Identity = connection.scope[IDENTITY_KEY]
    if identity.role != "admin":
        raise Forbidden(
            "Only the administrator may do that.", hint="Send the key in COCO_ADMIN_KEY."
        )


def key_of(connection: HTTPConnection) -> ApiKey:
    """Return the org's key that was shown.

    Raises:
        Forbidden: the admin key was shown, which opens no tenant's data.
    """
    identity: Identity = connection.scope[IDENTITY_KEY]
    if identity.key is None:
        raise Forbidden(
            "The admin key gives access to /v1/sys, not to tenants' data.",
            hint="Send a key of the org; POST /v1/sys/keys makes one.",
        )
    return identity.key


def operator_only(connection: HTTPConnection) -> None:
    """Let in the administrator, and who collects the metrics.

    Raises:
        Forbidden: an org's key was shown.
    """
    identity: Identity = connection.scope[IDENTITY_KEY]
    if identity.role == "key":
        raise Forbidden(
            "Only the operator may read metrics.",
            hint="Send the key in COCO_METRICS_KEY or COCO_ADMIN_KEY.",
        )


def own_org_only(connection: HTTPConnection, org_id: str, *, changing: bool = False) -> None:
    """Let in the administrator, and an org's own key (with the scope manage for changes).

    Raises:
        Forbidden: the key is another org's, or its scopes do not reach.
    """
    identity: Identity = connection.scope[IDENTITY_KEY]
    if identity.role == "admin":
        return
    if identity.key is None or identity.key.org_id != org_id:
        raise Forbidden(
            f"The key does not belong to the org {org_id!r}.",
            hint="Send the key's own org in x-coco-org-id.",
        )
    if changing and "manage" not in identity.key.scopes:
        raise Forbidden("The key may not change configs.", hint="It needs the scope 'manage'.")
