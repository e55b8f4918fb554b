"""Embedding models of the indexes, opened on first use and closed with the last index.

An index asks with the embedder that embedded it. The daemon's own model serves all its windows; any
other is opened when an index needs it and closed when none does any more.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection

import structlog

from coco_core.configs import DEFAULT_CONFIG, EmbeddingConfig
from coco_core.errors import CocoError, InvalidConfig, InvalidInput, Unavailable, Unreadable
from coco_core.ports import Embedder, Tokenizer
from coco_core.types import FloatVector
from coco_embed.onnx import OnnxEmbedder
from coco_embed.resolver import ClosableEmbedder, Embedders
from coco_embed.static import StaticEmbedder
from coco_embed.store import DEFAULT_MODEL
from coco_local.monitoring.activity import Activity

__all__ = ["IndexModel", "IndexModels"]

log = structlog.get_logger(__name__)

# Agents repeat their questions; a query vector is 1.5 KB.
_CACHED_QUERIES = 512

# A server that is down is asked again after this.
_RETRY_SECONDS = 30.0


class IndexModel:
    """One model at one window, as the indexes under it and their queries see it; thread-safe."""

    def __init__(
        self, embedding: EmbeddingConfig, dimension: int, static: StaticEmbedder, notice: str
    ) -> None:
        """Describe a model that is not there yet; ``notice`` is shown to callers."""
        self.embedding = embedding
        self.dimension = dimension
        """Length of the vectors that the indexes hold."""
        self.static = embedding.model_name == static.model_name
        """The static table's vectors lie in its space."""
        self.coming = True
        """It is being looked for, and will be there or missing soon."""
        self._table = static
        self._notice = notice
        self._failure: str | None = None
        self._embedder: Embedder | None = None
        self._lock = threading.Lock()
        self._queries: OrderedDict[str, FloatVector] = OrderedDict()

    @property
    def embedder(self) -> Embedder | None:
        """What embeds documents, when it is ready."""
        return self._embedder

    @property
    def ready(self) -> bool:
        """Queries are embedded by the model itself."""
        return self._embedder is not None

    @property
    def notice(self) -> str | None:
        """What callers are shown when there is no model, or it fails; None when all is well."""
        return self._failure if self._embedder is not None else self._notice

    def record_failure(self, failure: str | None) -> None:
        """Record that documents cannot be embedded now, or (with None) can be again."""
        name = self.embedding.model_name
        notice = f"The embedding model {name!r} of this index fails: {failure}"
        self._failure = None if failure is None else notice

    def use(self, embedder: Embedder) -> None:
        """Embed with this from now on."""
        self._embedder = embedder
        self.coming = False

    def set_missing(self, notice: str, *, coming: bool) -> None:
        """Set what callers are shown while there is no model."""
        self._notice = notice
        self.coming = coming

    def embed_query(self, text: str) -> FloatVector | None:
        """Return the query's vector: the model's, or the static table's while there is none.

        None without either: the table lies in another model's space, or its file is damaged, which
        its queue has logged.

        Raises:
            CocoError: the model stands behind a server that does not answer.
        """
        embedder = self._embedder
        if embedder is None:
            return self._static_query(text)
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

    def _static_query(self, text: str) -> FloatVector | None:
        if not self.static:
            return None
        try:
            return self._table.embed_query(text)
        except Unreadable:
            return None


