"""What keys with the scope ``manage`` may do for their own org, and the administrator for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import HTTPConnection

from coco_core.errors import Forbidden, NotFound, ProjectNotFound
from coco_protocol.serving.errors import request_id_of
from coco_server.auth.authenticate import IDENTITY_KEY, SOURCE_KEY, Identity
from coco_server.store.audit import Act, Actor, AuditAction
from coco_server.store.keys import ApiKey

__all__ = ["Manager", "actor_of", "manager_of"]


@dataclass(frozen=True, slots=True)
class Manager:
    """Who manages: the administrator, or a key that manages its own org."""

    actor: Actor
    key: ApiKey | None
    """None: the administrator."""

    def org(self, named: str | None) -> str | None:
        """Return the org that is meant: the key's own, or the one that the administrator names.

        Raises:
            Forbidden: the key's org is another.
        """
        if self.key is None:
            return named
        if named is not None and named != self.key.org_id:
            raise Forbidden(
                f"The key does not belong to the org {named!r}.",
                hint="Name the key's own org, or leave it out.",
            )
        return self.key.org_id

    def sees(self, projects: Sequence[str]) -> bool:
        """Whether what is bound to these projects, or to none, is within its own bounds."""
        if self.key is None or not self.key.projects:
            return True
        return bool(projects) and set(projects) <= set(self.key.projects)

    def require_key(self, key: ApiKey) -> ApiKey:
        """Return a key that it may list and revoke.

        Raises:
            NotFound: it belongs to another org, or opens projects that this one does not.
        """
        own = self.key is None or self.key.org_id == key.org_id
        if not own or not self.sees(key.projects):
            raise NotFound(f"There is no key {key.key_id!r}.")
        return key

    def check_grant(
        self, scopes: Sequence[str], projects: Sequence[str], users: Sequence[str] = ()
    ) -> None:
        """Refuse to give away more than it has itself.

        Raises:
            Forbidden: a scope is not among its own, it would open all projects, or act for a user
                for whom it may not act itself.
            ProjectNotFound: a project is not among its own.
        """
        if self.key is None:
            return
        beyond = [scope for scope in scopes if scope not in self.key.scopes]
        if beyond:
            raise Forbidden(
                f"The key does not have the scope {beyond[0]!r} itself.",
                hint=f"It may give away {', '.join(self.key.scopes)}.",
            )
        if "impersonate" not in self.key.scopes and not set(users) <= set(self.key.users):
            raise Forbidden(
                "The key may not act for these users itself.",
                hint="Use the admin key, or a key with the scope 'impersonate'.",
            )
        if self.key.projects and not projects:
            raise Forbidden(
                "The key is bound to projects, and the new one would open all.",
                hint=f"Name projects among {', '.join(self.key.projects)}.",
            )
        for project_id in projects:
            if not self.sees([project_id]):
                raise ProjectNotFound(f"There is no project {project_id!r}.")

    @property
    def ends(self) -> datetime | None:
        """When it may manage no longer; a key that it makes ends then at the latest."""
        return None if self.key is None else self.key.expires_at

    def check_takes_over(self, key: ApiKey) -> None:
        """Refuse to hand over a key that is good for longer than it is itself.

        Raises:
            Forbidden: it is.
        """
        if self.ends is not None and (key.expires_at is None or key.expires_at > self.ends):
            raise Forbidden(
                f"The key ends before {key.key_id!r} does, and may not rotate it.",
                hint="Use a manage key that is valid for as long.",
            )

    def unbound(self) -> None:
        """Refuse a key that is bound to projects.

        Raises:
            Forbidden: it is.
        """
        if self.key is not None and self.key.projects:
            raise Forbidden(
                "The key is bound to projects, and this concerns the whole org.",
                hint="Use a key of the org without projects.",
            )

    def act(
        self,
        action: AuditAction,
        org_id: str | None,
        *,
        target: str | None = None,
        **details: object,
    ) -> Act:
        """Return what the audit log notes."""
        return Act(self.actor, action, org_id=org_id, target=target, details=details)


def manager_of(connection: HTTPConnection) -> Manager:
    """Return who manages.

    Raises:
        Forbidden: the key has no scope ``manage``, or the header names another org than its own.
    """
    identity: Identity = connection.scope[IDENTITY_KEY]
    if identity.role != "admin" and (identity.key is None or "manage" not in identity.key.scopes):
        raise Forbidden(
            "Only the administrator and keys with the scope 'manage' may do that.",
            hint="Send the key in COCO_ADMIN_KEY, or a key of the org with this scope.",
        )
    manager = Manager(actor_of(connection), identity.key)
    # The header may be left out; where it is sent, it must agree with the key, as everywhere.
    manager.org(connection.headers.get("x-coco-org-id"))
    return manager


def actor_of(connection: HTTPConnection) -> Actor:
    """Return who acts, as the audit log notes it."""
    identity: Identity = connection.scope[IDENTITY_KEY]
    return Actor(
        identity.key.key_id if identity.key is not None else identity.role,
        request_id_of(connection) or None,
        connection.scope.get(SOURCE_KEY),
    )
