"""Embedding and transcription by the services that the package litellm supports."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from coco_flow import components as coco
from coco_flow.components import deadline
from coco_flow.components.file import FileLike
from coco_flow.components.schema import VectorSchema, VectorSchemaProvider
from coco_flow.errors import missing_extra

try:
    import litellm
except ImportError as error:
    raise missing_extra("coco_flow.components.ops.litellm", "litellm", "litellm") from error

__all__ = ["LiteLLMEmbedder", "LiteLLMTranscriber", "litellm"]

T = TypeVar("T")

# After ten minutes a service that refuses is down, not busy.
RETRY_SECONDS = 600.0
FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 30.0
# What most services take in one request.
BATCH = 64

# Timeouts, conflicts and limits, besides all that a server calls its own fault.
_TRANSIENT_STATUS = frozenset({408, 409, 425, 429})
_TRANSPORT_PACKAGES = ("aiohttp.", "httpcore.", "httpx.")
_TRANSPORT_ERRORS = frozenset({
    "ClientConnectorError", "ConnectError", "ConnectTimeout", "PoolTimeout", "ReadError",
    "ReadTimeout", "RemoteProtocolError", "ServerDisconnectedError", "WriteError", "WriteTimeout",
})  # fmt: skip
# Providers that refuse the argument encoding_format="float".
_OWN_ENCODING = ("voyage/", "bedrock/")


def _errors(*names: str) -> tuple[type[BaseException], ...]:
    """Return those of litellm's error classes that this version of it has."""
    found = (getattr(litellm, name, None) for name in names)
    return tuple(c for c in found if isinstance(c, type) and issubclass(c, BaseException))


_TRANSIENT_ERRORS = _errors(
    "APIConnectionError", "BadGatewayError", "InternalServerError", "RateLimitError",
    "ServiceUnavailableError", "Timeout",
)  # fmt: skip
# About the caller or the model: no smaller request fares better.
_GLOBAL_ERRORS = _errors(
    "AuthenticationError", "PermissionDeniedError", "NotFoundError", "BudgetExceededError"
)


def _speaks_of_credentials(error: BaseException) -> bool:
    # Some services report a missing key as a fault of the server.
    text = str(error).lower()
    if any(
        words in text
        for words in ("missing credentials", "no api key", "invalid api key", "unauthorized")
    ):
        return True
    return ("api key" in text or "api_key" in text) and any(
        words in text for words in ("missing", "must be set", "not set", "required", "invalid")
    )


def is_transient(error: Exception) -> bool:
    """Say whether the same request may succeed later."""
    if _speaks_of_credentials(error):
        return False
    status = _status(error)
    if status is not None:
        return status in _TRANSIENT_STATUS or 500 <= status < 600
    kind = type(error)
    return isinstance(error, (*_TRANSIENT_ERRORS, TimeoutError, ConnectionError)) or (
        kind.__module__.startswith(_TRANSPORT_PACKAGES) and kind.__name__ in _TRANSPORT_ERRORS
    )


def _status(error: Exception) -> int | None:
    places = (error, getattr(error, "response", None))
    names = ("status_code", "exception_status_code")
    for value in (getattr(place, name, None) for place in places for name in names):
        if isinstance(value, int):
            return value
    return None


async def retry_call(operation: Callable[[], Awaitable[T]], operation_name: str) -> T:
    """Call a service until it answers, refuses for good, or the time is up."""
    return await deadline.retry_transient(
        operation,
        retry_on=is_transient,
        timeout=timedelta(seconds=RETRY_SECONDS),
        backoff=deadline.exponential_backoff(FIRST_DELAY_SECONDS, max_delay=LONGEST_DELAY_SECONDS),
        bound_attempt=True,
        operation_name=operation_name,
    )


class LiteLLMEmbedder(VectorSchemaProvider):
    """Embeds texts by a service; a column annotated with it knows the size of its vectors."""

    def __init__(self, model: str, **kwargs: Any) -> None:
        """Name the model as litellm does; `kwargs` go with every request."""
        self._model = model
        self._kwargs = kwargs
        self._size: int | None = None
        self._asking = asyncio.Lock()

    def __coco_memo_key__(self) -> object:
        """Identify the model and what is asked of it."""
        return (self._model, self._kwargs)

    async def _request(self, texts: list[str], **extra: Any) -> list[NDArray[np.float32]]:
        arguments = {**self._kwargs, **extra}
        if not self._model.startswith(_OWN_ENCODING):
            # What a provider does not know of this, litellm leaves out.
            arguments = {"encoding_format": "float", "drop_params": True, **arguments}

        async def call() -> Any:
            return await litellm.aembedding(model=self._model, input=texts, **arguments)

        response = await retry_call(call, "litellm.aembedding")
        return [np.array(item["embedding"], dtype=np.float32) for item in response.data]

    @coco.fn.as_async(batching=True, max_batch_size=BATCH)
    async def _embed(
        self, texts: list[str], input_type: str | None = None
    ) -> list[NDArray[np.float32]]:
        extra = {} if input_type is None else {"input_type": input_type}
        try:
            return await self._request(texts, **extra)
        except Exception as error:
            if isinstance(error, _GLOBAL_ERRORS) or _speaks_of_credentials(error):
                raise
            # One text may be the cause, or all together may be too much.
            raise coco.RetryWithSmallerBatch from error

    @coco.fn(memo=True, version=1, logic_tracking="self")
    async def embed(self, text: str, input_type: str | None = None) -> NDArray[np.float32]:
        """Return the vector of a text; texts that come at the same time share a request.

        Args:
            text: The text.
            input_type: "search_query" or "search_document" for models that distinguish them.
        """
        vector: NDArray[np.float32] = await self._embed(text, input_type)
        return vector

    @coco.fn(memo=True)
    async def __coco_vector_schema__(self) -> VectorSchema:
        """Return the schema of the vectors, which one request finds out."""
        async with self._asking:
            if self._size is None:
                self._size = len((await self._request(["hello"]))[0])
        return VectorSchema(np.dtype(np.float32), self._size)


class LiteLLMTranscriber:
    """Turns speech into text by a service."""

    def __init__(self, model: str, **kwargs: Any) -> None:
        """Name the model as litellm does; `kwargs` go with every request."""
        self._model = model
        self._kwargs = kwargs

    def __coco_memo_key__(self) -> object:
        """Identify the model and what is asked of it."""
        return (self._model, self._kwargs)

    @coco.fn(memo=True, version=1, logic_tracking="self")
    async def transcribe(self, file: FileLike[Any], **kwargs: Any) -> str:
        """Return what is said in a file; `kwargs` go with this request."""
        audio = io.BytesIO(await file.read())
        # The service detects the format by the name.
        audio.name = file.file_path.name
        response = await litellm.atranscription(
            model=self._model, file=audio, **{**self._kwargs, **kwargs}
        )
        text: str = response.text
        return text
