"""A container behind the protocol of Azure Blob Storage."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from coco_flow.auth import add_transient_auth_entry
from coco_flow.errors import DefinitionError, FlowError
from coco_flow.ports import ReadRow
from coco_flow.sources import AzureBlob
from tests.azure_server import ACCOUNT, KEY, SAS, AzureServer, azure_server
from tests.coco_flow.sources.listing import contents, listed, opened, read


@pytest.fixture(scope="module")
def running() -> Iterator[AzureServer]:
    with azure_server() as server:
        yield server


@pytest.fixture
def server(running: AzureServer, monkeypatch: pytest.MonkeyPatch) -> AzureServer:
    for name in os.environ:
        if name.startswith(("AZURE_", "IDENTITY_", "MSI_")):
            monkeypatch.delenv(name)
    running.blobs.clear()
    running.requests.clear()
    return running


def container(server: AzureServer, **options: Any) -> Any:
    connection = add_transient_auth_entry(server.connection_string)
    given = {"account_name": ACCOUNT, "container_name": "coco", "connection_string": connection}
    return opened(AzureBlob(**given | options))


@pytest.mark.row("CLD-1/2/3 cloud sources")
def test_blobs_are_rows_of_name_and_text(server: AzureServer) -> None:
    server.blobs = {
        name: name.encode() for name in ["a.md", "docs/b.md", "docs/ü &+.md", "docs/c.txt", "x.md"]
    }
    assert contents(container(server)) == {name: name for name in server.blobs}
    server.requests.clear()
    assert contents(container(server, prefix="docs", included_patterns=["*.md"], binary=True)) == {
        "docs/b.md": b"docs/b.md",
        "docs/ü &+.md": "docs/ü &+.md".encode(),
    }
    # What no pattern chooses is not downloaded.
    assert not any("c.txt" in request for request in server.requests)


def test_changes_show_in_the_listing(server: AzureServer) -> None:
    server.blobs = {"a.md": b"a", "b.md": b"b"}
    source = container(server)
    before = listed(source)
    server.blobs |= {"a.md": b"other"}
    del server.blobs["b.md"]
    after = listed(source)
    assert set(after) == {"a.md"}
    assert after["a.md"].token != before["a.md"].token
    assert read(source, "a.md", "b.md") == [
        ReadRow(["other"], after["a.md"].token),
        ReadRow(None),
    ]
    assert source.change_capture is None
    assert source.watch() is None


@pytest.mark.parametrize("credential", ["sas_token", "account_access_key", "environment"])
def test_every_way_to_sign_in(
    server: AzureServer, credential: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.blobs = {"a.md": b"a"}
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", server.endpoint)
    if credential == "environment":
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", KEY)
        options = {}
    else:
        secret = f"?{SAS}" if credential == "sas_token" else KEY
        options = {credential: add_transient_auth_entry(secret)}
    source = container(server, connection_string=None, **options)
    assert contents(source) == {"a.md": "a"}


@pytest.mark.row("SR-9 Azure")
def test_a_missing_credential_is_reported_before_anything_is_listed(server: AzureServer) -> None:
    with pytest.raises(
        DefinitionError, match="no credentials for the storage account 'cocoaccount'"
    ):
        container(server, connection_string=None)
    without = add_transient_auth_entry(f"AccountName={ACCOUNT};BlobEndpoint={server.endpoint}")
    with pytest.raises(DefinitionError, match="neither an AccountKey nor"):
        container(server, connection_string=without)
    assert server.requests == []


def test_a_wrong_credential_and_a_missing_container_are_named(
    server: AzureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", server.endpoint)
    wrong = add_transient_auth_entry("d3Jvbmc=")
    source = container(server, connection_string=None, account_access_key=wrong)
    with pytest.raises(FlowError, match=r"'coco' of 'cocoaccount' cannot be listed") as caught:
        listed(source)
    assert "AuthenticationFailed" in str(caught.value)
    assert "d3Jvbmc=" not in str(caught.value)
    with pytest.raises(FlowError, match="'absent' of 'cocoaccount' cannot be listed"):
        listed(container(server, container_name="absent"))


@pytest.mark.row("SR-12 secret hygiene")
def test_a_spec_shows_the_name_of_a_secret_and_not_the_secret(server: AzureServer) -> None:
    secret = add_transient_auth_entry(KEY)
    spec = AzureBlob(account_name=ACCOUNT, container_name="c", account_access_key=secret)
    assert KEY not in repr(spec)
    assert secret.key in repr(spec)


def test_the_endpoint_in_a_connection_string() -> None:
    text = f"DefaultEndpointsProtocol=https;AccountName={ACCOUNT};AccountKey={KEY};" \
        "EndpointSuffix=core.chinacloudapi.cn"  # fmt: skip
    spec = AzureBlob(
        account_name=ACCOUNT,
        container_name="c",
        connection_string=add_transient_auth_entry(text),
    )
    store = opened(spec)._store  # type: ignore[attr-defined]
    assert store.config["endpoint"] == f"https://{ACCOUNT}.blob.core.chinacloudapi.cn"
