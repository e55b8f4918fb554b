"""Embedder resolver: opens the embedder that an indexing config names."""

from __future__ import annotations

import threading

from coco_core.configs import EmbeddingConfig
from coco_core.errors import InvalidConfig
from coco_core.ports import Tokenizer
from coco_embed.budget import EmbeddingBudget
from coco_embed.custom_models import CustomModel
from coco_embed.models import BuiltIn, DirectoryModel, EmbeddingModel, ServerModel, StaticModel
from coco_embed.prompts import ClosableEmbedder
from coco_embed.registration import close_name
from coco_embed.settings import EMBEDDING_VARIABLES, EmbeddingSettings
from coco_embed.static import STATIC_MODEL
from coco_embed.store import DEFAULT_MODEL

__all__ = ["EMBEDDING_VARIABLES", "ClosableEmbedder", "Embedders", "EmbeddingSettings"]


class Embedders:
    """Opens embedders as configs ask for them; thread-safe."""

    def __init__(self, settings: EmbeddingSettings | None = None) -> None:
        self.settings = settings or EmbeddingSettings()
        self._lock = threading.Lock()
        self._models: dict[str, EmbeddingModel] = {}

    @property
    def names(self) -> list[str]:
        """What a config can name: built-in models, then registered ones."""
        return [DEFAULT_MODEL, STATIC_MODEL, *sorted(self.settings.custom_models)]

    def model(self, name: str) -> EmbeddingModel:
        """Return what is behind a name; `InvalidConfig` when there is no such model."""
        with self._lock:
            model = self._models.get(name)
            if model is None:
                model = self._models[name] = self._make(name)
            return model

    def dimension(self, config: EmbeddingConfig) -> int:
        """Return the length of a config's vectors.

        It may open a registered model or ask a server, and needs nothing for the built-in ones.

        Raises:
            InvalidConfig: this service has no such model, or not at this window.
            Unavailable: the server does not say.
        """
        return self._named(config).dimension()

    def open(
        self,
        config: EmbeddingConfig,
        *,
        budget: EmbeddingBudget | None = None,
        timeout: float = 30.0,
    ) -> ClosableEmbedder:
        """Return a config's embedder, to be closed by the caller.

        Windows of one model share what is in memory; closing one leaves it to the others.

        Args:
            config: names the model and how much of a text it sees.
            budget: what a job may spend on a server; models in this process cost nothing.
            timeout: seconds for one request to a server.

        Raises:
            InvalidConfig: this service has no such model, or not at this window.
            ModelMissing: the built-in model is not here and cannot be fetched.
        """
        return self._named(config).open(config.max_tokens, budget=budget, timeout=timeout)

    def tokenizer(self, config: EmbeddingConfig) -> Tokenizer | None:
        """Return the model's own tokenizer; None when it stands behind a server.

        The built-in model's needs no model file.

        Raises:
            InvalidConfig: this service has no such model.
        """
        return self._named(config).tokenizer()

    def close(self) -> None:
        """Let go of all models; what was opened raises `Unavailable` from then on."""
        with self._lock:
            models, self._models = self._models, {}
        for model in models.values():
            model.close()

    def _named(self, config: EmbeddingConfig) -> EmbeddingModel:
        model = self.model(config.model_name)
        if config.max_tokens > model.max_tokens:
            raise InvalidConfig(
                f"max_tokens is {config.max_tokens}; the model {config.model_name!r} takes 8 to "
                f"{model.max_tokens}.",
                hint="Lower the config's max_tokens"
                + (
                    ", or raise the model's where it is registered."
                    if config.model_name in self.settings.custom_models
                    else "."
                ),
            )
        return model

    def _make(self, name: str) -> EmbeddingModel:
        settings = self.settings
        registered = settings.custom_models.get(name)
        if registered is not None:
            kind = DirectoryModel if registered.path is not None else ServerModel
            return kind(settings, registered)
        if name == STATIC_MODEL:
            return StaticModel(settings)
        if settings.url is not None:
            # Whatever the server knows: only it can say which models there are.
            anything = CustomModel(
                name,
                origin="",
                url=settings.url,
                api_key_env=settings.api_key_env,
                dimension=settings.dimension,
            )
            return ServerModel(settings, anything)
        if name == DEFAULT_MODEL:
            return BuiltIn(settings)
        raise InvalidConfig(
            f"There is no model {name!r} here; there are {', '.join(self.names)}.",
            hint=f"{close_name(name, self.names)}Register others in {settings.registry}.",
            details={"model_name": name, "known": self.names},
        )
