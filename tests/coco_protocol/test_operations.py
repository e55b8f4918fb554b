"""Operations: where a request's fields stand on the wire, and how they are called by name."""

from __future__ import annotations

from typing import Any

import pytest

from coco_core.errors import InvalidInput
from coco_protocol.base import Answer, EmptyRequest, Request
from coco_protocol.defaults import AdoptRequest, DefaultsRequest
from coco_protocol.docs import DocumentRequest, OutlineData, QueryRequest
from coco_protocol.local import LocalService
from coco_protocol.operations import Functions, Operation
from coco_protocol.projects import DropIndexRequest, ProjectList, RescanData


class Asked(LocalService):
    """Notes what it is asked, and answers by functions."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Request]] = []
        self.functions: Functions[Asked] = Functions()

    def call(self, operation: Operation[Any, Any], request: Request) -> Any:
        self.calls.append((operation.name, request))
        return self.functions.call(self, operation, request)


def test_an_operation_is_called_by_its_name() -> None:
    service = Asked()

    @service.functions.answers(LocalService.outline)
    def outline(_: Asked, request: DocumentRequest) -> OutlineData:
        if request.doc_id != "a.py":
            raise InvalidInput("There is only a.py.")
        return OutlineData(doc_id=request.doc_id, language="python", symbols=[])

    @service.functions.answers(LocalService.projects)
    def projects(_: Asked, request: EmptyRequest) -> ProjectList:
        return ProjectList(projects=[])

    request = DocumentRequest(doc_id="a.py")
    assert service.outline(request).language == "python"
    assert service.projects().projects == []
    assert service.calls == [("outline", request), ("projects", EmptyRequest())]
    with pytest.raises(InvalidInput):
        service.outline(DocumentRequest(doc_id="b.py"))


def test_fields_stand_in_the_path_the_query_string_or_the_body() -> None:
    outline, drop_index = LocalService.outline, LocalService.drop_index
    assert (outline.in_path, outline.in_query) == ((), ("doc_id", "project_id", "path"))
    assert outline.body_of(DocumentRequest(doc_id="a.py")) is None
    assert (drop_index.in_path, drop_index.in_query) == (("project_id", "config_id"), ())
    assert drop_index.body_of(DropIndexRequest(project_id="p", config_id="c")) is None
    question = QueryRequest(query="x")
    assert LocalService.query.body_of(question) is question
    assert LocalService.query.in_query == ()
    change = DefaultsRequest(indexing_config_id="small")
    assert LocalService.adopt.body_of(AdoptRequest(project_id="p", defaults=change)) is change


@pytest.mark.parametrize("operation", LocalService.operations(), ids=lambda each: each.name)
def test_each_operation_fits_its_route(operation: Operation[Any, Any]) -> None:
    assert getattr(LocalService, operation.name) is operation
    assert issubclass(operation.request, Request)
    assert issubclass(operation.answer, Answer)
    assert set(operation.in_path) <= set(operation.request.model_fields)
    if operation.in_path:
        # The body is one field then, and a field that may be missing cannot stand in a path.
        assert len(operation.in_body) <= 1
        assert all(operation.request.model_fields[name].is_required() for name in operation.in_path)


def test_no_two_operations_have_the_same_route() -> None:
    routes = [(each.method, each.path) for each in LocalService.operations()]
    assert len(routes) == len(set(routes)) == 33


def test_only_queries_bring_their_own_meta() -> None:
    bring = [each.name for each in LocalService.operations() if each.brings_meta]
    assert bring == ["query", "related"]
    assert LocalService.rescan.answer is RescanData
    assert not LocalService.rescan.brings_meta
