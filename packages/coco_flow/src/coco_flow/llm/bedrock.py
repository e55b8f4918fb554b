"""Amazon Bedrock's protocol: the Converse API; a tool that the model must call has the schema."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from coco_core.errors import InvalidConfig
from coco_flow.errors import missing_extra
from coco_flow.llm.json_schema import SchemaDialect
from coco_flow.llm.protocol import (
    Answer,
    Connection,
    GenerateRequest,
    HttpCall,
    image_type,
    malformed,
)

__all__ = ["BedrockProtocol", "bedrock_address", "sign"]

_TOOL = "report_result"
_LONGEST_ANSWER = 4096
_REGION_VARIABLES = ("BEDROCK_REGION", "AWS_REGION", "AWS_DEFAULT_REGION")
_DEFAULT_REGION = "us-east-1"


class BedrockProtocol:
    """``/model/{model}/converse``."""

    dialect = SchemaDialect()

    def generate(self, connection: Connection, request: GenerateRequest) -> HttpCall:
        """Ask for a message that calls the tool."""
        messages = [{"role": "user", "content": _content(request)}]
        for correction in request.corrections:
            messages.append({"role": "assistant", "content": [{"text": correction.answer}]})
            messages.append({"role": "user", "content": [{"text": correction.problem}]})
        body: dict[str, Any] = {
            "system": [{"text": request.system}],
            "messages": messages,
            "inferenceConfig": {"maxTokens": _LONGEST_ANSWER},
        }
        if request.structured:
            tool = {
                "name": _TOOL,
                "description": "Report the result of the task.",
                "inputSchema": {"json": request.schema.document},
            }
            # Not every family of models can be made to call one tool; with one tool it is chosen.
            body["toolConfig"] = {"tools": [{"toolSpec": tool}]}
        url = f"{connection.address}/model/{quote(request.model, safe='')}/converse"
        headers = {"Authorization": f"Bearer {connection.key}"} if connection.key else {}
        return HttpCall(url, body, headers)

    def answer(self, body: Any) -> Answer:
        """Read the tool's input, or the text where the model called none."""
        try:
            blocks = body["output"]["message"]["content"]
            cut = body.get("stopReason") == "max_tokens"
            for block in blocks:
                if "toolUse" in block:
                    return Answer(json.dumps(block["toolUse"]["input"], ensure_ascii=False), cut)
            texts = [block["text"] for block in blocks if "text" in block]
        except (LookupError, TypeError, AttributeError) as error:
            raise malformed("Bedrock", body) from error
        if not texts:
            raise malformed("Bedrock", body)
        return Answer("".join(texts), cut)


def bedrock_address() -> str:
    """Return the address of the region that the environment names."""
    return f"https://bedrock-runtime.{_region()}.amazonaws.com"


def sign(call: HttpCall, content: bytes) -> Mapping[str, str]:
    """Return the headers of a request signed with the usual AWS credentials (Signature V4).

    Raises:
        ExtraMissing: botocore is not installed.
        InvalidConfig: botocore finds no credentials.
    """
    try:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.session import Session
    except ImportError as error:
        raise missing_extra(
            "Bedrock without a bearer token (BEDROCK_API_KEY)", "botocore", "bedrock"
        ) from error
    credentials = Session().get_credentials()
    if credentials is None:
        raise InvalidConfig(
            "Bedrock needs credentials, but neither BEDROCK_API_KEY nor AWS credentials are set.",
            hint="Set BEDROCK_API_KEY, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        )
    headers = {"Content-Type": "application/json", **call.headers}
    request = AWSRequest("POST", call.url, headers=headers, data=content)
    SigV4Auth(credentials.get_frozen_credentials(), "bedrock", _region()).add_auth(request)
    return dict(request.headers.items())


def _region() -> str:
    return next((found for name in _REGION_VARIABLES if (found := os.environ.get(name))), "") or (
        _DEFAULT_REGION
    )


def _content(request: GenerateRequest) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = []
    if request.image is not None:
        kind = image_type(request.image).removeprefix("image/")
        encoded = base64.b64encode(request.image).decode("ascii")
        content.append({"image": {"format": kind, "source": {"bytes": encoded}}})
    if request.prompt:
        content.append({"text": request.prompt})
    return content
