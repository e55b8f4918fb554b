"""Changes of an S3 bucket from a queue of SQS to which the bucket sends its events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from coco_flow.errors import FlowError
from coco_flow.ports import Key
from coco_flow.sources.aws import AwsSession
from coco_flow.sources.s3_events import changed_keys
from coco_flow.sources.tls import trusted

if TYPE_CHECKING:
    import httpx

__all__ = ["SqsQueue"]

log = logging.getLogger(__name__)

# The longest wait and the largest batch that SQS allows.
_WAIT_SECONDS = 20
_MESSAGES = 10

# A queue that does not answer is tried again after this, doubled up to the limit.
_FIRST_RETRY, _LAST_RETRY = 0.5, 60.0


class SqsQueue:
    """One queue; messages that can be parsed are removed from it."""

    def __init__(self, url: str, session: AwsSession) -> None:
        self._url = url
        self._session = session
        place = urlsplit(url)
        self._endpoint = f"{place.scheme}://{place.netloc}/"
        # https://sqs.eu-west-1.amazonaws.com/123/name
        parts = (place.hostname or "").split(".")
        in_url = parts[1] if len(parts) > 3 and parts[0] == "sqs" else None
        self._region = in_url or session.region or "us-east-1"

    async def changes(
        self, bucket: str, accepts: Callable[[str], bool]
    ) -> AsyncIterator[Sequence[Key] | None]:
        """Yield the keys that events name, without end.

        Messages are removed from the queue before their keys are processed: a restart lists
        everything anyway.

        Raises:
            FlowError: The queue does not exist, or may not be read.
        """
        import httpx

        wait = _FIRST_RETRY
        async with httpx.AsyncClient(verify=trusted(), timeout=_WAIT_SECONDS + 10) as client:
            while True:
                try:
                    messages = await self._receive(client)
                    keys, understood = self._read(messages, bucket, accepts)
                    if understood:
                        await self._delete(client, understood)
                    wait = _FIRST_RETRY
                except (httpx.TransportError, _Busy) as error:
                    log.warning("the queue %s does not answer: %s", self._url, error)
                    await asyncio.sleep(wait)
                    wait = min(wait * 2, _LAST_RETRY)
                    continue
                if keys:
                    yield keys

    def _read(
        self, messages: Sequence[Any], bucket: str, accepts: Callable[[str], bool]
    ) -> tuple[list[Key], list[Any]]:
        keys: dict[Key, None] = {}
        understood = []
        for message in messages:
            found = changed_keys(message["Body"], bucket)
            if found is None:
                # It may be for another reader; a dead-letter queue takes it if it is for none.
                log.warning("left a message in %s that is no event of S3", self._url)
                continue
            understood.append(message)
            keys.update(dict.fromkeys((key,) for key in found if accepts(key)))
        return list(keys), understood

    async def _receive(self, client: httpx.AsyncClient) -> list[Any]:
        body = {
            "QueueUrl": self._url,
            "MaxNumberOfMessages": _MESSAGES,
            "WaitTimeSeconds": _WAIT_SECONDS,
        }
        answer = await self._call(client, "ReceiveMessage", body)
        return list(answer.get("Messages") or ())

    async def _delete(self, client: httpx.AsyncClient, messages: Sequence[Any]) -> None:
        entries = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
            for number, message in enumerate(messages)
        ]
        await self._call(client, "DeleteMessageBatch", {"QueueUrl": self._url, "Entries": entries})

    async def _call(self, client: httpx.AsyncClient, action: str, body: dict[str, Any]) -> Any:
        # Credentials may come from the machine's metadata service.
        content, headers = await asyncio.to_thread(
            self._session.signed, "sqs", self._region, self._endpoint, f"AmazonSQS.{action}", body
        )
        answer = await client.post(self._endpoint, content=content, headers=headers)
        if answer.status_code == 200:
            return answer.json() if answer.content else {}
        if answer.status_code in (429, 500, 502, 503, 504):
            raise _Busy(f"HTTP {answer.status_code}")
        raise FlowError(
            f"The queue {self._url!r} refuses {action}: {answer.text.strip()}",
            hint="Check sqs_queue_url, and that the credentials allow sqs:ReceiveMessage and "
            "sqs:DeleteMessage.",
        )


class _Busy(Exception):
    """The service is busy; the call is to be repeated later."""
