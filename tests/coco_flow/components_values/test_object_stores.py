"""Buckets of S3 and containers of Azure in the component style."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import boto3
import pytest
from azure.storage.blob.aio import ContainerClient

from coco_flow.components.connectors import amazon_s3, azure_blob
from coco_flow.components.file import PatternFilePathMatcher
from coco_flow.runtime import run
from tests.azure_server import ACCOUNT, AzureServer, azure_server
from tests.s3_server import S3Server, s3_server

FILES = {"docs/a.md": b"one", "docs/deep/b.md": b"two", "docs/c.txt": b"three", "d.md": b"four"}
MARKDOWN = PatternFilePathMatcher(["**/*.md"])


class AsyncS3:
    """The methods of aiobotocore's client, whose botocore is another than that of boto3 here."""

    def __init__(self, server: S3Server) -> None:
        self._client = boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    async def head_object(self, **options: str) -> Any:
        return await asyncio.to_thread(self._client.head_object, **options)

    async def get_object(self, **options: str) -> Any:
        found = await asyncio.to_thread(self._client.get_object, **options)
        return {**found, "Body": _Body(found["Body"])}

    def get_paginator(self, operation: str) -> Any:
        return _Pages(self._client.get_paginator(operation))


class _Body:
    def __init__(self, body: Any) -> None:
        self._body = body

    async def __aenter__(self) -> _Body:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._body.close()

    async def read(self) -> bytes:
        return bytes(await asyncio.to_thread(self._body.read))


class _Pages:
    def __init__(self, pages: Any) -> None:
        self._pages = pages

    async def paginate(self, **options: str) -> AsyncIterator[Any]:
        # Two objects a page, so that a listing has several.
        for page in self._pages.paginate(**options, PaginationConfig={"PageSize": 2}):
            yield page


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def bucket(s3: S3Server) -> AsyncS3:
    client = AsyncS3(s3)
    for key, content in {**FILES, "docs/": b""}.items():
        client._client.put_object(Bucket="coco", Key=key, Body=content)
    return client


@pytest.fixture
def azure() -> Iterator[AzureServer]:
    with azure_server() as server:
        server.blobs |= {**FILES, "docs/": b""}
        yield server


@asynccontextmanager
async def container(server: AzureServer) -> AsyncIterator[ContainerClient]:
    client = ContainerClient.from_connection_string(server.connection_string, "coco")
    async with client:
        yield client


async def contents(walker: Any) -> dict[str, bytes]:
    return {name: await found.read() async for name, found in walker.items()}


Walk = Callable[..., Awaitable[dict[str, bytes]]]


@pytest.fixture(params=["s3", "azure"])
def walk(request: pytest.FixtureRequest) -> Walk:
    if request.param == "s3":
        client = request.getfixturevalue("bucket")
        return lambda **options: contents(amazon_s3.list_objects(client, "coco", **options))
    server = request.getfixturevalue("azure")

    async def walk_azure(**options: Any) -> dict[str, bytes]:
        async with container(server) as client:
            return await contents(azure_blob.list_blobs(client, **options))

    return walk_azure


@pytest.mark.slow
def test_files_are_chosen_by_prefix_pattern_and_size(walk: Walk) -> None:
    assert run(walk()) == FILES
    below = {"a.md": b"one", "deep/b.md": b"two"}
    assert run(walk(prefix="docs/", path_matcher=MARKDOWN)) == below
    assert run(walk(prefix="docs", path_matcher=MARKDOWN)) == below
    assert run(walk(max_file_size=3)) == {"docs/a.md": b"one", "docs/deep/b.md": b"two"}


def test_one_object_and_parts_of_it(bucket: AsyncS3) -> None:
    async def check() -> None:
        found = await amazon_s3.get_object(bucket, "s3://coco/docs/a.md")
        assert found.file_path.resolve() == "docs/a.md"
        assert found.file_path.name == "a.md"
        assert await found.size() == 3
        assert await found.read(2) == b"on"
        assert await amazon_s3.read(bucket, "s3://coco/docs/a.md") == b"one"
        assert await amazon_s3.read(bucket, "s3://coco/docs/a.md", 0) == b""
        bucket._client.put_object(Bucket="coco", Key="docs/a.md", Body=b"another")
        again = await amazon_s3.get_object(bucket, "coco", "docs/a.md")
        assert again.file_path.__coco_memo_key__() == found.file_path.__coco_memo_key__()
        assert (await found.content_fingerprint()) != (await again.content_fingerprint())
        for arguments in (("coco",), ("s3://coco/a", "b"), ("s3://coco",)):
            with pytest.raises(ValueError, match="coco"):
                await amazon_s3.get_object(bucket, *arguments)

    run(check())


def test_one_blob_and_parts_of_it(azure: AzureServer) -> None:
    async def check() -> None:
        async with container(azure) as client:
            found = await azure_blob.get_blob(client, "docs/a.md")
            assert found.file_path.blob_name == "docs/a.md"
            assert found.file_path.account_name == ACCOUNT
            assert found.file_path.container_name == "coco"
            assert await found.read(2) == b"on"
            assert await azure_blob.read(client, "docs/a.md", 0) == b""
            azure.blobs["docs/a.md"] = b"another"
            again = await azure_blob.get_blob(client, "docs/a.md")
            assert await found.content_fingerprint() != await again.content_fingerprint()

    run(check())


def test_a_client_that_names_no_container_is_an_error() -> None:
    with pytest.raises(ValueError, match="account_name and container_name"):
        azure_blob.list_blobs(object())
