"""Every error of every route has the one shape, and no input makes the API fail."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coco_core.errors import CocoError, ModelMissing, Unreadable
from coco_local.api.app import create_app
from coco_protocol.envelope import ErrorEnvelope
from coco_protocol.serving.guard import MAX_BODY_BYTES
from tests.coco_local.api.conftest import serve, settings_for
from tests.fake_service import FakeService, demo_service

pytestmark = pytest.mark.slow

Schema = dict[str, Any]

# Endless by nature; their errors are tested with the streams.
STREAMS = {"stats_stream", "job_events"}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Schema:
    home = tmp_path_factory.mktemp("home")
    return create_app(demo_service(), settings_for(home)).openapi()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    home = tmp_path_factory.mktemp("home")
    with (
        serve(demo_service(), settings_for(home)) as url,
        httpx.Client(base_url=url, timeout=10, trust_env=False) as client,
    ):
        yield client


def check_error(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"meta", "error"}
    assert set(body["error"]) == {"code", "message", "hint", "details", "request_id"}
    assert body["error"]["code"] == code
    assert body["error"]["message"]
    assert body["meta"] == {"status": "error", "request_id": body["error"]["request_id"]}
    assert answer.headers["x-request-id"] == body["error"]["request_id"]
    assert "Traceback" not in answer.text
    return dict(body["error"])


def operations(document: Schema) -> list[tuple[str, str, Schema]]:
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation["operationId"] not in STREAMS
    ]


def test_bad_bodies_of_every_route(shared: httpx.Client, document: Schema) -> None:
    seen = 0
    for method, path, operation in operations(document):
        if "requestBody" not in operation:
            continue
        seen += 1
        for content in (b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b"[" * 100_000):
            answer = shared.request(
                method, path, content=content, headers={"content-type": "application/json"}
            )
            check_error(answer, 400, "invalid_input")
        error = check_error(
            shared.request(method, path, json={"surprise": 1}), 400, "invalid_input"
        )
        fields = {field["field"]: field["expected"] for field in error["details"]["fields"]}
        assert fields["body.surprise"] == "there is no such field"
        check_error(
            shared.request(method, path, content=b"{}", headers={"content-type": "text/plain"}),
            415,
            "unsupported_media_type",
        )
    assert seen == 13


def test_wrong_methods_name_the_right_ones(shared: httpx.Client, document: Schema) -> None:
    for path, methods in document["paths"].items():
        answer = shared.request("PATCH", path)
        check_error(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == ", ".join(sorted(name.upper() for name in methods))


def test_cross_origin_preflight_gets_no_permission(shared: httpx.Client) -> None:
    answer = shared.options(
        "/v1/docs/query",
        headers={"origin": "http://localhost:8080", "access-control-request-method": "POST"},
    )
    check_error(answer, 405, "method_not_allowed")
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/docs/query/", "/docs/oauth2-redirect", "/redoc"])
def test_unknown_routes(shared: httpx.Client, path: str) -> None:
    check_error(shared.get(path), 404, "not_found")


def test_a_wrong_field_is_named_with_its_value_and_what_is_expected(shared: httpx.Client) -> None:
    body = {"query": "x", "retrieval_config": {"top_k": "10", "hybrid_alpha": 2}}
    error = check_error(shared.post("/v1/docs/query", json=body), 400, "invalid_input")
    assert error["details"]["fields"] == [
        {
            "field": "body.retrieval_config.top_k",
            "expected": "Input should be a valid integer",
            "given": "'10'",
        },
        {
            "field": "body.retrieval_config.hybrid_alpha",
            "expected": "Input should be less than or equal to 1",
            "given": "2",
        },
    ]
    assert "top_k" in error["message"]


@pytest.mark.parametrize(
    "content",
    [
        b'{"query": "a\\u0000b"}',
        b'{"query": "a\\ud800b"}',
        b'{"query": "x", "retrieval_config": {"min_score": NaN}}',
        b'{"query": "x", "retrieval_config": {"min_score": 1e999}}',
        b'{"query": "x", "path": "/projects/demo\\u0000"}',
    ],
)
def test_texts_and_numbers_that_nothing_can_hold(shared: httpx.Client, content: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = shared.post("/v1/docs/query", content=content, headers=headers)
    check_error(answer, 400, "invalid_input")


def test_a_body_declared_as_large_is_refused_before_it_is_sent(shared: httpx.Client) -> None:
    connection = http.client.HTTPConnection(shared.base_url.host, shared.base_url.port, timeout=10)
    connection.putrequest("POST", "/v1/docs/query")
    connection.putheader("content-type", "application/json")
    connection.putheader("content-length", str(MAX_BODY_BYTES + 1))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert ErrorEnvelope.model_validate_json(answer.read()).error.code == "body_too_large"
    connection.close()


def test_a_large_body_without_a_length_is_refused(shared: httpx.Client) -> None:
    chunks = (b" " * 1_000_000 for _ in range(12))
    headers = {"content-type": "application/json"}
    answer = shared.post("/v1/docs/query", content=chunks, headers=headers)
    check_error(answer, 413, "body_too_large")


def test_many_wrong_fields_do_not_make_a_large_answer(shared: httpx.Client) -> None:
    body = {f"field{number}": "x" * 5000 for number in range(500)}
    answer = shared.post("/v1/docs/query", json=body)
    error = check_error(answer, 400, "invalid_input")
    assert error["details"]["problems"] == 501
    assert len(answer.content) < 10_000


def test_a_compressed_body_is_refused(shared: httpx.Client) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    answer = shared.post("/v1/docs/query", content=b"\x1f\x8b", headers=headers)
    check_error(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [
        (ModelMissing("No model.", hint="coco setup"), 503, "model_missing"),
        (Unreadable("Cannot decode."), 422, "unreadable"),
        (CocoError("The writer is gone."), 500, "internal"),
    ],
)
def test_errors_of_the_service_keep_code_and_status(
    client: httpx.Client, service: FakeService, raised: CocoError, status: int, code: str
) -> None:
    def fail() -> None:
        raise raised

    service.before_query = fail
    answer = client.post("/v1/docs/query", json={"query": "x"})
    error = check_error(answer, status, code)
    assert (error["message"], error["hint"]) == (raised.message, raised.hint)
    assert ("retry-after" in answer.headers) == raised.retryable


def test_what_nobody_meant_to_raise_is_logged_and_not_shown(
    client: httpx.Client, service: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise RuntimeError("secret detail of the query 'launch codes'")

    service.before_query = fail
    answer = client.post("/v1/docs/query", json={"query": "launch codes"})
    error = check_error(answer, 500, "internal")
    assert "secret" not in answer.text
    assert error["request_id"] in error["hint"]
    logged = capsys.readouterr().out
    assert "secret detail" in logged
    assert error["request_id"] in logged
    assert client.get("/v1/sys/health").status_code == 200


# ---- any input: what the schema allows, what it does not, and both at once --------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)


def values(schema: Schema, document: Schema) -> st.SearchStrategy[object]:
    """Return values that mostly fit a schema, and any other ones."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return objects(document["components"]["schemas"][name], document)
    if "anyOf" in schema:
        return st.one_of([values(option, document) for option in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    fitting: dict[str, st.SearchStrategy[object]] = {
        "string": st.sampled_from(["greet", "demo", "src/app.py", "/projects/demo", "default"])
        | st.text(max_size=30),
        "integer": st.integers(-1, 2000),
        "number": st.floats(-1, 2),
        "boolean": st.booleans(),
        "null": st.none(),
    }
    if schema.get("type") == "array":
        return st.lists(values(schema["items"], document), max_size=3)
    return fitting.get(str(schema.get("type")), JSON)


def objects(model: Schema, document: Schema) -> st.SearchStrategy[object]:
    required = set(model.get("required", ()))
    fields = {
        name: values(schema, document) | JSON if name not in required else values(schema, document)
        for name, schema in model["properties"].items()
    }
    return st.fixed_dictionaries(
        {name: fields[name] for name in required},
        optional={name: fields[name] for name in fields if name not in required},
    )


@st.composite
def requests(draw: st.DrawFn, document: Schema) -> tuple[str, str, Schema, Schema]:
    method, path, operation = draw(st.sampled_from(operations(document)))
    arguments: Schema = {"headers": {}, "params": {}}
    for parameter in operation.get("parameters", ()):
        if not parameter["required"] and draw(st.booleans()):
            continue
        value = str(draw(values(parameter["schema"], document)))
        if parameter["in"] == "path":
            path = path.replace("{%s}" % parameter["name"], quote(value, safe=""))  # noqa: UP031 - braces
        elif parameter["in"] == "query":
            arguments["params"][parameter["name"]] = value
        else:
            arguments["headers"][parameter["name"]] = quote(value)
    if "requestBody" in operation:
        (content,) = operation["requestBody"]["content"].values()
        body = draw(values(content["schema"], document) | JSON)
        arguments["content"] = json.dumps(body).encode()
        arguments["headers"]["content-type"] = "application/json"
    return method, path, arguments, operation


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_input_gets_a_documented_answer(
    shared: httpx.Client, document: Schema, data: st.DataObject
) -> None:
    method, path, arguments, operation = data.draw(requests(document))
    answer = shared.request(method, path, **arguments)
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        check_error(answer, answer.status_code, answer.json()["error"]["code"])
        ErrorEnvelope.model_validate_json(answer.content)
        return
    content = operation["responses"]["200"]["content"]
    if "application/json" in content:
        schema = {**content["application/json"]["schema"], "components": document["components"]}
        jsonschema.Draft202012Validator(schema).validate(answer.json())
