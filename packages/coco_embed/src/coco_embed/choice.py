"""Which embedder an indexing config gets: the built-in model, or one behind an HTTP server."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from coco_core.configs import EmbeddingConfig
from coco_core.errors import InvalidConfig, ModelMissing
from coco_core.ports import Embedder, Tokenizer
from coco_embed.budget import EmbeddingBudget
from coco_embed.http import HttpEmbedder
from coco_embed.onnx import OnnxEmbedder
from coco_embed.store import DEFAULT_MODEL, InstalledModel, ModelStore

__all__ = ["EMBEDDING_VARIABLES", "ClosableEmbedder", "Embedders", "EmbeddingSettings"]

EMBEDDING_VARIABLES = (
    "COCO_EMBED_URL",
    "COCO_EMBED_API_KEY",
    "COCO_EMBED_DIMENSION",
    "COCO_EMBED_BATCH",
    "COCO_EMBED_PARALLEL",
    "COCO_EMBED_THREADS",
    "COCO_EMBED_MODEL_DIR",
    "COCO_MODEL_URL",
    "COCO_MODEL_MIRROR",
    "COCO_OFFLINE",
)
"""Environment variables that `EmbeddingSettings.from_environment` reads."""

_KEY_VARIABLE = "COCO_EMBED_API_KEY"
# What the built-in model's vectors have; known before the model is there.
_DEFAULT_DIMENSION = 384
# Nothing that is counted here is near it; a longer number is a slip.
_LARGEST = 65_536
_YES = frozenset({"1", "true", "yes", "on"})


class ClosableEmbedder(Embedder, Protocol):
    """An embedder that holds a model or connections."""

    def close(self) -> None:
        """Give them back; calls in progress raise `Unavailable`."""
        ...


@dataclass(frozen=True, slots=True)
class EmbeddingSettings:
    """Where embedding happens, for all configs of one service."""

    url: str | None = None
    """OpenAI's protocol, up to and without ``/embeddings``; None is the built-in model."""
    api_key_env: str | None = None
    """The variable that holds the server's key."""
    dimension: int | None = None
    """Of the server's vectors; asked of the server when not given."""
    # The worker's batches; a query is a batch of its own.
    batch_size: int = 64
    parallel: int = 4
    threads: int | None = None
    models: Path = Path.home() / ".coco" / "models"
    model_url: str | None = None
    offline: bool = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> EmbeddingSettings:
        """Read the variables in `EMBEDDING_VARIABLES`; empty ones count as absent.

        Raises:
            InvalidConfig: a value cannot be used.
        """
        default = cls()
        given = {name: environ.get(name, "").strip() for name in EMBEDDING_VARIABLES}
        return cls(
            url=given["COCO_EMBED_URL"] or None,
            api_key_env=_KEY_VARIABLE if given[_KEY_VARIABLE] else None,
            dimension=_integer(given, "COCO_EMBED_DIMENSION"),
            batch_size=_integer(given, "COCO_EMBED_BATCH") or default.batch_size,
            parallel=_integer(given, "COCO_EMBED_PARALLEL") or default.parallel,
            threads=_integer(given, "COCO_EMBED_THREADS"),
            models=Path(given["COCO_EMBED_MODEL_DIR"])
            if given["COCO_EMBED_MODEL_DIR"]
            else default.models,
            model_url=given["COCO_MODEL_URL"] or given["COCO_MODEL_MIRROR"] or None,
            offline=given["COCO_OFFLINE"].lower() in _YES,
        )


