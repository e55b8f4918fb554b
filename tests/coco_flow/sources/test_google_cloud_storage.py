"""A bucket behind the protocol of Google Cloud Storage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from coco_flow.errors import DefinitionError, FlowError
from coco_flow.ports import ReadRow
from coco_flow.sources import GoogleCloudStorage
from tests.coco_flow.sources.listing import contents, listed, opened, read
from tests.gcs_server import GcsServer, gcs_server
from tests.google_account import GoogleAccount


@pytest.fixture(scope="module")
def server() -> Iterator[GcsServer]:
    with gcs_server() as running:
        yield running


@pytest.fixture
def key(server: GcsServer, tmp_path: Path) -> str:
    server.objects.clear()
    return server.account.write_key(tmp_path / "key.json", gcs_base_url=server.endpoint)


@pytest.mark.row("CLD-1/2/3 cloud sources")
def test_objects_are_rows_of_name_and_text(server: GcsServer, key: str) -> None:
    server.objects |= {n: n.encode() for n in ["a.md", "d/b.md", "d/ü &+.md", "d/c.txt", "e.md"]}
    source = opened(GoogleCloudStorage("coco", service_account_credential_path=key))
    assert contents(source) == {name: name for name in server.objects}
    chosen = GoogleCloudStorage(
        bucket_name="coco",
        prefix="d/",
        included_patterns=["*.md"],
        binary=True,
        service_account_credential_path=key,
    )
    assert contents(opened(chosen)) == {"d/b.md": b"d/b.md", "d/ü &+.md": "d/ü &+.md".encode()}


def test_changes_show_in_the_listing(server: GcsServer, key: str) -> None:
    server.objects |= {"a": b"a", "b": b"b"}
    source = opened(GoogleCloudStorage("coco", service_account_credential_path=key))
    before = listed(source)
    server.objects["a"] = b"other"
    after = listed(source)
    assert [name for name in after if after[name] != before[name]] == ["a"]
    del server.objects["b"]
    entries = read(source, "a", "b")
    assert entries == [ReadRow(["other"], after["a"].token), ReadRow(None)]


def test_what_signs_in_wrongly_is_told(server: GcsServer, key: str, tmp_path: Path) -> None:
    other = GoogleAccount().write_key(tmp_path / "other.json", gcs_base_url=server.endpoint)
    with pytest.raises(FlowError, match="The bucket 'coco' cannot be listed"):
        listed(opened(GoogleCloudStorage("coco", service_account_credential_path=other)))
    with pytest.raises(FlowError, match="The bucket 'absent' cannot be listed"):
        listed(opened(GoogleCloudStorage("absent", service_account_credential_path=key)))
    (tmp_path / "empty.json").write_text("{}", encoding="utf-8")
    for name, reason in (("none.json", "is not the key file"), ("empty.json", "no private key")):
        path = str(tmp_path / name)
        with pytest.raises(DefinitionError, match=reason):
            opened(GoogleCloudStorage("coco", service_account_credential_path=path))
