"""The daemon's own embedding model: found or fetched in the background, its state always known."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from coco_core.errors import CocoError, ModelMissing, Unavailable
from coco_embed.onnx import OnnxEmbedder
from coco_embed.progress import Progress
from coco_embed.store import InstalledModel, ModelStore
from coco_local.models.index_models import IndexModels
from coco_local.monitoring.activity import Activity
from coco_local.settings import Settings
from coco_protocol.system import ModelBody

__all__ = ["ModelService"]

log = structlog.get_logger(__name__)

_SETUP_HINT = (
    "Until it is installed, search uses keywords and static vectors. Fetch it with: coco setup"
)


class ModelService:
    """Finds or fetches the model in the background; queries go on without it."""

    def __init__(
        self,
        settings: Settings,
        models: IndexModels,
        activity: Activity,
        before_work: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._models = models
        self._activity = activity
        self._before_work = before_work
        self._store = ModelStore(settings.home.models)
        self._stopping = threading.Event()
        self._embedder: OnnxEmbedder | None = None
        body = ModelBody(name=settings.model_name, state="missing", detail="looking for it")
        self._set_absent(body, coming=True)
        self._thread = threading.Thread(target=self._run, name="coco-model", daemon=True)

    def start(self) -> None:
        """Begin to look for the model."""
        self._thread.start()

    def body(self) -> ModelBody:
        """Return the state for the wire."""
        return self._body

    def _set_absent(self, body: ModelBody, *, coming: bool) -> None:
        """Enter a state in which there is no model; ``coming``: it may change by itself."""
        self._body = body
        if body.state in {"downloading", "converting"}:
            share = f" ({body.progress:.0%})" if body.progress is not None else ""
            notice = (
                f"The embedding model is being fetched{share};"
                " until then search uses keywords and static vectors."
            )
        else:
            notice = f"The embedding model is missing. {body.hint or _SETUP_HINT}"
        self._models.main_missing(notice, coming=coming)

    def stop(self) -> None:
        """Give up a download that is under way and let go of the model."""
        self._stopping.set()
        if self._embedder is not None:
            self._embedder.close()

    # --- the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            model = self._find_or_fetch()
            embedder = OnnxEmbedder(
                model, threads=self._settings.embed_threads, before_work=self._before_work
            )
            # The first text opens the session, so that no query has to wait for it.
            embedder.embed_query("warm up")
        except Unavailable as error:
            if self._stopping.is_set():
                return
            self._report_missing(error)
        except CocoError as error:
            self._report_missing(error)
        except Exception as error:  # the daemon serves on without a model
            log.exception("model_failed")
            self._report_missing(ModelMissing(f"The model cannot be used: {error}"))
        else:
            self._embedder = embedder
            self._body = ModelBody(name=model.name, state="ready")
            self._activity.log("info", f"model {model.name} is ready")
            self._models.use_main(embedder)

    def _find_or_fetch(self) -> InstalledModel:
        found = self._store.find(self._settings.model_name)
        if found is not None:
            return found
        if self._settings.offline:
            raise ModelMissing(
                "The embedding model is not installed, and COCO_OFFLINE forbids fetching it.",
                hint="Install it by hand with: coco setup --model-path FILE",
            )
        self._activity.log("info", f"fetching the model {self._settings.model_name}")
        # Once in the life of an installation; no other start has to load what it takes.
        from coco_embed.provision import provision
        from coco_embed.sources import default_sources

        return provision(
            self._store,
            sources=default_sources(self._settings.model_url or self._settings.model_mirror),
            on_progress=self._on_progress,
            cancelled=self._stopping.is_set,
        )

    def _on_progress(self, progress: Progress) -> None:
        share = None
        if progress.total_bytes:
            share = min(1.0, progress.done_bytes / progress.total_bytes)
        self._set_absent(
            ModelBody(
                name=self._settings.model_name,
                state="downloading" if progress.stage == "download" else "converting",
                progress=share,
                detail=f"{progress.stage} from {progress.source}",
            ),
            coming=True,
        )

    def _report_missing(self, error: CocoError) -> None:
        log.warning("model_missing", reason=error.message)
        self._activity.log("warning", str(error))
        self._set_absent(
            ModelBody(
                name=self._settings.model_name,
                state="missing",
                detail=error.message,
                hint=error.hint or _SETUP_HINT,
            ),
            coming=False,
        )
