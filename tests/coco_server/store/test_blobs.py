from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from coco_core.errors import BodyTooLarge, InvalidConfig, NotFound, Unavailable
from coco_server.store.blobs import BlobInfo, BlobStore
from tests.s3_server import S3Server, s3_server

MOST = 100_000_000


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(params=["file", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "file":
        return BlobStore(f"file://{tmp_path}/blobs")
    server: S3Server = request.getfixturevalue("s3")
    return BlobStore("s3://coco/imports", options=server.options)


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece


def put(blobs: BlobStore, *given: bytes, most: int = MOST, org: str = "org_a") -> BlobInfo:
    return asyncio.run(blobs.put(org, "ndjson", pieces(*given), most=most))


def collected(blobs: BlobStore, org: str, ref: str) -> bytes:
    with blobs.open(org, ref) as file:
        return file.readall()


@pytest.mark.slow
def test_a_body_comes_back_as_it_was_sent(blobs: BlobStore) -> None:
    given = [os.urandom(3_000_000) for _ in range(7)] + [b"end"]
    info = put(blobs, *given)
    whole = b"".join(given)
    assert info.size == len(whole)
    assert info.sha256 == hashlib.sha256(whole).hexdigest()
    assert blobs.info("org_a", info.ref).size == len(whole)
    assert collected(blobs, "org_a", info.ref) == whole
    with blobs.open("org_a", info.ref) as file:
        assert file.read(10) == whole[:10]
        assert file.seek(-3, os.SEEK_END) == len(whole) - 3
        assert file.read() == b"end"
        assert file.read(1) == b""
        file.seek(5_000_000)
        assert file.read(9_000_000) == whole[5_000_000:14_000_000]
        assert file.tell() == 14_000_000
        assert file.read(100) == whole[14_000_000:14_000_100]


@pytest.mark.parametrize("given", [(), (b"",), (b"x",)])
def test_a_small_body_is_a_body_too(blobs: BlobStore, given: tuple[bytes, ...]) -> None:
    info = put(blobs, *given)
    assert collected(blobs, "org_a", info.ref) == b"".join(given)


def test_another_orgs_body_does_not_exist(blobs: BlobStore) -> None:
    info = put(blobs, b"secret")
    for org, ref in [
        ("org_b", info.ref),
        ("org_b", info.ref.replace("org_a", "org_b")),
        ("org_b", f"org_b/../{info.ref}"),
        ("org_a", "org_a/../../etc/passwd"),
        ("org_a", "/etc/passwd"),
        ("org_a", ""),
    ]:
        with pytest.raises(NotFound):
            blobs.open(org, ref)
        with pytest.raises(NotFound):
            collected(blobs, org, ref)
    assert collected(blobs, "org_a", info.ref) == b"secret"


def test_a_body_above_the_limit_leaves_nothing(blobs: BlobStore, tmp_path: Path) -> None:
    with pytest.raises(BodyTooLarge, match="more than 1000000 bytes"):
        put(blobs, *[b"x" * 600_000] * 30, most=1_000_000)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_sender_that_breaks_off_leaves_nothing(blobs: BlobStore, tmp_path: Path) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x" * 600_000
        raise ConnectionResetError("the client is gone")

    with pytest.raises((ConnectionResetError, Unavailable)):
        asyncio.run(blobs.put("org_a", "ndjson", breaking(), most=MOST))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_removed_body_is_gone(blobs: BlobStore) -> None:
    info = blobs.put_bytes("org_a", "wasm", b"\0asm")
    assert collected(blobs, "org_a", info.ref) == b"\0asm"
    blobs.delete("org_a", info.ref)
    blobs.delete("org_a", info.ref)
    with pytest.raises(NotFound):
        blobs.info("org_a", info.ref)


def test_parquet_is_read_from_the_store(blobs: BlobStore) -> None:
    sink = pa.BufferOutputStream()
    table = pa.table({"doc_id": [f"d{n}" for n in range(50_000)], "content": ["x" * 30] * 50_000})
    pq.write_table(table, sink, row_group_size=10_000)
    info = put(blobs, sink.getvalue().to_pybytes())
    with blobs.open("org_a", info.ref) as file:
        assert pq.ParquetFile(file).read().equals(table)


def test_a_store_that_works_passes_the_check(blobs: BlobStore) -> None:
    blobs.check()


def test_a_store_that_cannot_be_reached_is_told() -> None:
    options = {
        "endpoint": "http://127.0.0.1:9",
        "access_key_id": "a",
        "secret_access_key": "b",
        "client_options": {"allow_http": True},
        "retry_config": {"max_retries": 0},
    }
    with pytest.raises(Unavailable, match="s3://coco failed"):
        BlobStore("s3://coco", options=options).check()


@pytest.mark.parametrize("url", ["", "/var/blobs", "ftp://h/x", "file://host/x", "memory:///"])
def test_what_is_no_store_is_refused(url: str) -> None:
    with pytest.raises(InvalidConfig):
        BlobStore(url)


def test_an_error_shows_no_path(tmp_path: Path) -> None:
    """Tenants see errors of the store; where it is stands in the log."""
    store = BlobStore(tmp_path.as_uri())
    (tmp_path / "org_1").write_bytes(b"a file where a folder should be")
    with pytest.raises(Unavailable) as failed:
        store.put_bytes("org_1", "json", b"[]")
    said = f"{failed.value.message} {failed.value.hint} {failed.value.details}"
    assert str(tmp_path) not in said and "org_1" not in said


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("", encoding="utf-8")
    with pytest.raises(InvalidConfig, match="cannot be used"):
        BlobStore(f"file://{tmp_path}/taken")
