"""Route of the audit log."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query, Request, Response

from coco_protocol.envelope import Envelope
from coco_protocol.server.audit import AuditPage, AuditParameters
from coco_protocol.serving.answers import answer
from coco_protocol.serving.errors import request_id_of
from coco_server.api.routes.route_table import add_routes
from coco_server.api.services import Services
from coco_server.auth.manage import manager_of
from coco_server.domain.audit import audit_page
from coco_server.store.audit import AuditQuery
from coco_server.store.session import SystemSession

__all__ = ["AuditApi"]


class AuditApi:
    """``/v1/sys/audit``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def add_to(self, app: FastAPI) -> None:
        """Add the route to ``app``."""
        add_routes(app, "admin", ("GET", "/v1/sys/audit", self.events, Envelope[AuditPage]))

    async def events(
        self, request: Request, wanted: Annotated[AuditParameters, Query()]
    ) -> Response:
        """List administrative actions and exports, newest first; a manage key: its own org's."""
        manager = manager_of(request)
        org = manager.org(wanted.org_id)
        bound = manager.key.projects if manager.key is not None else []
        query = AuditQuery(
            org_id=org,
            project_id=wanted.project_id,
            projects=bound or None,
            actor=wanted.actor,
            action=wanted.action,
            target=wanted.target,
            since=wanted.since,
            until=wanted.until,
            before=wanted.cursor,
            limit=wanted.limit,
        )

        def look(session: SystemSession) -> AuditPage:
            return audit_page(session, query)

        if org is None:
            page = await self._services.in_system("status", look)
        else:
            page = await self._services.in_org(
                "status", org, lambda found: audit_page(found, query)
            )
        return answer(page, request_id_of(request))
