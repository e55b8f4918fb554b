"""The routes over flows; each is one operation on one flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body, Query, Request

from coco_core.errors import NotFound
from coco_flow.flow.context import context
from coco_flow.flow.inspection import flow_schema, known_keys, parsed_key, row_lineage, row_state
from coco_flow.server.answers import shown_output
from coco_flow.types.codec import unpack_key

if TYPE_CHECKING:
    from coco_flow.flow.flow import Flow
    from coco_flow.flow.live import FlowLiveUpdater
    from coco_flow.query_handler import QueryHandler

__all__ = ["make_router"]

Limit = Annotated[int, Query(ge=1, le=10_000)]
Offset = Annotated[int, Query(ge=0)]


def make_router(live: dict[str, FlowLiveUpdater]) -> APIRouter:
    """Return the routes; `live` are the updaters that run together with the server."""
    router = APIRouter()
    _add_flow_routes(router, live)
    _add_row_routes(router)
    _add_query_routes(router)
    return router


def _add_flow_routes(router: APIRouter, live: dict[str, FlowLiveUpdater]) -> None:
    @router.get("/flows")
    def list_flows() -> list[str]:
        """List the names of the application's flows."""
        return sorted(context.flows())

    @router.get("/flows/{flow_name}")
    def get_flow(flow_name: str) -> dict[str, Any]:
        """Return a flow's graph: sources, operations with types, collectors, exports."""
        flow = context.flow(flow_name)
        return {
            "flow_spec": flow.describe(),
            "query_handlers": {
                name: _described(handler) for name, handler in flow.query_handlers.items()
            },
        }

    @router.get("/flows/{flow_name}/schema")
    def get_schema(flow_name: str) -> dict[str, Any]:
        """Return the schema of each source's rows, nested tables included, and of the exports."""
        return flow_schema(context.flow(flow_name))

    @router.get("/flows/{flow_name}/stats")
    def get_stats(flow_name: str) -> dict[str, Any]:
        """Return rows by source, failures, the latest updates, and live statistics."""
        flow = context.flow(flow_name)
        flow_id = flow.store.flow_id(flow.full_name)
        sources = flow.store.sources(flow_id) if flow_id is not None else {}
        updater = live.get(flow_name)
        return {
            "rows": {name: flow.store.count_rows(number) for name, number in sources.items()},
            "errors": flow.store.count_errors(flow_id) if flow_id is not None else 0,
            "updates": flow.store.runs(flow_id) if flow_id is not None else [],
            "live": updater.update_stats().to_json() if updater is not None else None,
        }

    @router.get("/flows/{flow_name}/errors")
    def get_errors(flow_name: str, limit: Limit = 100) -> list[dict[str, Any]]:
        """List the rows that failed, the latest first."""
        flow = context.flow(flow_name)
        flow_id = flow.store.flow_id(flow.full_name)
        found = flow.store.errors(flow_id, limit) if flow_id is not None else []
        return [
            {**error._asdict(), "key": [str(part) for part in unpack_key(error.key)]}
            for error in found
        ]

    @router.post("/flows/{flow_name}/update")
    def update(flow_name: str) -> dict[str, Any]:
        """Bring the flow's targets in step with its sources; returns when that is done."""
        return {"stats": context.flow(flow_name).update().to_json()}


def _add_row_routes(router: APIRouter) -> None:
    @router.get("/flows/{flow_name}/keys")
    def get_keys(
        flow_name: str, field: str, limit: Limit = 100, offset: Offset = 0
    ) -> list[dict[str, Any]]:
        """List keys of the source `field` that have been processed."""
        return known_keys(context.flow(flow_name), field, limit, offset)

    @router.get("/flows/{flow_name}/data")
    def get_data(flow_name: str, field: str, key: Annotated[list[str], Query()]) -> dict[str, Any]:
        """Return one row with every value computed from it, what it exports, and its state.

        The row is read from its source and evaluated now, with results from the memo.
        """
        flow = context.flow(flow_name)
        return row_lineage(flow, field, parsed_key(flow, field, key))

    @router.get("/flows/{flow_name}/rowStatus")
    def get_row_status(
        flow_name: str, field: str, key: Annotated[list[str], Query()]
    ) -> dict[str, Any]:
        """Return what is recorded of a row: whether it is current, its target rows, its failure."""
        flow = context.flow(flow_name)
        state = row_state(flow, field, parsed_key(flow, field, key))
        if state is None:
            raise NotFound(f"No row of {field!r} with the key {key!r} has been processed.")
        return state


def _add_query_routes(router: APIRouter) -> None:
    @router.get("/flows/{flow_name}/queryHandlers/{handler}")
    def query_by_url(flow_name: str, handler: str, request: Request) -> dict[str, Any]:
        """Ask a query handler; its arguments are the URL's parameters."""
        found = _handler(context.flow(flow_name), handler)
        return _ask(found, dict(request.query_params), named_lists=True)

    @router.post("/flows/{flow_name}/query/{handler}")
    def query_by_body(
        flow_name: str, handler: str, arguments: Annotated[dict[str, Any], Body()]
    ) -> dict[str, Any]:
        """Ask a query handler; its arguments are the members of the body."""
        return _ask(_handler(context.flow(flow_name), handler), arguments, named_lists=False)


def _handler(flow: Flow, name: str) -> QueryHandler:
    handlers = flow.query_handlers
    if name not in handlers:
        raise NotFound(
            f"Flow {flow.name!r} has no query handler {name!r}.",
            hint=f"It has: {', '.join(handlers) or 'none'}.",
        )
    return handlers[name]


def _ask(handler: QueryHandler, given: dict[str, Any], *, named_lists: bool) -> dict[str, Any]:
    return shown_output(handler(**handler.arguments_of(given)), named_lists=named_lists)


def _described(handler: QueryHandler) -> dict[str, Any]:
    fields = handler.result_fields
    return {
        "parameters": {
            name: getattr(parameter.annotation, "__name__", str(parameter.annotation))
            for name, parameter in handler.parameters.items()
        },
        "result_fields": None
        if fields is None
        else {"embedding": fields.embedding, "score": fields.score},
    }
