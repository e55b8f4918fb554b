from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest

from coco_server.cli.app import run
from coco_server.store import orgs
from coco_server.store.blobs import BlobStore
from coco_server.store.session import Database


@pytest.fixture
def blobs(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BlobStore:
    monkeypatch.setenv("COCO_META_DB", database_url)
    monkeypatch.setenv("COCO_BLOB_URL", f"file://{tmp_path}/blobs")
    return BlobStore(f"file://{tmp_path}/blobs")


@pytest.fixture
def org_id(database: Database) -> str:
    with database.system() as session:
        return orgs.create(session, "Acme").org_id


def test_a_rule_gets_a_reference(
    blobs: BlobStore, org_id: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = (resources.files("coco_core.wasm") / "examples" / "redact.wasm").read_bytes()
    path = tmp_path / "redact.wasm"
    path.write_bytes(module)
    assert run(["rule", "add", org_id, str(path), "--json"]) == 0
    ref = json.loads(capsys.readouterr().out)["wasm_module_ref"]
    with blobs.open(org_id, ref) as file:
        assert file.readall() == module


@pytest.mark.parametrize(
    ("content", "said"), [(b"text", "not"), (None, "cannot be read"), (b"\0asm\1\0\0\0", "export")]
)
def test_what_is_no_rule_is_refused(
    blobs: BlobStore,
    org_id: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: bytes | None,
    said: str,
) -> None:
    path = tmp_path / "rule.wasm"
    if content is not None:
        path.write_bytes(content)
    assert run(["rule", "add", org_id, str(path)]) == 1
    assert said in capsys.readouterr().err
    assert not list((tmp_path / "blobs").rglob("*.wasm"))
