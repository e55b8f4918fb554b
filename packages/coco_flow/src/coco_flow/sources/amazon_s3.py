"""Source of the objects in a bucket of Amazon S3, or of a service with the same protocol."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from coco_flow.errors import DefinitionError, ExtraMissing
from coco_flow.op.spec import SourceSpec
from coco_flow.ports import Watch
from coco_flow.sources.aws import AwsSession
from coco_flow.sources.object_store import (
    ObjectStoreSource,
    client_options,
    load_obstore,
    retry_config,
)
from coco_flow.sources.redis_channel import RedisChannel
from coco_flow.sources.registry import register_source
from coco_flow.sources.sqs_queue import SqsQueue

__all__ = ["AmazonS3", "AmazonS3Source", "RedisNotification"]


@dataclass
class RedisNotification:
    """A channel of Redis on which the bucket's events are published."""

    redis_url: str
    redis_channel: str


class AmazonS3(SourceSpec):
    """Objects of a bucket, as rows of `filename` (the whole key) and `content`.

    Credentials come from the environment, a profile or the machine's role; AWS_ENDPOINT_URL names
    another service than Amazon's.

    Attributes:
        bucket_name: The bucket.
        prefix: Only keys that begin so; fastest if it ends in "/".
        binary: Give the content as bytes instead of text.
        included_patterns: Only keys that match one of these.
        excluded_patterns: No keys that match one of these, or are below one that does.
        max_file_size: Larger objects, in bytes, are ignored.
        sqs_queue_url: In live mode, read changes from this queue of the bucket's events.
        redis: In live mode, read changes from this channel of the bucket's events.
        force_path_style: Name the bucket in the path instead of the host.
    """

    bucket_name: str
    prefix: str | None = None
    binary: bool = False
    included_patterns: list[str] | None = None
    excluded_patterns: list[str] | None = None
    max_file_size: int | None = None
    sqs_queue_url: str | None = None
    redis: RedisNotification | None = None
    force_path_style: bool = False


class AmazonS3Source(ObjectStoreSource):
    """Lists and reads a bucket, and listens to its events."""

    def __init__(self, spec: AmazonS3) -> None:
        if spec.sqs_queue_url is not None and spec.redis is not None:
            raise DefinitionError(
                "A source AmazonS3 takes its events from a queue or from Redis, not from both.",
                hint="Leave out `sqs_queue_url` or `redis`.",
            )
        super().__init__(
            _store(spec),
            f"the bucket {spec.bucket_name!r}",
            spec,
        )
        self._spec = spec
        self._channel: RedisChannel | None = None
        if spec.sqs_queue_url is not None:
            self.change_capture = "events of the bucket from SQS"
        elif spec.redis is not None:
            self.change_capture = "events of the bucket from Redis"

    def watch(self) -> Watch | None:
        """Begin to listen to the bucket's events, if the spec says where they arrive."""
        spec = self._spec
        if spec.sqs_queue_url is not None:
            queue = SqsQueue(spec.sqs_queue_url, AwsSession("The queue of AmazonS3"))
            return queue.changes(spec.bucket_name, self.accepts)
        if spec.redis is None:
            return None
        self.close()
        self._channel = RedisChannel(
            spec.redis.redis_url, spec.redis.redis_channel, spec.bucket_name, self.accepts
        )
        return self._channel

    def close(self) -> None:
        """Stop listening."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None


def _store(spec: AmazonS3) -> Any:
    stores = load_obstore("AmazonS3")
    config: dict[str, Any] = {}
    endpoint = None
    try:
        session = AwsSession("The source AmazonS3")
    except ExtraMissing:
        # obstore finds all credentials except those of profiles.
        provider = None
    else:
        endpoint = session.endpoint
        config["region"] = session.region or "us-east-1"
        unsigned = os.environ.get("AWS_SKIP_SIGNATURE", "").lower() in ("1", "true")
        provider = None if unsigned else session.for_obstore
    if endpoint is not None:
        config["endpoint"] = endpoint
    # Amazon requires a host with the bucket's name, and few others have it.
    config["virtual_hosted_style_request"] = endpoint is None and not spec.force_path_style
    return stores.S3Store(
        spec.bucket_name,
        config=config,
        client_options=client_options(endpoint),
        retry_config=retry_config(),
        credential_provider=provider,
    )


register_source(AmazonS3, AmazonS3Source)
