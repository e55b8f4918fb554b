"""Contracts of providers' APIs: requests and answers as plain data, without I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from coco_core.errors import InvalidInput, Unreadable
from coco_flow.llm.json_schema import JsonSchema, SchemaDialect
from coco_flow.llm.spec import LlmApiConfig

__all__ = [
    "Answer",
    "Connection",
    "Correction",
    "EmbedRequest",
    "EmbeddingApi",
    "GenerateRequest",
    "GenerationApi",
    "HttpCall",
    "image_type",
    "malformed",
]


@dataclass(frozen=True, slots=True)
class Connection:
    """An account: where requests go, and what they carry.

    Attributes:
        title: The provider's name in messages.
        address: Base URL without a slash at its end.
        key: The key or token, if there is one.
        config: The provider's configuration, if it has one.
    """

    title: str
    address: str
    key: str | None
    config: LlmApiConfig | None = None


@dataclass(frozen=True, slots=True)
class Correction:
    """An earlier answer of the model, and what was wrong with it."""

    answer: str
    problem: str


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """A request for an answer that follows a schema.

    Attributes:
        model: The provider's name of the model.
        system: The instruction to the model.
        prompt: The text to work on; may be empty when there is an image.
        schema: What the answer must look like.
        image: An image to work on.
        corrections: Answers to this request that were not valid, oldest first.
        structured: False to put the schema into the prompt only, for servers without a
            structured mode.
    """

    model: str
    system: str
    prompt: str
    schema: JsonSchema
    image: bytes | None = None
    corrections: tuple[Correction, ...] = ()
    structured: bool = True


@dataclass(frozen=True, slots=True)
class EmbedRequest:
    """A request for the vectors of some texts."""

    model: str
    texts: Sequence[str]
    output_dimension: int | None = None
    task_type: str | None = None


@dataclass(frozen=True, slots=True)
class HttpCall:
    """A POST of JSON."""

    url: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered: JSON as text, and whether it was cut at the limit of its length."""

    text: str
    cut: bool = False


class GenerationApi(Protocol):
    """The part of a provider's API that generates."""

    dialect: SchemaDialect
    """Which JSON schemas it takes."""

    def generate(self, connection: Connection, request: GenerateRequest) -> HttpCall:
        """Return the call that asks for an answer."""
        ...

    def answer(self, body: Any) -> Answer:
        """Return what the model said.

        Raises:
            Unreadable: The body holds no answer; the message says what it holds.
        """
        ...


class EmbeddingApi(Protocol):
    """The part of a provider's API that embeds."""

    def largest_batch(self, model: str) -> int:
        """Return how many texts one call may embed."""
        ...

    def embed(self, connection: Connection, request: EmbedRequest) -> HttpCall:
        """Return the call that asks for vectors."""
        ...

    def vectors(self, body: Any) -> Sequence[Sequence[float]]:
        """Return the vectors in the order of the request's texts.

        Raises:
            Unreadable: The body holds no vectors.
        """
        ...


_IMAGE_TYPES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


def image_type(content: bytes) -> str:
    """Return the media type of an image.

    Raises:
        InvalidInput: It is of no kind that models read.
    """
    for start, kind in _IMAGE_TYPES:
        if content.startswith(start):
            return kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    raise InvalidInput(
        f"The image begins with {content[:8]!r}, which is no kind that language models read.",
        hint="Convert it to PNG, JPEG, GIF or WebP first.",
    )


def malformed(title: str, body: Any) -> Unreadable:
    """Return the error for an answer of a provider that has another shape than its API says."""
    return Unreadable(
        f"{title} sent an answer without the expected fields: {str(body)[:300]!r}.",
        hint="Check that the address is that of this provider's API.",
    )
