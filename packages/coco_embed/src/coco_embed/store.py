"""Installed models on disk: ``<root>/<name>/<recipe>-<fingerprint>/``, each with its manifest."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from coco_core.errors import ModelMissing, Unreadable
from coco_embed.manifest import Manifest, file_sha256

__all__ = ["DEFAULT_MODEL", "InstalledModel", "ModelStore"]

DEFAULT_MODEL = "all-MiniLM-L6-v2"


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A complete model on disk."""

    name: str
    directory: Path
    onnx: Path
    tokenizer: Path
    manifest: Manifest

    @classmethod
    def at(cls, directory: Path) -> InstalledModel:
        """Open a model's directory, comparing sizes only; what is wrong raises `Unreadable`."""
        manifest = Manifest.read(directory)
        for name, record in manifest.files.items():
            path = directory / name
            size = path.stat().st_size if path.is_file() else None
            if size != record.size:
                found = "is missing" if size is None else f"has {size} bytes"
                raise Unreadable(
                    f"{path} {found}; the manifest says {record.size} bytes.",
                    hint="Run: coco setup",
                )
        return cls(
            name=manifest.name,
            directory=directory,
            onnx=directory / "model.onnx",
            tokenizer=directory / "tokenizer.json",
            manifest=manifest,
        )


class ModelStore:
    """The models under one directory, ``~/.coco/models`` in local mode."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def find(self, name: str = DEFAULT_MODEL) -> InstalledModel | None:
        """Return the newest complete model of this name; broken ones are passed over."""
        models = self._complete(name)
        return max(models, key=lambda model: model.manifest.created, default=None)

    def require(self, name: str = DEFAULT_MODEL) -> InstalledModel:
        """Return the model or raise `ModelMissing`."""
        model = self.find(name)
        if model is None:
            raise ModelMissing(
                f"The embedding model {name!r} is not installed under {self.root}.",
                hint="Run: coco setup",
            )
        return model

    def verify(self, model: InstalledModel) -> None:
        """Compare every checksum with the manifest; a difference raises `Unreadable`."""
        for name, record in model.manifest.files.items():
            path = model.directory / name
            try:
                found = file_sha256(path)
            except OSError as error:
                raise Unreadable(
                    f"{path} cannot be read: {error}.", hint="Run: coco setup"
                ) from error
            if found != record.sha256:
                raise Unreadable(
                    f"{path} is damaged: its SHA-256 is {found}, not {record.sha256}.",
                    hint="Run: coco setup --force",
                )

    def remove(self, name: str = DEFAULT_MODEL) -> bool:
        """Delete every version of a model, complete or not; say whether there was one."""
        directory = self._directory(name)
        if not directory.is_dir():
            return False
        shutil.rmtree(directory)
        return True

    def _complete(self, name: str) -> list[InstalledModel]:
        directory = self._directory(name)
        models: list[InstalledModel] = []
        for candidate in sorted(directory.iterdir()) if directory.is_dir() else []:
            try:
                models.append(InstalledModel.at(candidate))
            except Unreadable:
                # A version that is damaged or of another format: provisioning replaces it.
                continue
        return models

    def _directory(self, name: str) -> Path:
        if name in {"", ".", ".."} or name != Path(name).name:
            raise ModelMissing(f"{name!r} is not the name of a model.", hint="Run: coco setup")
        return self.root / name
