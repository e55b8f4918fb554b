"""Parameters that routes of several groups have: the tenant's headers, and ids in paths."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import Depends, Header, Path

from coco_protocol.base import Identifier

__all__ = ["OrgHeader", "ProjectPath", "TenantHeaders"]

ProjectPath: TypeAlias = Annotated[Identifier, Path(description="The project's id.")]

OrgHeader: TypeAlias = Annotated[
    Identifier, Header(alias="x-coco-org-id", description="The org of the key.")
]


def _headers(
    org: OrgHeader,
    user: Annotated[
        Identifier, Header(alias="x-coco-user-id", description="On whose behalf the key is used.")
    ],
    project: Annotated[Identifier, Header(alias="x-coco-project-id", description="The project.")],
) -> tuple[str, str, str]:
    return org, user, project


TenantHeaders: TypeAlias = Annotated[tuple[str, str, str], Depends(_headers)]
"""Org, user and project, as the request's headers say."""
