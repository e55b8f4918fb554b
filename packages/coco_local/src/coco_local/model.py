"""The embedding model of the daemon: found, fetched or missing, and always said so."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

import structlog

from coco_core.errors import CocoError, ModelMissing, Unavailable, Unreadable
from coco_core.ports import Embedder
from coco_core.types import FloatVector
from coco_embed.onnx import OnnxEmbedder
from coco_embed.progress import Progress
from coco_embed.store import InstalledModel, ModelStore
from coco_local.activity import Activity
from coco_local.settings import Settings
from coco_protocol.system import ModelBody

__all__ = ["DIMENSIONS", "ModelService"]

log = structlog.get_logger(__name__)

DIMENSIONS = {"all-MiniLM-L6-v2": 384}
"""Length of the vectors of the models that CoCo can provision."""

# Agents repeat their questions; a query vector is 1.5 KB.
_CACHED_QUERIES = 512

_SETUP_HINT = (
    "Until it is there, search uses keywords and the built-in vectors. Fetch it with: coco setup"
)


class ModelService:
    """Finds or fetches the model in the background; queries go on without it."""

    def __init__(
        self,
        settings: Settings,
        static: Embedder,
        activity: Activity,
        between: Callable[[], None],
        on_ready: Callable[[Embedder], None],
    ) -> None:
        self._settings = settings
        self._static = static
        self._activity = activity
        self._between = between
        self._on_ready = on_ready
        self._store = ModelStore(settings.home.models)
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._embedder: OnnxEmbedder | None = None
        self._body = ModelBody(name=settings.model_name, state="missing", detail="looking for it")
        self._queries: OrderedDict[str, FloatVector] = OrderedDict()
        self._thread = threading.Thread(target=self._run, name="coco-model", daemon=True)

    def start(self) -> None:
        """Begin to look for the model."""
        self._thread.start()

    def body(self) -> ModelBody:
        """Return the state for the wire."""
        return self._body

    @property
    def notice(self) -> str | None:
        """What a caller should know when there is no model; None when there is one."""
        if self._embedder is not None:
            return None
        body = self._body
        if body.state in {"downloading", "converting"}:
            share = f" ({body.progress:.0%})" if body.progress is not None else ""
            return (
                f"The embedding model is being fetched{share};"
                " until then answers use keywords and the built-in vectors."
            )
        return f"The embedding model is missing. {body.hint or _SETUP_HINT}"

    @property
    def ready(self) -> bool:
        """Queries are embedded by the model itself, no longer by the static table."""
        return self._embedder is not None

    def embed_query(self, text: str) -> FloatVector | None:
        """Return the query's vector: the model's, or the static table's while there is none.

        None without either: the table's file is damaged, which its queue has logged.
        """
        embedder = self._embedder
        if embedder is None:
            try:
                return self._static.embed_query(text)
            except Unreadable:
                return None
        with self._lock:
            known = self._queries.get(text)
            if known is not None:
                self._queries.move_to_end(text)
                return known
        vector = embedder.embed_query(text)
        with self._lock:
            self._queries[text] = vector
            if len(self._queries) > _CACHED_QUERIES:
                self._queries.popitem(last=False)
        return vector

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
                model, threads=self._settings.embed_threads, between=self._between
            )
            # The first text opens the session, so that no query has to wait for it.
            embedder.embed_query("warm up")
        except Unavailable as error:
            if self._stopping.is_set():
                return
            self._say_missing(error)
        except CocoError as error:
            self._say_missing(error)
        except Exception as error:  # the daemon serves on without a model
            log.exception("model_failed")
            self._say_missing(ModelMissing(f"The model cannot be used: {error}"))
        else:
            self._embedder = embedder
            self._body = ModelBody(name=model.name, state="ready")
            self._activity.log("info", f"model {model.name} is ready")
            self._on_ready(embedder)

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
        self._body = ModelBody(
            name=self._settings.model_name,
            state="downloading" if progress.stage == "download" else "converting",
            progress=share,
            detail=f"{progress.stage} from {progress.source}",
        )

    def _say_missing(self, error: CocoError) -> None:
        log.warning("model_missing", reason=error.message)
        self._activity.log("warning", str(error))
        self._body = ModelBody(
            name=self._settings.model_name,
            state="missing",
            detail=error.message,
            hint=error.hint or _SETUP_HINT,
        )