class IndexModels:
    """The models of all indexes; thread-safe."""

    def __init__(
        self,
        main_name: str,
        static: StaticEmbedder,
        embedders: Embedders,
        activity: Activity,
        on_ready: Callable[[], None],
    ) -> None:
        """Describe the models; none is opened yet.

        Args:
            main_name: the daemon's own model, which `use_main` brings.
            static: the table of the instant tier.
            embedders: opens all other models.
            activity: records models that are ready or missing.
            on_ready: called when a model can embed.
        """
        main = EmbeddingConfig(main_name, DEFAULT_CONFIG.embedding.max_tokens)
        # The daemon can provision no other model; an index under one opens it beside.
        length = embedders.dimension(main) if main_name == DEFAULT_MODEL else 0
        self.main = IndexModel(main, length, static, "")
        self._static = static
        self._embedders = embedders
        self._activity = activity
        self._on_ready = on_ready
        self._lock = threading.Lock()
        self._others: dict[tuple[EmbeddingConfig, int], IndexModel] = {}
        self._opened: dict[IndexModel, ClosableEmbedder] = {}
        self._main_embedder: OnnxEmbedder | None = None
        self._stopping = threading.Event()

    def dimension(self, embedding: EmbeddingConfig) -> int:
        """Return the length of a model's vectors.

        Raises:
            InvalidConfig: there is no such model.
            Unavailable: it stands behind a server that does not say.
        """
        return self._embedders.dimension(embedding)

    def tokenizer(self, embedding: EmbeddingConfig) -> Tokenizer | None:
        """Return what counts a model's tokens; None when only an estimate can be had."""
        try:
            return self._embedders.tokenizer(embedding)
        except CocoError as error:
            log.warning("no_tokenizer", model=embedding.model_name, reason=error.message)
            return None

    def of(self, embedding: EmbeddingConfig, dimension: int) -> IndexModel:
        """Return a model whose vectors are so long; one that is new here begins to be opened."""
        if (embedding, dimension) == (self.main.embedding, self.main.dimension):
            return self.main
        with self._lock:
            found = self._others.get((embedding, dimension))
            if found is not None:
                return found
            model = IndexModel(embedding, dimension, self._static, _opening(embedding))
            self._others[embedding, dimension] = model
            if self._is_main(embedding):
                self._follow_main(model)
                return model
        self._open_beside(model)
        return model

    def use_main(self, embedder: OnnxEmbedder) -> None:
        """The daemon's own model is there: it serves every window of it."""
        self.main.use(embedder)
        with self._lock:
            self._main_embedder = embedder
            for model in self._others.values():
                if self._is_main(model.embedding):
                    self._follow_main(model)
        self._on_ready()

    def main_missing(self, notice: str, *, coming: bool) -> None:
        """The daemon's own model is missing, or still on its way."""
        with self._lock:
            others = list(self._others.values())
        for model in (self.main, *others):
            if self._is_main(model.embedding):
                model.set_missing(notice, coming=coming)

    def keep_only(self, needed: Collection[IndexModel]) -> None:
        """Close the models that no index needs any more."""
        with self._lock:
            gone = [model for model in self._others.values() if model not in needed]
            for model in gone:
                del self._others[model.embedding, model.dimension]
            closing = [self._opened.pop(model) for model in gone if model in self._opened]
        for embedder in closing:
            embedder.close()

    def close(self) -> None:
        """Let go of every model but the daemon's own."""
        self._stopping.set()
        self.keep_only(())
        self._embedders.close()

    # --- opening -------------------------------------------------------------------------------

    def _is_main(self, embedding: EmbeddingConfig) -> bool:
        return self.main.dimension > 0 and embedding.model_name == self.main.embedding.model_name

    def _follow_main(self, model: IndexModel) -> None:
        """Give a window of the daemon's own model what that one has; under the lock."""
        main = self._main_embedder
        if main is None:
            model.set_missing(self.main.notice or "", coming=self.main.coming)
            return
        try:
            embedder = main.at(model.embedding.max_tokens)
        except InvalidInput as error:
            self._report_missing(model, error)
            return
        self._opened[model] = embedder
        model.use(embedder)

    def _open_beside(self, model: IndexModel) -> None:
        """Open it in a thread of its own: a server may take its time to answer."""
        threading.Thread(
            target=self._open, args=(model,), name="coco-index-model", daemon=True
        ).start()

    def _open(self, model: IndexModel) -> None:
        embedding = model.embedding
        while not self._stopping.is_set() and self._wanted(model):
            try:
                self._take(model, self._opened_and_warm(embedding))
            except CocoError as error:
                self._report_missing(model, error)
                if isinstance(error, Unavailable) and not self._stopping.wait(_RETRY_SECONDS):
                    continue
            except Exception as error:  # the daemon and the other indexes go on
                log.exception("index_model_failed", model=embedding.model_name)
                self._report_missing(model, InvalidConfig(f"It cannot be used: {error}"))
            return

    def _opened_and_warm(self, embedding: EmbeddingConfig) -> ClosableEmbedder:
        embedder = self._embedders.open(embedding)
        try:
            # The first text opens what it stands on, so that no query has to wait for it.
            embedder.embed_query("warm up")
        except BaseException:
            embedder.close()
            raise
        return embedder

    def _wanted(self, model: IndexModel) -> bool:
        return self._others.get((model.embedding, model.dimension)) is model

    def _take(self, model: IndexModel, embedder: ClosableEmbedder) -> None:
        with self._lock:
            wanted = self._wanted(model) and not self._stopping.is_set()
            fits = embedder.dimension == model.dimension
            if wanted and fits:
                self._opened[model] = embedder
                model.use(embedder)
        if not wanted or not fits:
            embedder.close()
        if wanted and not fits:
            self._report_missing(model, _other_length(model, embedder.dimension))
        if not wanted or not fits:
            return
        self._activity.log("info", f"model {model.embedding.model_name} is ready")
        self._on_ready()

    def _report_missing(self, model: IndexModel, error: CocoError) -> None:
        name = model.embedding.model_name
        hint = f" {error.hint}" if error.hint else ""
        model.set_missing(
            f"The embedding model {name!r} of this index is missing: {error.message}{hint}",
            coming=False,
        )
        log.warning("index_model_missing", model=name, reason=error.message)
        self._activity.log("warning", f"{name}: {error}")


def _opening(embedding: EmbeddingConfig) -> str:
    return f"The embedding model {embedding.model_name!r} of this index is being loaded."


def _other_length(model: IndexModel, dimension: int) -> CocoError:
    return InvalidConfig(
        f"Its vectors have {dimension} numbers now, and those of the index {model.dimension}.",
        hint="Rebuild the index: coco config drop ID, then coco index --config ID",
    )
