from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from coco_core.errors import InvalidInput, ModelMissing, Unavailable, Unreadable
from coco_embed.minilm_files import OFFICIAL_FILES
from coco_embed.onnx import OnnxEmbedder
from coco_embed.progress import Progress
from coco_embed.provision import install_from_path, provision
from coco_embed.sources import PathSource, Source, UrlSource
from coco_embed.store import InstalledModel, ModelStore
from tests.coco_embed.file_server import FileServer, serve

pytestmark = pytest.mark.slow

# What a second process runs: provision from one URL and print where the model is.
PROGRAM = """
import sys
from pathlib import Path
from coco_embed.provision import provision
from coco_embed.sources import UrlSource
from coco_embed.store import ModelStore
model = provision(ModelStore(Path(sys.argv[1])), sources=[UrlSource(sys.argv[2])])
print(model.directory)
"""


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


@pytest.fixture
def server(official: Path) -> Iterator[FileServer]:
    with serve() as state:
        state.files = {f"/m/{file.name}": official / file.name for file in OFFICIAL_FILES}
        yield state


def start(store: ModelStore, url: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(store.root), url]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")


def left_over(store: ModelStore) -> list[str]:
    return [path.name for path in store.root.rglob("*") if path.name.endswith((".part", "ready"))]


def test_the_first_good_source_wins(store: ModelStore, server: FileServer, tmp_path: Path) -> None:
    seen: list[Progress] = []
    sources: list[Source] = [PathSource(tmp_path / "nothing"), UrlSource(f"{server.url}/m")]
    model = provision(store, sources=sources, on_progress=seen.append)
    assert model == store.find()
    store.verify(model)
    assert model.manifest.source == f"{server.url}/m"
    assert model.manifest.conversion.agreement_mean > 0.99
    stages = [item.stage for item in seen]
    assert sorted(set(stages), key=stages.index) == ["download", "verify", "convert", "install"]
    assert left_over(store) == []
    embedder = OnnxEmbedder(model)
    assert embedder.embed_query("works").shape == (384,)
    embedder.close()
    # What is there is not fetched again.
    assert provision(store, sources=[]) == model


def test_without_a_source_reasons_and_remedy_are_told(store: ModelStore, tmp_path: Path) -> None:
    sources: list[Source] = [PathSource(tmp_path / "nothing"), UrlSource("http://127.0.0.1:9/m")]
    with pytest.raises(ModelMissing) as caught:
        provision(store, sources=sources)
    assert "nothing: there is no such file" in caught.value.message
    assert "http://127.0.0.1:9/m: cannot connect" in caught.value.message
    assert "coco setup --model-path FILE" in str(caught.value.hint)
    assert store.find() is None


def test_a_mirror_is_checked_before_anything_is_tried(store: ModelStore) -> None:
    with pytest.raises(InvalidInput, match="ftp"):
        provision(store, model_url="ftp://host/model")


def test_two_processes_at_once_fetch_it_once(store: ModelStore, server: FileServer) -> None:
    processes = [start(store, f"{server.url}/m") for _ in range(2)]
    answers = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    model = store.find()
    assert model is not None
    assert answers == [str(model.directory)] * 2
    assert len(server.requests) == 2
    store.verify(model)


def test_a_killed_process_leaves_nothing_half_done(store: ModelStore, server: FileServer) -> None:
    server.held_path = "/m/model.safetensors"
    process = start(store, f"{server.url}/m")
    assert server.holding.wait(30)
    parts: list[Path] = []
    while not parts or parts[0].stat().st_size == 0:
        assert process.poll() is None
        parts = list(store.root.rglob("53aa*.part"))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    server.held_path = ""
    server.release.set()
    assert store.find() is None
    arrived = parts[0].stat().st_size
    model = provision(store, sources=[UrlSource(f"{server.url}/m")])
    assert server.requests[-1] == ("/m/model.safetensors", f"bytes={arrived}-")
    store.verify(model)
    assert left_over(store) == []


