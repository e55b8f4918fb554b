"""Operation routes, mounted from the table of operations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from inspect import Parameter, Signature
from typing import Annotated, Any, TypeAlias

from fastapi import FastAPI, Header, Path, Query, Request, Response

from coco_core.errors import Forbidden, InvalidInput
from coco_local.api.security import is_loopback_peer
from coco_protocol.base import Identifier
from coco_protocol.envelope import HEADER_PROJECT, Envelope
from coco_protocol.local import LocalService
from coco_protocol.operations import Operation
from coco_protocol.serving.answers import ERRORS, answer
from coco_protocol.serving.errors import request_id_of
from coco_protocol.serving.pools import ThreadPools

__all__ = ["add_operations"]

_Operation: TypeAlias = Operation[Any, Any]

_ProjectHeader: TypeAlias = Annotated[
    Identifier | None, Header(alias=HEADER_PROJECT, description="The project, by its id.")
]


def add_operations(app: FastAPI, service: LocalService, pools: ThreadPools) -> None:
    """Add the route of every operation to ``app``."""
    for operation in LocalService.operations():
        app.add_api_route(
            operation.path,
            _endpoint(operation, service, pools),
            methods=[operation.method],
            name=operation.name,
            description=operation.description,
            response_model=(
                operation.answer if operation.brings_meta else Envelope[operation.answer]  # type: ignore[name-defined]  # a type at run time
            ),
            responses=ERRORS,
            tags=[operation.tag],
        )


def _endpoint(
    operation: _Operation, service: LocalService, pools: ThreadPools
) -> Callable[..., Awaitable[Response]]:
    async def endpoint(request: Request, *, header: str | None = None, **given: object) -> Response:
        if operation.own_machine and not is_loopback_peer(request):
            raise Forbidden(
                f"Only programs on the daemon's own machine may call {operation.name!r}.",
                hint="Run the command on that machine.",
            )
        asked = _request_of(operation, given)
        if header is not None:
            named = _chosen_project(header, asked.project_id)
            asked = asked.model_copy(update={"project_id": named})
        found = await pools.run(operation.lane, service.call, operation, asked)
        if isinstance(found, Envelope):
            return answer(found.data, request_id_of(request), found.meta)
        return answer(found, request_id_of(request))

    # What FastAPI reads the route's parameters from.
    endpoint.__signature__ = Signature(list(_parameters(operation)))  # type: ignore[attr-defined]
    return endpoint


def _parameters(operation: _Operation) -> Iterator[Parameter]:
    yield Parameter("request", Parameter.KEYWORD_ONLY, annotation=Request)
    fields = operation.request.model_fields
    for name in (*operation.in_path, *operation.in_query):
        field = fields[name]
        place = Path if name in operation.in_path else Query
        yield Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if field.is_required() else field.default,
            annotation=Annotated[
                (field.annotation, *field.metadata, place(description=field.description))
            ],
        )
    if operation.in_body:
        body = fields[operation.in_body[0]].annotation if operation.in_path else operation.request
        yield Parameter("body", Parameter.KEYWORD_ONLY, annotation=body)
    if "project_id" in fields and not fields["project_id"].is_required():
        yield Parameter("header", Parameter.KEYWORD_ONLY, default=None, annotation=_ProjectHeader)


def _request_of(operation: _Operation, given: dict[str, object]) -> Any:
    """Return the request; FastAPI has checked its parts."""
    if "body" not in given:
        return operation.request(**given)
    body = given.pop("body")
    return operation.request(**given, **{operation.in_body[0]: body}) if given else body


def _chosen_project(header: str, body: str | None) -> str:
    """Return the project that a request names.

    Raises:
        InvalidInput: header and body name different projects.
    """
    if body is not None and header != body:
        raise InvalidInput(
            f"The header {HEADER_PROJECT} names the project {header!r} and the body {body!r}.",
            hint="Name the project once.",
            details={"header": header, "body": body},
        )
    return header
