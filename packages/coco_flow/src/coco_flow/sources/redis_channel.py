"""Changes of an S3 bucket from a channel of Redis to which events are published."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from coco_core.errors import Unavailable
from coco_flow.errors import missing_extra
from coco_flow.sources.change_stream import ChangeStream
from coco_flow.sources.s3_events import changed_keys

__all__ = ["RedisChannel"]

log = logging.getLogger(__name__)

# How long closing may take: the wait for messages ends so often, and with each message.
_LOOK_SECONDS = 0.2

# An unreachable server is tried again after this, doubled up to the limit.
_FIRST_RETRY, _LAST_RETRY = 0.5, 30.0


class RedisChannel(ChangeStream):
    """Yields the keys that events name, from the moment of its creation."""

    def __init__(self, url: str, channel: str, bucket: str, accepts: Callable[[str], bool]) -> None:
        """Subscribe.

        Raises:
            ExtraMissing: The client of Redis is not installed.
            Unavailable: The server does not answer.
        """
        super().__init__()
        try:
            import redis
        except ImportError as error:
            raise missing_extra("The notification by Redis", "redis", "cloud") from error
        self._channel = channel
        self._bucket = bucket
        self._accepts = accepts
        # Its methods have no types.
        self._client: Any = redis.Redis.from_url(url)
        try:
            self._subscription = self._subscribe()
        except redis.RedisError as error:
            self._client.close()
            raise Unavailable(
                f"The Redis server of the channel {channel!r} cannot be reached: {error}",
                hint="Check redis_url, and that the server is running.",
            ) from error
        self._start()

    def _follow(self) -> None:
        import redis

        wait = _FIRST_RETRY
        try:
            while not self._closed.is_set():
                try:
                    if self._subscription is None:
                        self._subscription = self._subscribe()
                        # Messages may have been published while there was no subscription.
                        self._report(None)
                        wait = _FIRST_RETRY
                    self._take(self._subscription.get_message(timeout=_LOOK_SECONDS))
                except redis.RedisError as error:
                    log.warning("lost the channel %r: %s", self._channel, error)
                    self._unsubscribe()
                    self._closed.wait(wait)
                    wait = min(wait * 2, _LAST_RETRY)
        finally:
            self._unsubscribe()
            self._client.close()

    def _subscribe(self) -> Any:
        subscription = self._client.pubsub()
        subscription.subscribe(self._channel)
        # The server's confirmation that from now on every message arrives.
        while (answer := subscription.get_message(timeout=10)) is None:
            pass
        assert answer["type"] == "subscribe"
        return subscription

    def _unsubscribe(self) -> None:
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None

    def _take(self, message: Any) -> None:
        if message is None or message["type"] != "message":
            return
        keys = changed_keys(message["data"], self._bucket)
        if keys is None:
            log.warning("ignored a message of channel %r: no event of S3", self._channel)
        else:
            self._report([(key,) for key in keys if self._accepts(key)])
