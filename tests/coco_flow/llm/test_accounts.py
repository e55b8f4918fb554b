"""Addresses, keys and credentials of accounts with providers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from coco_core.errors import InvalidConfig
from coco_flow.auth import add_transient_auth_entry
from coco_flow.llm import AzureOpenAiConfig, LlmApiType, VertexAiConfig
from coco_flow.llm import client as client_module
from coco_flow.llm.client import EmbeddingClient, GenerationClient
from tests.coco_flow.llm.calls import generate
from tests.llm_server import LlmServer

pytestmark = pytest.mark.usefixtures("fast_retries")


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


def test_a_missing_key_is_reported_before_anything_is_sent() -> None:
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
