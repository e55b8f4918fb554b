"""Model installation: builds a model from downloaded files, and moves it into place."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from coco_core.errors import Unavailable
from coco_embed.manifest import MANIFEST_NAME, Conversion, FileRecord, Manifest, file_sha256
from coco_embed.minilm_files import OFFICIAL_FILES, TOKENIZER, WEIGHTS, verify
from coco_embed.progress import SourceFailed, Watch
from coco_embed.store import DEFAULT_MODEL, InstalledModel, ModelStore

__all__ = ["build_model", "install"]

# How often a conversion, which takes about two seconds, is asked to stop.
_POLL_SECONDS = 0.1


def build_model(fetched: Path, ready: Path, watch: Watch) -> Manifest:
    """Fill the folder ``ready`` from official files or from a model that CoCo made elsewhere."""
    if (fetched / MANIFEST_NAME).is_file():
        return _adopt(fetched, ready, watch)
    for file in OFFICIAL_FILES:
        verify(fetched / file.name, file, watch)
    watch.report("convert")
    conversion = _convert(fetched, ready, watch)
    shutil.copyfile(fetched / TOKENIZER.name, ready / TOKENIZER.name)
    manifest = Manifest(
        name=DEFAULT_MODEL,
        source=watch.source,
        created=_now(),
        conversion=conversion,
        files={path.name: _record(path) for path in sorted(ready.iterdir())},
    )
    (ready / MANIFEST_NAME).write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def install(ready: Path, models: Path, manifest: Manifest, watch: Watch) -> InstalledModel:
    """Move the finished folder to ``models/<recipe>-<fingerprint>``, durably and in one step."""
    watch.report("install")
    models.mkdir(parents=True, exist_ok=True)
    target = models / f"{manifest.conversion.recipe}-{manifest.fingerprint}"
    for path in ready.iterdir():
        _sync(path)
    _sync(ready)
    if target.exists():
        # The same model, perhaps damaged. A reader keeps the files it has open.
        discarded = ready.with_name("discarded")
        shutil.rmtree(discarded, ignore_errors=True)
        target.rename(discarded)
        ready.rename(target)
        shutil.rmtree(discarded, ignore_errors=True)
    else:
        ready.rename(target)
    _sync(models)
    return InstalledModel.at(target)


def _adopt(fetched: Path, ready: Path, watch: Watch) -> Manifest:
    """Check a model that was made elsewhere against its manifest and on this processor."""
    from coco_embed.accuracy_check import check_model

    model = InstalledModel.at(fetched)
    watch.report("verify")
    ModelStore(fetched.parent).verify(model)
    if model.name != DEFAULT_MODEL or "check.npy" not in model.manifest.files:
        raise SourceFailed(f"it is not a model {DEFAULT_MODEL} that can be checked")
    accuracy = check_model(model)
    conversion = replace(
        model.manifest.conversion,
        agreement_mean=accuracy.mean,
        agreement_minimum=accuracy.minimum,
    )
    manifest = replace(model.manifest, source=watch.source, created=_now(), conversion=conversion)
    for name in manifest.files:
        shutil.copyfile(fetched / name, ready / name)
    (ready / MANIFEST_NAME).write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def _convert(fetched: Path, ready: Path, watch: Watch) -> Conversion:
    paths = [str(fetched / WEIGHTS.name), str(fetched / TOKENIZER.name), str(ready)]
    with subprocess.Popen(
        [sys.executable, "-m", "coco_embed.convert", *paths],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        try:
            while True:
                try:
                    output, problem = process.communicate(timeout=_POLL_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    watch.report("convert")
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        last = (problem.strip().splitlines() or [f"it ended with {process.returncode}"])[-1]
        raise Unavailable(
            f"The embedding model could not be converted: {last}",
            hint="Half a gigabyte of memory is needed for it. Try again: coco setup",
        )
    return Conversion(**json.loads(output))


def _record(path: Path) -> FileRecord:
    return FileRecord(size=path.stat().st_size, sha256=file_sha256(path))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _sync(path: Path) -> None:
    """Make a file or, where the system can, a folder survive a power cut."""
    if path.is_dir() and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
