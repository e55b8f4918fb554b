"""Embedding models by type: built-in, static, ONNX directory, server."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

from coco_core.errors import ModelMissing, Unavailable
from coco_core.ports import Tokenizer
from coco_core.types import FloatMatrix, FloatVector
from coco_embed.budget import EmbeddingBudget
from coco_embed.custom_models import CustomModel
from coco_embed.directory import ModelDirectory
from coco_embed.http import HttpEmbedder
from coco_embed.onnx import OnnxEmbedder
from coco_embed.prompts import ClosableEmbedder, Prompts, prompted
from coco_embed.runtime import BuiltInModel, LoadedModel
from coco_embed.settings import EmbeddingSettings
from coco_embed.static import STATIC_MODEL, StaticEmbedder, word_pieces
from coco_embed.store import DEFAULT_MODEL, InstalledModel, ModelStore

__all__ = ["BuiltIn", "DirectoryModel", "EmbeddingModel", "ModelKind", "ServerModel", "StaticModel"]

ModelKind: TypeAlias = Literal["built-in", "onnx", "http"]

# What the built-in model's vectors have; known before the model is there.
_DEFAULT_DIMENSION = 384
_LONGEST = 512
# The most that a config can ask for.
_ANY_LENGTH = 32_768
# What a server's model usually reads, where its registration does not say.
_SERVER_WINDOW = 512
# Somebody waits for the answer of a probe.
_PROBE_SECONDS = 10.0


class EmbeddingModel(Protocol):
    """One model, for all configs that name it; thread-safe."""

    @property
    def kind(self) -> ModelKind:
        """Where it comes from."""
        ...

    @property
    def place(self) -> str:
        """Its directory or URL; empty for what is built in."""
        ...

    @property
    def known_dimension(self) -> int | None:
        """Length of a vector, where nothing must be opened or asked to know it."""
        ...

    @property
    def max_tokens(self) -> int:
        """Longest window in tokens; a directory that holds no model raises `CocoError`."""
        ...

    def dimension(self) -> int:
        """Return the length of a vector, the same at every window."""
        ...

    def open(
        self, max_tokens: int, *, budget: EmbeddingBudget | None, timeout: float
    ) -> ClosableEmbedder:
        """Return the model at a window, to be closed by the caller."""
        ...

    def tokenizer(self) -> Tokenizer | None:
        """Return the model's own tokenizer; None where nobody here has it."""
        ...

    def close(self) -> None:
        """Let go of it; what was opened raises `Unavailable` from then on."""
        ...