class Embedders:
    """Opens embedders as configs ask for them; thread-safe."""

    def __init__(self, settings: EmbeddingSettings | None = None) -> None:
        self.settings = settings or EmbeddingSettings()
        self._lock = threading.Lock()
        self._local: dict[int, OnnxEmbedder] = {}
        self._dimensions: dict[str, int] = {}

    def dimension(self, config: EmbeddingConfig) -> int:
        """Return the length of a config's vectors; may ask the server, or need nothing at all.

        Raises:
            InvalidConfig: this service has no such model.
            Unavailable: the server does not say.
        """
        if self.settings.url is None:
            _require_default(config)
            return _DEFAULT_DIMENSION
        if self.settings.dimension is not None:
            return self.settings.dimension
        with self._lock:
            known = self._dimensions.get(config.model_name)
        if known is None:
            known = HttpEmbedder.probe(
                self.settings.url, config.model_name, api_key_env=self.settings.api_key_env
            )
            with self._lock:
                self._dimensions[config.model_name] = known
        return known

    def open(
        self,
        config: EmbeddingConfig,
        *,
        budget: EmbeddingBudget | None = None,
        timeout: float = 30.0,
    ) -> ClosableEmbedder:
        """Return a config's embedder, to be closed by the caller.

        Args:
            config: names the model and how much of a text it sees.
            budget: what a job may spend on a server; the built-in model costs nothing.
            timeout: seconds for one request to a server.

        Raises:
            InvalidConfig: this service has no such model.
            ModelMissing: the built-in model is not here and cannot be fetched.
        """
        settings = self.settings
        if settings.url is None:
            return _Shared(self._built_in(config))
        return HttpEmbedder(
            base_url=settings.url,
            model=config.model_name,
            dimension=self.dimension(config),
            max_tokens=config.max_tokens,
            api_key_env=settings.api_key_env,
            batch_size=settings.batch_size,
            parallel=settings.parallel,
            timeout=timeout,
            budget=budget,
        )

    def tokenizer(self, config: EmbeddingConfig) -> Tokenizer | None:
        """Return the model's own tokenizer; None when it stands behind a server."""
        return None if self.settings.url is not None else self._built_in(config).tokenizer

    def close(self) -> None:
        """Let go of the built-in model."""
        with self._lock:
            local, self._local = self._local, {}
        for embedder in local.values():
            embedder.close()

    def _built_in(self, config: EmbeddingConfig) -> OnnxEmbedder:
        _require_default(config)
        with self._lock:
            known = self._local.get(config.max_tokens)
            if known is None:
                known = OnnxEmbedder(
                    self._installed(), max_tokens=config.max_tokens, threads=self.settings.threads
                )
                self._local[config.max_tokens] = known
            return known

    def _installed(self) -> InstalledModel:
        store = ModelStore(self.settings.models)
        found = store.find()
        if found is not None:
            return found
        if self.settings.offline:
            raise ModelMissing(
                f"The model {DEFAULT_MODEL} is not in {store.root}, and COCO_OFFLINE forbids "
                "fetching it.",
                hint="Set COCO_EMBED_MODEL_DIR, or COCO_EMBED_URL for a model behind a server.",
            )
        from coco_embed.provision import provision

        return provision(store, model_url=self.settings.model_url)


class _Shared:
    """The built-in model as one caller has it: closing it leaves it to the others."""

    def __init__(self, embedder: OnnxEmbedder) -> None:
        self._embedder = embedder
        self.name = embedder.name
        self.dimension = embedder.dimension
        self.max_tokens = embedder.max_tokens
        self.embed_documents = embedder.embed_documents
        self.embed_query = embedder.embed_query

    def close(self) -> None:
        """Do nothing: `Embedders.close` does."""


def _require_default(config: EmbeddingConfig) -> None:
    if config.model_name != DEFAULT_MODEL:
        raise InvalidConfig(
            f"The model {config.model_name!r} is not built in.",
            hint=f"Use {DEFAULT_MODEL!r}, or set COCO_EMBED_URL to a server that has it.",
        )


def _integer(given: Mapping[str, str], name: str) -> int | None:
    value = given[name]
    if not value:
        return None
    if not value.isascii() or not value.isdigit() or not 0 < int(value) <= _LARGEST:
        raise InvalidConfig(f"{name} is {value!r}.", hint="Use a whole number above 0.")
    return int(value)


_: type[ClosableEmbedder] = HttpEmbedder
