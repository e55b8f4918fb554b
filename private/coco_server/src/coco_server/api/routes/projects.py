"""Routes of projects and versions: register, list, activate, roll back, export."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, TypeAlias

from fastapi import FastAPI, Header, Path, Query, Request, Response

from coco_core.errors import InvalidInput, NotFound
from coco_protocol.base import Identifier
from coco_protocol.envelope import Envelope
from coco_protocol.server.docs import StoredChunks
from coco_protocol.server.memos import DeletedData
from coco_protocol.server.projects import (
    ActivateData,
    ActivateRequest,
    ProjectBody,
    ProjectList,
    RegisterRequest,
    VersionBody,
    VersionList,
)
from coco_protocol.server.tenants import KeyScope, OrgId
from coco_protocol.serving.answers import answer
from coco_protocol.serving.errors import request_id_of
from coco_server.api.export_stream import stream_rows
from coco_server.api.routes.parameters import ProjectPath, Tenant
from coco_server.api.routes.route_table import add_routes
from coco_server.api.services import Services
from coco_server.auth.authorize import Caller
from coco_server.auth.manage import manager_of
from coco_server.domain.configs import DEFAULT_CONFIG, register_config
from coco_server.domain.serializers import project_body, version_body
from coco_server.search.visibility import shown_keys
from coco_server.store import configs, export, orgs, projects, retention, versions
from coco_server.store.audit import Act
from coco_server.store.export import Export
from coco_server.store.session import SystemSession, TenantSession
from coco_server.store.versions import Version

__all__ = ["ProjectsApi"]

VersionPath: TypeAlias = Annotated[Identifier, Path(description="The version's id.")]


class ProjectsApi:
    """``/v1/sys/register``, ``/v1/sys/projects`` and ``/v1/projects``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def add_to(self, app: FastAPI) -> None:
        """Add the routes to ``app``."""
        add_routes(
            app,
            "admin",
            ("POST", "/v1/sys/register", self.register, Envelope[ProjectBody]),
            ("GET", "/v1/sys/projects", self.projects, Envelope[ProjectList]),
        )
        base = "/v1/projects/{project_id}"
        version = base + "/versions/{version_id}"
        add_routes(
            app,
            "projects",
            ("GET", base, self.project, Envelope[ProjectBody]),
            ("GET", base + "/versions", self.versions, Envelope[VersionList]),
            ("GET", version, self.version, Envelope[VersionBody]),
            ("DELETE", version, self.remove, Envelope[DeletedData]),
            ("POST", version + "/activate", self.activate, Envelope[ActivateData]),
            ("POST", base + "/rollback", self.roll_back, Envelope[ActivateData]),
            ("GET", version + "/chunks", self.chunks, Envelope[StoredChunks]),
        )

    async def register(
        self,
        request: Request,
        body: RegisterRequest,
        org: Annotated[OrgId | None, Header(alias="x-coco-org-id")] = None,
    ) -> Response:
        """Register a logical source of an org; again with the same name answers the same.

        The administrator names the org; a manage key registers in its own.
        """
        manager = manager_of(request)
        manager.unbound()
        if org is not None and body.org_id is not None and org != body.org_id:
            raise InvalidInput(
                f"The body names the org {body.org_id!r}, and the header {org!r}.",
                hint="Name one org.",
            )
        dimension = await self._services.pools.run(
            "change", self._services.embedders.dimension, DEFAULT_CONFIG.embedding
        )

        def add(session: TenantSession) -> ProjectBody:
            config_id = body.indexing_config_id or DEFAULT_CONFIG.config_id
            if body.indexing_config_id is None:
                register_config(session, DEFAULT_CONFIG, dimension)
            configs.get(session, config_id)
            project = projects.register(
                session,
                body.source_ref,
                name=body.name,
                platform=body.platform,
                config_id=config_id,
            )
            return project_body(project)

        named = manager.org(body.org_id or org)

        def register() -> ProjectBody:
            act = manager.act(
                "project.register", self._chosen_org(named), source_ref=body.source_ref
            )
            return self._services.audit.in_org(
                act,
                add,
                after=lambda act, made: replace(
                    act, project_id=made.project_id, target=made.project_id
                ),
            )

        return answer(await self._services.pools.run("change", register), request_id_of(request))

    def _chosen_org(self, named: str | None) -> str:
        with self._services.database.system() as session:
            if named is not None:
                return orgs.get(session, named).org_id
            known = orgs.list_all(session)
        if len(known) == 1:
            return known[0].org_id
        raise NotFound(
            f"No org is named, and there are {len(known)}.",
            hint="Send org_id, or create an org first: POST /v1/sys/orgs.",
        )

    async def projects(
        self,
        request: Request,
        org_id: Annotated[Identifier | None, Query(description="Of this org only.")] = None,
    ) -> Response:
        """List projects; for a manage key those of its own org that it opens."""
        manager = manager_of(request)
        org = manager.org(org_id)

        def look(session: SystemSession) -> ProjectList:
            found = [each for each in projects.list_all(session) if org in {None, each.org_id}]
            return ProjectList(
                projects=[project_body(each) for each in found if manager.sees([each.project_id])]
            )

        return answer(await self._services.in_system("status", look), request_id_of(request))

    async def project(self, tenant: Tenant, project_id: ProjectPath) -> Response:
        """Return the project with its active version and config."""
        caller = await self._authorize(tenant, project_id)
        return answer(project_body(caller.project), caller.request_id)

    async def versions(self, tenant: Tenant, project_id: ProjectPath) -> Response:
        """List the project's versions, newest first."""
        caller = await self._authorize(tenant, project_id)

        def look(session: TenantSession) -> VersionList:
            found = versions.list_of(session, project_id)
            now = projects.get(session, project_id).active_version_id
            return VersionList(
                active_version_id=now, versions=[version_body(each) for each in found]
            )

        return await self._services.respond(caller, "status", look)

    async def version(
        self, tenant: Tenant, project_id: ProjectPath, version_id: VersionPath
    ) -> Response:
        """Return one version."""
        caller = await self._authorize(tenant, project_id)

        def look(session: TenantSession) -> VersionBody:
            return version_body(versions.get(session, project_id, version_id))

        return await self._services.respond(caller, "status", look)

    async def remove(
        self, tenant: Tenant, project_id: ProjectPath, version_id: VersionPath
    ) -> Response:
        """Remove a version that is neither active nor being built, as retention would."""
        caller = await self._authorize(tenant, project_id, changing=True)

        def remove(note: Callable[[TenantSession], None]) -> DeletedData:
            retention.remove_version(
                self._services.database,
                caller.scope.org_id,
                project_id,
                version_id,
                self._services.vectors,
                note=note,
            )
            return DeletedData(deleted=version_id)

        act = caller.act("version.remove", version_id)
        data = await self._services.pools.run("change", self._services.audit.by_steps, act, remove)
        return answer(data, caller.request_id)

    async def activate(
        self,
        tenant: Tenant,
        project_id: ProjectPath,
        version_id: VersionPath,
        body: ActivateRequest | None = None,
    ) -> Response:
        """Let a complete version answer from now on; an archived one too, which is a rollback."""
        caller = await self._authorize(tenant, project_id, changing=True)
        expected = (body.expected_version_id if body else None) or ...
        return await self._switch(
            caller,
            caller.act("version.activate", version_id),
            lambda session: versions.activate(session, project_id, version_id, expected=expected),
        )

    async def roll_back(self, tenant: Tenant, project_id: ProjectPath) -> Response:
        """Let the version answer again that did before the present one."""
        caller = await self._authorize(tenant, project_id, changing=True)
        act = caller.act("version.rollback")
        return await self._switch(
            caller, act, lambda session: versions.rollback(session, project_id)
        )

    async def _switch(
        self, caller: Caller, act: Act, change: Callable[[TenantSession], Version]
    ) -> Response:
        def switch(session: TenantSession) -> ActivateData:
            project_id = caller.project.project_id
            before = projects.get(session, project_id).active_version_id
            return ActivateData(
                project_id=project_id,
                active_version_id=change(session).version_id,
                previous_version_id=before,
            )

        return await self._services.respond_audited(
            caller, act, switch, after=lambda act, data: replace(act, target=data.active_version_id)
        )

    async def chunks(
        self, tenant: Tenant, project_id: ProjectPath, version_id: VersionPath
    ) -> Response:
        """Return every chunk of a version that the caller is shown, streamed.

        Of any size in constant memory.
        """
        caller = await self._authorize(tenant, project_id)

        def look(session: TenantSession) -> Export:
            found = versions.get(session, project_id, version_id)
            return export.chunks_as_json(found, shown_keys(session, found, caller.viewer))

        act = caller.act("export.chunks", version_id)
        wanted = await self._services.pools.run("status", self._services.audit.in_org, act, look)
        return await stream_rows(self._services, caller, "chunks", wanted)

    async def _authorize(
        self, tenant: Tenant, project_id: str, *, changing: bool = False
    ) -> Caller:
        needed: KeyScope = "manage" if changing else "query"
        return await self._services.authorizer.authorize(tenant, needed, "query", named=project_id)
