"""The whole OpenAPI document under generated requests: no 5xx, and answers of the shape it says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.schemas import APIOperation, BaseSchema

from coco_core.version import __version__
from coco_server.api.app import create_app
from coco_server.api.services import build_services
from coco_server.settings import load_settings
from tests.api_service import Org, Running

# Requests for each operation and mode; the whole module stays below a minute on two cores.
EXAMPLES = {GenerationMode.POSITIVE: 8, GenerationMode.NEGATIVE: 4}


def _document() -> dict[str, Any]:
    """Return the document without a database: it depends on none."""
    settings_ = load_settings(
        {"host": "127.0.0.1"},
        environ={
            "COCO_META_DB": "postgresql://nobody@127.0.0.1/none",
            "COCO_BLOB_URL": "file:///tmp/coco-tests-none",
            "COCO_ADMIN_KEY": "0123456789abcdef",
        },
        insecure_dev=True,
    )
    return dict(create_app(build_services(settings_)).openapi())


DOCUMENT = _document()
schemathesis.serializer.alias("application/wasm", "application/octet-stream")
SCHEMA: BaseSchema = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS: list[APIOperation[Any, Any, Any, Any]] = [
    result.ok()  # type: ignore[union-attr]  # a broken operation shall fail here
    for result in SCHEMA.get_all_operations()
]


@dataclass(frozen=True)
class Target:
    """Where requests go, with what they may name."""

    service: Running
    org: Org
    ids: dict[str, str]
    removed: Org
    """With a project of its own, which is removed."""

    def used_by(self, operation: APIOperation[Any, Any, Any, Any]) -> Org:
        return self.removed if operation.label == "DELETE /v1/projects/{project_id}" else self.org


@pytest.fixture(scope="module")
def target(service: Running) -> Target:
    org = service.org("Fuzzed").with_project()
    version, job_id = org.build({"a": "some words", "b": "other words"})
    ids = {
        "project_id": org.project_id,
        "version_id": version.version_id,
        "job_id": job_id,
        "org_id": org.org_id,
        "config_id": "small",
    }
    return Target(service, org, ids, org.with_project("kb:removed"))


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30, trust_env=False) as client:
        yield client


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_no_request_breaks_the_service(
    operation: APIOperation[Any, Any, Any, Any],
    mode: GenerationMode,
    target: Target,
    client: httpx.Client,
) -> None:
    @given(case=operation.as_strategy(mode), inside=st.integers(0, 3))
    @settings(
        max_examples=EXAMPLES[mode],
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def run(case: schemathesis.Case[Any], inside: int) -> None:
        # Most requests come from inside, or nearly all would end at the door.
        if inside:
            ids = target.ids | {"project_id": target.used_by(operation).project_id}
            for name, value in ids.items():
                if name in (case.path_parameters or {}):
                    case.path_parameters[name] = value
        # No worker runs here, so that a job would be waited for in vain.
        (case.query or {}).pop("wait", None)
        sent = case.as_transport_kwargs(base_url=target.service.url)
        headers = {name: value for name, value in dict(sent["headers"]).items() if value}
        if inside:
            headers |= target.used_by(operation).headers
        if operation.path.startswith("/v1/sys") or operation.path == "/metrics":
            headers |= target.service.admin
        content = _content(sent, headers)
        request = client.build_request(
            sent["method"],
            sent["url"],
            headers=_as_bytes(headers),
            params=sent.get("params"),
            content=content,
        )
        _check(operation, client.send(request))

    try:
        run()
    except Exception as error:
        if type(error).__name__ == "Unsatisfiable":
            pytest.skip("nothing of this kind can be generated")
        raise


def _content(sent: dict[str, Any], headers: dict[str, Any]) -> bytes | None:
    if "json" in sent:
        headers["content-type"] = "application/json"
        return json.dumps(sent["json"]).encode()
    data = sent.get("data")
    return data.encode() if isinstance(data, str) else data


def _as_bytes(headers: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    # What no HTTP client can send is left out; the server's parser would refuse it anyway.
    texts = {name: re.sub(r"[^ -~\x80-\xff]", "", str(value)) for name, value in headers.items()}
    return [(name.encode(), text.strip().encode("latin-1")) for name, text in texts.items()]


def _check(operation: APIOperation[Any, Any, Any, Any], answer: httpx.Response) -> None:
    assert answer.status_code < 500, answer.text
    kind = answer.headers.get("content-type", "")
    if answer.status_code >= 400:
        error = answer.json()["error"]
        assert {"code", "message", "details", "request_id"} <= error.keys()
        assert error["request_id"] == answer.headers["x-request-id"]
    elif kind.startswith("application/json"):
        operation.validate_response(answer)


def test_the_document_is_of_this_release() -> None:
    assert DOCUMENT["info"]["version"] == __version__


def test_the_document_describes_every_answer() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for method, described in methods.items():
            assert described["description"], f"{method} {path}"
            assert "default" in described["responses"], f"{method} {path}"
