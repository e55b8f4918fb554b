"""Requests to each provider as a scripted server gets them, and what becomes of its answers."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coco_core.errors import (
    InvalidConfig,
    InvalidInput,
    RateLimited,
    Unauthorized,
    Unavailable,
    Unreadable,
)
from coco_flow.auth import add_transient_auth_entry
from coco_flow.errors import DefinitionError
from coco_flow.llm import (
    AzureOpenAiConfig,
    LlmApiType,
    OpenAiConfig,
    RequestLimits,
    RetryOptions,
    VertexAiConfig,
    set_request_limits,
)
from coco_flow.llm import client as client_module
from coco_flow.llm.client import EmbeddingClient, GenerationClient
from coco_flow.llm.dimensions import known_dimension
from coco_flow.llm.json_schema import build_schema
from coco_flow.llm.protocol import Correction, GenerateRequest
from coco_flow.llm.providers import provider_of
from tests.embedding_server import hashing
from tests.llm_server import LlmServer
from tests.waiting import until

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8
# Base URLs as their users write them.
PATHS = {
    LlmApiType.OPENAI: "/v1",
    LlmApiType.LITE_LLM: "",
    LlmApiType.OPEN_ROUTER: "/api/v1",
    LlmApiType.VLLM: "/v1",
    LlmApiType.NOVITA: "/openai/v1",
    LlmApiType.VOYAGE: "/v1",
}
CONFIGS: dict[LlmApiType, Any] = {
    LlmApiType.AZURE_OPENAI: AzureOpenAiConfig("my-deployment", "2025-01-01"),
    LlmApiType.VERTEX_AI: VertexAiConfig("my-project", "europe-west4"),
}
GENERATE_PATHS = {
    LlmApiType.OPENAI: "/v1/chat/completions",
    LlmApiType.AZURE_OPENAI: "/openai/deployments/my-deployment/chat/completions",
    LlmApiType.OLLAMA: "/api/generate",
    LlmApiType.GEMINI: "/v1beta/models/some-model:generateContent",
    LlmApiType.VERTEX_AI: "/v1/projects/my-project/locations/europe-west4/publishers/google"
    "/models/some-model:generateContent",
    LlmApiType.ANTHROPIC: "/v1/messages",
    LlmApiType.LITE_LLM: "/chat/completions",
    LlmApiType.OPEN_ROUTER: "/api/v1/chat/completions",
    LlmApiType.VLLM: "/v1/chat/completions",
    LlmApiType.BEDROCK: "/model/some-model/converse",
    LlmApiType.NOVITA: "/openai/v1/chat/completions",
}
EMBED_PATHS = {
    LlmApiType.OPENAI: "/v1/embeddings",
    LlmApiType.AZURE_OPENAI: "/openai/deployments/my-deployment/embeddings",
    LlmApiType.OLLAMA: "/api/embed",
    LlmApiType.GEMINI: "/v1beta/models/some-model:batchEmbedContents",
    LlmApiType.VERTEX_AI: "/v1/projects/my-project/locations/europe-west4/publishers/google"
    "/models/some-model:predict",
    LlmApiType.LITE_LLM: "/embeddings",
    LlmApiType.OPEN_ROUTER: "/api/v1/embeddings",
    LlmApiType.VLLM: "/v1/embeddings",
    LlmApiType.VOYAGE: "/v1/embeddings",
    LlmApiType.NOVITA: "/openai/v1/embeddings",
}
KEY_HEADERS = {
    LlmApiType.AZURE_OPENAI: ("api-key", "secret"),
    LlmApiType.GEMINI: ("x-goog-api-key", "secret"),
    LlmApiType.ANTHROPIC: ("x-api-key", "secret"),
}
FAST = RequestLimits(retry=RetryOptions(initial_backoff=timedelta(milliseconds=1)))


@pytest.fixture(autouse=True)
def fast() -> Iterator[None]:
    for api_type in LlmApiType:
        set_request_limits(api_type, FAST)
    yield
    for api_type in LlmApiType:
        set_request_limits(api_type, RequestLimits())


def options(server: LlmServer, api_type: LlmApiType, key: str = "secret") -> dict[str, Any]:
    return {
        "address": server.url + PATHS.get(api_type, ""),
        "api_key": add_transient_auth_entry(key),
        "api_config": CONFIGS.get(api_type),
    }


def generate(client: GenerationClient, **more: Any) -> str:
    schema = build_schema(dict, client.dialect)
    request = GenerateRequest(client.model, "the system", "the prompt", schema, **more)
    return asyncio.run(client.generate(request)).text


def embedding(server: LlmServer, api_type: LlmApiType = LlmApiType.OPENAI) -> EmbeddingClient:
    return EmbeddingClient(api_type, "some-model", **options(server, api_type))


@pytest.mark.parametrize("api_type", GENERATE_PATHS, ids=lambda each: each.value)
def test_every_provider_that_generates(server: LlmServer, api_type: LlmApiType) -> None:
    server.answer({"a": 1})
    client = GenerationClient(api_type, "some-model", **options(server, api_type))
    text = generate(client, image=PNG, corrections=(Correction("earlier", "no good"),))

    assert json.loads(text) == {"a": 1}
    (received,) = server.received
    assert received.path == GENERATE_PATHS[api_type]
    name, value = KEY_HEADERS.get(api_type, ("authorization", "Bearer secret"))
    assert received.headers[name] == value
    sent = json.dumps(received.body)
    for said in ("the system", "the prompt", "earlier", "no good"):
        assert said in sent
    assert base64.b64encode(PNG).decode() in sent


@pytest.mark.parametrize("api_type", EMBED_PATHS, ids=lambda each: each.value)
def test_every_provider_that_embeds(server: LlmServer, api_type: LlmApiType) -> None:
    texts = ["one two", "", "three", "one two"]
    client = embedding(server, api_type)
    vectors = asyncio.run(client.embed(texts, output_dimension=8, task_type="document"))

    expected = hashing(8)(["one two", " ", "three", "one two"])
    assert np.array_equal(np.array(vectors), expected)
    assert all(vector.dtype == np.float32 for vector in vectors)
    (received,) = server.received
    assert received.path == EMBED_PATHS[api_type]
    assert "8" in json.dumps(received.body)


def test_organization_and_project_of_openai(server: LlmServer) -> None:
    config = OpenAiConfig(org_id="my-org", project_id="my-project")
    client = EmbeddingClient(LlmApiType.OPENAI, "m", address=server.url, api_config=config)
    asyncio.run(client.embed(["a"]))
    headers = server.received[0].headers
    assert headers["openai-organization"] == "my-org"
    assert headers["openai-project"] == "my-project"
    assert "authorization" not in headers


def test_the_version_of_azure(server: LlmServer) -> None:
    asyncio.run(embedding(server, LlmApiType.AZURE_OPENAI).embed(["a"]))
    assert server.received[0].query == "api-version=2025-01-01"


def test_task_types_go_where_the_provider_has_them(server: LlmServer) -> None:
    for api_type in (LlmApiType.VOYAGE, LlmApiType.GEMINI, LlmApiType.VERTEX_AI):
        asyncio.run(embedding(server, api_type).embed(["a"], task_type="CODE"))
    voyage, gemini, vertex = server.bodies
    assert voyage["input_type"] == "CODE"
    assert gemini["requests"][0]["taskType"] == "CODE"
    assert vertex["instances"][0]["task_type"] == "CODE"


def test_the_newest_models_of_vertex_embed_one_text_a_request(server: LlmServer) -> None:
    client = EmbeddingClient(
        LlmApiType.VERTEX_AI, "gemini-embedding-001", **options(server, LlmApiType.VERTEX_AI)
    )
    assert len(asyncio.run(client.embed(["a", "b", "c"]))) == 3
    assert len(server.received) == 3


@pytest.mark.row("LL-2 provider matrix")
@pytest.mark.parametrize("api_type", LlmApiType, ids=lambda each: each.value)
def test_what_a_provider_has_not_is_refused_when_the_client_is_made(api_type: LlmApiType) -> None:
    config = CONFIGS.get(api_type)
    provider = provider_of(api_type)
    for kind, offered in (
        (EmbeddingClient, provider.embeds),
        (GenerationClient, provider.generates),
    ):
        if offered:
            kind(api_type, "m", api_config=config)
        else:
            with pytest.raises(DefinitionError, match="has no models that"):
                kind(api_type, "m", api_config=config)


@pytest.mark.row("LL-2 provider matrix")
def test_anthropic_and_bedrock_embed_nothing_and_voyage_generates_nothing() -> None:
    assert {each for each in LlmApiType if not provider_of(each).embeds} == {
        LlmApiType.ANTHROPIC,
        LlmApiType.BEDROCK,
    }
    assert [each for each in LlmApiType if not provider_of(each).generates] == [LlmApiType.VOYAGE]
    with pytest.raises(DefinitionError, match=r"ANTHROPIC.*Choose one of: AZURE_OPENAI, GEMINI"):
        EmbeddingClient(LlmApiType.ANTHROPIC, "claude")


@pytest.mark.parametrize(
    ("api_type", "config", "problem"),
    [
        (LlmApiType.VERTEX_AI, None, "needs its configuration"),
        (LlmApiType.AZURE_OPENAI, None, "needs its configuration"),
        (LlmApiType.OPENAI, VertexAiConfig("p"), "takes OpenAiConfig"),
        (LlmApiType.OLLAMA, OpenAiConfig(), "takes none"),
    ],
)
def test_a_configuration_that_is_not_the_provider_s(
    api_type: LlmApiType, config: Any, problem: str
) -> None:
    with pytest.raises(DefinitionError, match=problem):
        GenerationClient(api_type, "m", api_config=config)


@pytest.mark.row("LL-3 address priority")
def test_an_explicit_address_beats_the_variable_which_beats_the_default(
    server: LlmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing listens there.
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    client = EmbeddingClient(LlmApiType.OLLAMA, "m", address=server.url + "/")
    asyncio.run(client.embed(["a"]))
    assert server.received[0].path == "/api/embed"

    monkeypatch.setenv("OLLAMA_HOST", server.url.removeprefix("http://"))
    client = EmbeddingClient(LlmApiType.OLLAMA, "m")
    asyncio.run(client.embed(["a"]))
    assert len(server.received) == 2

    monkeypatch.delenv("OLLAMA_HOST")
    connection = asyncio.run(client._account.connect())
    assert connection.address == "http://localhost:11434"


@pytest.mark.row("LL-3 address priority")
def test_a_key_in_the_spec_beats_the_variable_and_both_are_read_at_run_time(
    server: LlmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_BASE", server.url)
    given = EmbeddingClient(LlmApiType.OPENAI, "m", api_key=add_transient_auth_entry("given"))
    from_environment = EmbeddingClient(LlmApiType.OPENAI, "m")
    monkeypatch.setenv("OPENAI_API_KEY", "first")
    asyncio.run(from_environment.embed(["a"]))
    monkeypatch.setenv("OPENAI_API_KEY", "second")
    asyncio.run(from_environment.embed(["a"]))
    asyncio.run(given.embed(["a"]))

    keys = [each.headers["authorization"] for each in server.received]
    assert keys == ["Bearer first", "Bearer second", "Bearer given"]


def test_a_missing_key_is_told_before_anything_is_sent() -> None:
    with pytest.raises(InvalidConfig, match=r"OPENAI_API_KEY is not set.*Set the environment"):
        asyncio.run(EmbeddingClient(LlmApiType.OPENAI, "m").embed(["a"]))


def test_azure_needs_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    client = EmbeddingClient(
        LlmApiType.AZURE_OPENAI, "m", api_config=AzureOpenAiConfig("deployment")
    )
    with pytest.raises(InvalidConfig, match="AZURE_OPENAI_API_KEY is not set"):
        asyncio.run(client.embed(["a"]))
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "k")
    with pytest.raises(InvalidConfig, match="AZURE_OPENAI_ENDPOINT is not set"):
        asyncio.run(client.embed(["a"]))


@pytest.mark.row("FN-10 retry")
@pytest.mark.row("ERR-4 retryable set")
@pytest.mark.parametrize("status", [429, 502, 503, 504, 529])
def test_a_refusal_that_passes_is_tried_again(server: LlmServer, status: int) -> None:
    server.fail(status, times=2)
    assert len(asyncio.run(embedding(server).embed(["a"]))) == 1
    assert len(server.received) == 3


@pytest.mark.row("FN-10 retry")
@pytest.mark.row("ERR-4 retryable set")
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidInput),
        (401, Unauthorized),
        (403, Unauthorized),
        (404, InvalidInput),
        (413, InvalidInput),
    ],
)
def test_a_refusal_that_lasts_fails_at_once(
    server: LlmServer, status: int, kind: type[Exception]
) -> None:
    server.fail(status, body={"error": {"message": "no, because"}})
    with pytest.raises(kind, match=rf"OpenAI at http://127.* HTTP {status}: 'no, because'"):
        asyncio.run(embedding(server).embed(["a"]))
    assert len(server.received) == 1


@pytest.mark.row("ERR-4 retryable set")
def test_a_connection_that_breaks_is_tried_again(server: LlmServer) -> None:
    server.reset(2)
    assert len(asyncio.run(embedding(server).embed(["a"]))) == 1
    assert len(server.received) == 3


@pytest.mark.row("ERR-4 retryable set")
def test_an_answer_that_does_not_come_is_tried_again(server: LlmServer) -> None:
    limits = RequestLimits(timeout=0.05, retry=FAST.retry)
    set_request_limits(LlmApiType.OPENAI, limits)
    client = embedding(server)
    server.gate.clear()

    async def main() -> Any:
        work = asyncio.create_task(client.embed(["a"]))
        await asyncio.to_thread(until, lambda: len(server.received) >= 3)
        server.gate.set()
        return await work

    assert len(asyncio.run(main())) == 1


def test_a_server_that_fails_is_tried_three_times(server: LlmServer) -> None:
    server.fail(500, times=9)
    with pytest.raises(Unavailable, match="HTTP 500"):
        asyncio.run(embedding(server).embed(["a"]))
    assert len(server.received) == 3


def test_a_server_that_is_not_there_is_tried_three_times() -> None:
    client = EmbeddingClient(LlmApiType.OLLAMA, "m", address="http://127.0.0.1:9")
    with pytest.raises(Unavailable, match=r"Ollama at http://127.0.0.1:9.*Is the server at"):
        asyncio.run(client.embed(["a"]))


def test_a_used_up_quota_is_not_waited_for(server: LlmServer) -> None:
    server.fail(429, times=5, body={"error": {"code": "insufficient_quota", "message": "pay"}})
    with pytest.raises(RateLimited, match="pay"):
        asyncio.run(embedding(server).embed(["a"]))
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "header", [{"retry-after": "0"}, {"retry-after-ms": "1"}, {"retry-after": "soon"}]
)
def test_what_a_server_asks_for_is_read(server: LlmServer, header: dict[str, str]) -> None:
    server.fail(429, headers=header)
    asyncio.run(embedding(server).embed(["a"]))
    assert len(server.received) == 2


def test_a_server_that_asks_for_more_time_than_there_is(server: LlmServer) -> None:
    server.fail(429, headers={"retry-after": "Fri, 31 Dec 2999 23:59:59 GMT"})
    with pytest.raises(RateLimited):
        asyncio.run(embedding(server).embed(["a"]))
    assert len(server.received) == 1


def test_an_answer_that_is_no_json(server: LlmServer) -> None:
    server.fail(200, times=3, body=b"<html>")
    with pytest.raises(Unavailable, match="something else than JSON: '<html>'"):
        asyncio.run(embedding(server).embed(["a"]))


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"data": []}, "sent 0 vectors of 'some-model' for 1 texts"),
        ({"data": [{"embedding": ["x"]}]}, "not numbers"),
        ({"data": [{"embedding": [[1.0]]}]}, "shape"),
        ({"nothing": 1}, "without the expected fields"),
    ],
)
def test_an_answer_of_another_shape(server: LlmServer, body: Any, problem: str) -> None:
    server.fail(200, body=body)
    with pytest.raises(Unreadable, match=problem):
        asyncio.run(embedding(server).embed(["a"]))


@pytest.mark.parametrize("api_type", GENERATE_PATHS, ids=lambda each: each.value)
def test_a_generated_answer_of_another_shape(server: LlmServer, api_type: LlmApiType) -> None:
    client = GenerationClient(api_type, "some-model", **options(server, api_type))
    server.fail(200, body={"nothing": 1})
    with pytest.raises(Unreadable, match="without the expected fields"):
        generate(client)


def test_a_model_that_refuses(server: LlmServer) -> None:
    client = GenerationClient(LlmApiType.OPENAI, "m", **options(server, LlmApiType.OPENAI))
    message = {"content": None, "refusal": "I will not."}
    server.fail(200, body={"choices": [{"message": message, "finish_reason": "stop"}]})
    with pytest.raises(Unreadable, match="refused: I will not"):
        generate(client)
    gemini = GenerationClient(LlmApiType.GEMINI, "m", **options(server, LlmApiType.GEMINI))
    server.fail(200, body={"promptFeedback": {"blockReason": "SAFETY"}})
    with pytest.raises(Unreadable, match="block reason 'SAFETY'"):
        generate(gemini)


def test_an_image_of_an_unknown_kind(server: LlmServer) -> None:
    client = GenerationClient(LlmApiType.OPENAI, "m", **options(server, LlmApiType.OPENAI))
    with pytest.raises(InvalidInput, match="Convert it to PNG"):
        generate(client, image=b"BM bitmap")
    assert not server.received


def test_many_texts_are_sent_side_by_side_in_batches(server: LlmServer) -> None:
    set_request_limits(LlmApiType.OPENAI, RequestLimits(max_concurrency=4))
    client = embedding(server)
    server.gate.clear()
    texts = [f"text {n}" for n in range(64 * 6)]

    async def main() -> Any:
        work = asyncio.create_task(client.embed(texts))
        await asyncio.to_thread(until, lambda: server.under_way == 4)
        server.gate.set()
        return await work

    vectors = asyncio.run(main())
    assert np.array_equal(np.array(vectors), hashing(8)(texts))
    assert [len(body["input"]) for body in server.bodies] == [64] * 6
    assert server.most_under_way == 4


def test_one_client_serves_several_loops_and_leaves_no_connection_open(
    server: LlmServer,
) -> None:
    client = embedding(server)
    for _ in range(3):
        asyncio.run(client.embed(["a"]))
    # A socket that is left open would warn here, and warnings are errors.
    gc.collect()
    assert len(server.received) == 3


def test_bedrock_signs_with_the_usual_credentials(
    server: LlmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("botocore")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    client = GenerationClient(LlmApiType.BEDROCK, "anthropic.claude-v1:0", address=server.url)
    server.answer({"a": 1})
    generate(client)

    (received,) = server.received
    assert received.path == "/model/anthropic.claude-v1:0/converse"
    authorization = received.headers["authorization"]
    assert authorization.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-central-1/bedrock/aws4_request" in authorization
    assert received.headers["x-amz-security-token"] == "session"
    # The signature is that of what was sent.
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    signed = authorization.split("SignedHeaders=")[1].split(",")[0].split(";")
    headers = {name: received.headers[name] for name in signed if name != "host"}
    url = f"{server.url}/model/anthropic.claude-v1%3A0/converse"
    request = AWSRequest("POST", url, headers=headers, data=received.raw)
    request.context["timestamp"] = received.headers["x-amz-date"]
    signer = SigV4Auth(Credentials("AKIDEXAMPLE", "example", "session"), "bedrock", "eu-central-1")
    text = signer.string_to_sign(request, signer.canonical_request(request))
    assert authorization.endswith(signer.signature(text, request))


def test_vertex_uses_the_application_s_default_credentials(
    server: LlmServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("google.auth")
    rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
    from cryptography.hazmat.primitives import serialization

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    account = {
        "type": "service_account",
        "project_id": "my-project",
        "private_key_id": "1",
        "private_key": key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
        "client_email": "robot@my-project.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": f"{server.url}/token",
    }
    file = tmp_path / "account.json"
    file.write_text(json.dumps(account), "utf-8")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    monkeypatch.setattr(client_module, "_google_credentials", [])
    client = EmbeddingClient(
        LlmApiType.VERTEX_AI,
        "text-embedding-005",
        address=server.url,
        api_config=VertexAiConfig("my-project"),
    )
    asyncio.run(client.embed(["a"]))
    asyncio.run(client.embed(["b"]))

    # One token serves both.
    assert [each.path.rpartition("/")[2] for each in server.received] == [
        "token",
        "text-embedding-005:predict",
        "text-embedding-005:predict",
    ]
    assert server.received[1].headers["authorization"] == "Bearer a-token"
    assert "/locations/global/" in server.received[1].path


def test_vertex_without_credentials_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("google.auth")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    monkeypatch.setattr(client_module, "_google_credentials", [])
    client = EmbeddingClient(LlmApiType.VERTEX_AI, "m", api_config=VertexAiConfig("p"))
    with pytest.raises(InvalidConfig, match=r"no access token.*VERTEX_AI_ACCESS_TOKEN"):
        asyncio.run(client.embed(["a"]))


def test_bedrock_without_credentials_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("botocore")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    client = GenerationClient(LlmApiType.BEDROCK, "m", address="http://127.0.0.1:9")
    with pytest.raises(InvalidConfig, match=r"BEDROCK_API_KEY, or AWS_ACCESS_KEY_ID"):
        generate(client)


@pytest.mark.parametrize(
    ("api_type", "model", "dimension"),
    [
        (LlmApiType.OPENAI, "text-embedding-3-small", 1536),
        (LlmApiType.OPENAI, "text-embedding-3-large", 3072),
        (LlmApiType.OPEN_ROUTER, "openai/text-embedding-ada-002", 1536),
        (LlmApiType.GEMINI, "gemini-embedding-001", 3072),
        (LlmApiType.GEMINI, "models/text-embedding-004", 768),
        (LlmApiType.VERTEX_AI, "text-multilingual-embedding-002", 768),
        (LlmApiType.VOYAGE, "voyage-code-3", 1024),
        (LlmApiType.VOYAGE, "voyage-3-lite", 512),
        (LlmApiType.OLLAMA, "nomic-embed-text:latest", 768),
        (LlmApiType.OLLAMA, "snowflake-arctic-embed:22m", 384),
        (LlmApiType.VLLM, "BAAI/bge-m3", 1024),
        (LlmApiType.OPENAI, "no-such-model", None),
        (LlmApiType.ANTHROPIC, "claude", None),
    ],
)
def test_known_dimensions(api_type: LlmApiType, model: str, dimension: int | None) -> None:
    assert known_dimension(api_type, model) == dimension
