"""Specs of the server target: connections, keys, and fields that do not fit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from coco_core.errors import Unauthorized
from coco_flow.errors import DefinitionError
from coco_flow.targets import coco_publish
from coco_flow.targets.coco_server import CocoServer, CocoServerConnection
from coco_flow.targets.registry import connector_of
from coco_server.dev.stack import DevStack
from tests.coco_flow.coco_targets.server_flows import Server, documents_flow
from tests.coco_flow.targets.rows import export_schema
from tests.flow_parts import rows_of

pytestmark = pytest.mark.usefixtures("state")


def test_a_lost_file_of_content_is_an_error_and_not_half_a_project(
    stack: DevStack, connection: Any, project: str, tmp_path: Path
) -> None:
    rows_of("pages")["a.md"] = "a text"
    rows_of("pages")["b.md"] = "b text"
    flow = documents_flow(project, connection)
    flow.setup()
    flow.update()
    (content,) = tmp_path.rglob("coco_server/*.db")
    content.unlink()
    rows_of("pages")["b.md"] = "b text, changed"
    info = flow.update()
    assert info.has_errors
    assert len(Server(stack, project).versions()) == 1
    flow.drop()
    flow.setup()
    flow.update()
    assert [each[2] for each in Server(stack, project).chunks()] == ["a text", "b text, changed"]


def test_the_environment_names_the_server(
    stack: DevStack, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = stack.access
    assert access is not None
    for name in [each for each in os.environ if each.startswith("COCO")]:
        monkeypatch.delenv(name)
    rows_of("pages")["a.md"] = "a text"
    flow = documents_flow(project, None)
    with pytest.raises(DefinitionError, match="COCO, COCO_KEY, COCO_ORG are not set"):
        flow.setup()
    monkeypatch.setenv("COCO", access.url)
    monkeypatch.setenv("COCO_KEY", access.api_key)
    monkeypatch.setenv("COCO_ORG", access.org_id)
    with pytest.raises(DefinitionError, match="has no admin_key to register or find it"):
        flow.setup()
    monkeypatch.setenv("COCO_ADMIN", access.admin_key)
    flow.setup()
    flow.update()
    project_id = Server(stack, project).project_id
    # By its id, no administrator is needed.
    monkeypatch.delenv("COCO_ADMIN")
    flow.close()
    by_id = documents_flow(project_id, None)
    by_id.setup()
    rows_of("pages")["a.md"] = "another text"
    by_id.update()
    assert [each[2] for each in Server(stack, project).chunks()] == ["another text"]


def test_a_wrong_key_is_refused_in_words(stack: DevStack) -> None:
    access = stack.access
    assert access is not None
    wrong = CocoServerConnection(access.url, "k", access.org_id, admin_key="wrong")
    with pytest.raises(Unauthorized, match="The key is not known"):
        coco_publish.project_id_of(wrong, "kb:any", None)
    assert "wrong" not in repr(wrong)


@pytest.mark.parametrize(
    ("key", "value", "spec", "message"),
    [
        ({"id": str}, {"body": str}, {}, "needs a field with the content"),
        ({"id": str}, {"text": str, "symbol": str}, {}, "symbol describe a chunk"),
        ({"id": str}, {"text": str}, {"on_error": "stop"}, "on_error is 'stop'"),
        (
            {"id": str},
            {"text": str},
            {"fields": {"tags": "text"}},
            "which is Str and not Texts",
        ),
        ({"id": str}, {"text": str}, {"project": ""}, "has no project"),
    ],
)
def test_what_does_not_fit_is_said_when_the_flow_is_built(
    key: dict[str, Any], value: dict[str, Any], spec: dict[str, Any], message: str
) -> None:
    made = CocoServer(**{"project": "kb:x", **spec})
    connector: Any = connector_of(made)
    with pytest.raises(DefinitionError, match=message):
        connector.setup_state(made, export_schema(key, value))