def test_a_process_killed_in_converting_leaves_nothing(store: ModelStore, official: Path) -> None:
    class Killed(BaseException):
        pass

    def die(progress: Progress) -> None:
        if progress.stage == "convert" and progress.seconds > 0.3:
            raise Killed

    with pytest.raises(Killed):
        install_from_path(store, official, on_progress=die)
    assert store.find() is None
    # What a process that cannot clean up would have left there.
    (store.root / ".partial" / "ready").mkdir()
    (store.root / ".partial" / "ready" / "model.onnx").write_bytes(b"half")
    (store.root / "all-MiniLM-L6-v2" / "q8x-1-half").mkdir(parents=True)
    assert store.find() is None


def test_cancelling_is_no_failure_of_a_source(store: ModelStore, official: Path) -> None:
    with pytest.raises(Unavailable, match="cancelled"):
        provision(store, sources=[PathSource(official)], cancelled=lambda: True)
    assert store.find() is None


def test_a_finished_model_is_installed_as_it_is(store: ModelStore, model: InstalledModel) -> None:
    for path in (model.directory, model.onnx):
        installed = install_from_path(store, path)
        assert installed.onnx.read_bytes() == model.onnx.read_bytes()
        assert installed.manifest.fingerprint == model.manifest.fingerprint
        assert installed == store.find()
        store.verify(installed)


def test_a_damaged_model_from_elsewhere_is_refused(
    store: ModelStore, model: InstalledModel, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(model.directory, copy)
    content = bytearray((copy / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (copy / "model.onnx").write_bytes(content)
    with pytest.raises(InvalidInput, match="is damaged"):
        install_from_path(store, copy)
    (copy / "model.onnx").unlink()
    with pytest.raises(InvalidInput, match=r"no model\.onnx beside"):
        install_from_path(store, copy)
    assert store.find() is None


def test_weights_that_are_not_the_official_ones_are_refused(
    store: ModelStore, official: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for file in OFFICIAL_FILES:
        shutil.copyfile(official / file.name, other / file.name)
    with (other / "model.safetensors").open("r+b") as stream:
        stream.seek(1_000_000)
        stream.write(b"\0\1\2\3")
    with pytest.raises(InvalidInput, match="wrong checksum"):
        install_from_path(store, other)


def test_a_store_that_cannot_be_written_is_reported(tmp_path: Path, official: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable, match="cannot be made"):
        install_from_path(ModelStore(tmp_path / "file" / "models"), official)


def test_damage_is_found_and_repaired(store: ModelStore, model: InstalledModel) -> None:
    installed = install_from_path(store, model.directory)
    installed.onnx.write_bytes(installed.onnx.read_bytes()[:-1])
    assert store.find() is None
    with pytest.raises(ModelMissing, match="not installed"):
        store.require()
    repaired = install_from_path(store, model.directory)
    with repaired.onnx.open("r+b") as stream:
        stream.seek(1000)
        stream.write(b"damage")
    # Sizes are equal, so that only the full check sees it.
    found = store.find()
    assert found is not None
    with pytest.raises(Unreadable, match="is damaged"):
        store.verify(found)
    assert store.remove()
    assert not store.remove()
    assert store.find() is None


@pytest.mark.parametrize(
    "manifest", ["", "[]", "{}", '{"format": 99}', '{"format": 1, "files": {}}', "\0"]
)
def test_a_directory_with_a_bad_manifest_is_passed_over(
    store: ModelStore, model: InstalledModel, manifest: str
) -> None:
    bad = store.root / model.name / "q8x-1-bad"
    shutil.copytree(model.directory, bad)
    (bad / "manifest.json").write_text(manifest, encoding="utf-8")
    assert store.find() is None


def test_a_manifest_cannot_name_files_elsewhere(
    store: ModelStore, model: InstalledModel, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(model.directory, copy)
    manifest = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    manifest["files"]["../../escape"] = manifest["files"]["check.npy"]
    (copy / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    shutil.copyfile(copy / "check.npy", tmp_path / "escape")
    with pytest.raises(InvalidInput, match="escape"):
        install_from_path(store, copy)


@pytest.mark.parametrize("name", ["", "..", "a/b", os.sep])
def test_a_model_name_is_no_path(store: ModelStore, name: str) -> None:
    with pytest.raises(ModelMissing, match="not the name"):
        store.find(name)