class BuiltIn:
    """all-MiniLM-L6-v2: one network for every window, fetched when it is first opened."""

    kind: ModelKind = "built-in"
    place = ""
    known_dimension: int | None = _DEFAULT_DIMENSION
    max_tokens = _LONGEST

    def __init__(self, settings: EmbeddingSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._loaded: LoadedModel | None = None

    def dimension(self) -> int:
        """Return what it has, whether it is there or not."""
        return _DEFAULT_DIMENSION

    def open(
        self,
        max_tokens: int,
        *,
        budget: EmbeddingBudget | None,  # noqa: ARG002 - it costs nothing
        timeout: float,  # noqa: ARG002 - nobody else is asked
    ) -> ClosableEmbedder:
        """Return a window of the shared model; a missing one raises `ModelMissing`."""
        with self._lock:
            if self._loaded is None:
                self._loaded = LoadedModel(
                    BuiltInModel(self._installed()), threads=self._settings.threads
                )
            loaded = self._loaded
        return OnnxEmbedder(loaded, max_tokens=max_tokens, before_work=self._settings.before_work)

    def tokenizer(self) -> Tokenizer:
        """Return the word pieces, which stand in the package."""
        return word_pieces()

    def close(self) -> None:
        """Give the model's memory back."""
        with self._lock:
            loaded, self._loaded = self._loaded, None
        if loaded is not None:
            loaded.close()

    def _installed(self) -> InstalledModel:
        settings = self._settings
        store = ModelStore(settings.models)
        if not settings.fetch:
            return store.require()
        found = store.find()
        if found is not None:
            return found
        if settings.offline:
            raise ModelMissing(
                f"The model {DEFAULT_MODEL} is not in {store.root}, and COCO_OFFLINE forbids "
                "fetching it.",
                hint="Set COCO_EMBED_MODEL_DIR, or COCO_EMBED_URL for a model behind a server.",
            )
        from coco_embed.provision import provision

        return provision(store, model_url=settings.model_url)


class StaticModel:
    """The static table as a model of its own, for documents and queries alike."""

    kind: ModelKind = "built-in"
    place = ""
    known_dimension: int | None = _DEFAULT_DIMENSION
    # It adds up rows, however many.
    max_tokens = _ANY_LENGTH

    def __init__(self, settings: EmbeddingSettings) -> None:
        self._before_work = settings.before_work
        self._table = StaticEmbedder()

    def dimension(self) -> int:
        """Return the table's."""
        return self._table.dimension

    def open(
        self,
        max_tokens: int,
        *,
        budget: EmbeddingBudget | None,  # noqa: ARG002 - it costs nothing
        timeout: float,  # noqa: ARG002 - nobody else is asked
    ) -> ClosableEmbedder:
        """Return the table as it reads so much of a text."""
        return _StaticView(self._table.at(max_tokens), self)

    def tokenizer(self) -> Tokenizer:
        """Return the word pieces whose rows the table has."""
        return word_pieces()

    def pause(self) -> None:
        """Let what is more urgent go first."""
        if self._before_work is not None:
            self._before_work()

    def close(self) -> None:
        """Do nothing: a table is a few megabytes and goes with its last user."""


class _StaticView:
    def __init__(self, table: StaticEmbedder, model: StaticModel) -> None:
        self._table = table
        self._model = model
        self._closed = False
        # Not the bare name of the fit: that one marks vectors that the model's own replace.
        self.name = f"{STATIC_MODEL}@{table.max_tokens}#{table.name}"
        self.dimension = table.dimension
        self.max_tokens = table.max_tokens

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        self._refuse_closed()
        self._model.pause()
        return self._table.embed_documents(texts)

    def embed_query(self, text: str) -> FloatVector:
        self._refuse_closed()
        return self._table.embed_query(text)

    def close(self) -> None:
        self._closed = True

    def _refuse_closed(self) -> None:
        if self._closed:
            raise Unavailable("The embedder is closed.", hint="Restart CoCo: coco restart")


class DirectoryModel:
    """A registered ONNX directory: one network for every window."""

    kind: ModelKind = "onnx"

    def __init__(self, settings: EmbeddingSettings, model: CustomModel) -> None:
        self.place = str(model.path)
        self.known_dimension = model.dimension
        self._settings = settings
        self._model = model
        self._lock = threading.Lock()
        self._read: ModelDirectory | None = None
        self._loaded: LoadedModel | None = None

    @property
    def max_tokens(self) -> int:
        """What is registered or the directory says."""
        return self._shared()[0].max_tokens

    def dimension(self) -> int:
        """Return what is registered, or what the graph gives when it is opened."""
        return self._shared()[1].dimension

    def open(
        self,
        max_tokens: int,
        *,
        budget: EmbeddingBudget | None,  # noqa: ARG002 - it costs nothing
        timeout: float,  # noqa: ARG002 - nobody else is asked
    ) -> ClosableEmbedder:
        """Return a window of the shared model; the first text opens its files."""
        directory, loaded = self._shared()
        embedder = OnnxEmbedder(
            loaded, max_tokens=max_tokens, before_work=self._settings.before_work
        )
        return prompted(embedder, directory.prompts)

    def tokenizer(self) -> Tokenizer:
        """Return the directory's."""
        return self._shared()[1].tokenizer()

    def close(self) -> None:
        """Give the model's memory back."""
        with self._lock:
            loaded, self._loaded, self._read = self._loaded, None, None
        if loaded is not None:
            loaded.close()

    def _shared(self) -> tuple[ModelDirectory, LoadedModel]:
        with self._lock:
            if self._read is None or self._loaded is None:
                self._read = ModelDirectory.read(self._model)
                self._loaded = LoadedModel(
                    self._read, threads=self._settings.threads, keep=self._settings.keep
                )
            return self._read, self._loaded


class ServerModel:
    """A model behind an HTTP server: a registered one, or any that COCO_EMBED_URL has."""

    kind: ModelKind = "http"

    def __init__(self, settings: EmbeddingSettings, model: CustomModel) -> None:
        assert model.url is not None
        self.place = model.url
        self._settings = settings
        self._model = model
        self._url = model.url
        self._lock = threading.Lock()
        self.known_dimension = model.dimension

    @property
    def max_tokens(self) -> int:
        """What is registered; a server that may have any model says nothing about it."""
        if not self._model.origin:
            return _ANY_LENGTH
        return self._model.max_tokens or _SERVER_WINDOW

    def dimension(self) -> int:
        """Return what the registration says, or what the server says, which is asked once."""
        with self._lock:
            known = self.known_dimension
        if known is None:
            known = HttpEmbedder.probe(
                self._url,
                self._model.model or self._model.name,
                api_key_env=self._model.api_key_env,
                timeout=_PROBE_SECONDS,
            )
            with self._lock:
                self.known_dimension = known
        return known

    def open(
        self, max_tokens: int, *, budget: EmbeddingBudget | None, timeout: float
    ) -> ClosableEmbedder:
        """Return an embedder with connections of its own."""
        model, settings = self._model, self._settings
        embedder = HttpEmbedder(
            base_url=self._url,
            model=model.model or model.name,
            dimension=self.dimension(),
            max_tokens=max_tokens,
            api_key_env=model.api_key_env,
            batch_size=settings.batch_size,
            parallel=settings.parallel,
            timeout=timeout,
            before_work=settings.before_work,
            budget=budget,
        )
        prompts = Prompts(model.query_prefix or "", model.document_prefix or "")
        return prompted(embedder, prompts)

    def tokenizer(self) -> Tokenizer | None:
        """Return None, but for the model whose word pieces stand in the package."""
        return word_pieces() if self._model.name == DEFAULT_MODEL else None

    def close(self) -> None:
        """Do nothing: connections belong to what was opened."""
