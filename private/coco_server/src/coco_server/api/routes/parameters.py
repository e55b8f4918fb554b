"""Parameters that routes of several groups have: the tenant's headers, and ids in paths."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import Depends, Header, Path
from pydantic import BeforeValidator
from starlette.requests import HTTPConnection

from coco_protocol.base import Identifier
from coco_server.auth.authorize import TenantRequest
from coco_server.auth.header_text import header_text

__all__ = ["OrgHeader", "ProjectPath", "Tenant"]

ProjectPath: TypeAlias = Annotated[Identifier, Path(description="The project's id.")]

OrgHeader: TypeAlias = Annotated[
    Identifier, Header(alias="x-coco-org-id", description="The org of the key.")
]


def _tenant(
    connection: HTTPConnection,
    org: OrgHeader,
    user: Annotated[
        Identifier,
        BeforeValidator(header_text),
        Header(alias="x-coco-user-id", description="On whose behalf the key is used; in UTF-8."),
    ],
    project: Annotated[Identifier, Header(alias="x-coco-project-id", description="The project.")],
) -> TenantRequest:
    return TenantRequest(connection, org, user, project)


Tenant: TypeAlias = Annotated[TenantRequest, Depends(_tenant)]
"""The request with the org, user and project that its headers name."""
