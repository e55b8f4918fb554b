"""Embedding models that run on this machine, by name: CoCo's own, registered ones, and others.

CoCo's models need no torch. A name that CoCo does not know is looked for in sentence-transformers,
where that is installed.
"""

from __future__ import annotations

import logging
import os
import threading
import tomllib
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from coco_core.errors import CocoError, ModelMissing
from coco_flow.errors import DefinitionError, missing_extra

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from coco_core.configs import EmbeddingConfig
    from coco_embed.resolver import ClosableEmbedder, Embedders
    from coco_embed.settings import EmbeddingSettings

__all__ = ["LocalModel", "embedding_settings", "find_model"]

_log = logging.getLogger(__name__)

# Hugging Face's name of the model that CoCo has built in.
_HUB_OWNER = "sentence-transformers/"
# Arguments of sentence-transformers that change how a model gets here or where it runs, and no
# vector: CoCo's own models do without them.
_WITHOUT_EFFECT = frozenset(
    {"backend", "cache_folder", "device", "local_files_only", "token", "trust_remote_code"}
)


class LocalModel(Protocol):
    """A model of this machine."""

    @property
    def dimension(self) -> int:
        """Length of a vector; known without the model wherever possible."""
        ...

    @property
    def identity(self) -> list[Any]:
        """What identifies the model and thereby its vectors, as plain data."""
        ...

    def prepare(self) -> None:
        """Get the model ready; a built-in one that is missing is fetched now."""
        ...

    def embed(self, texts: Sequence[str], *, queries: bool = False) -> list[NDArray[np.float32]]:
        """Return a vector for each text, in order."""
        ...


def find_model(name: str, *, max_tokens: int, args: Mapping[str, Any] | None = None) -> LocalModel:
    """Return the model of this name.

    Args:
        name: A built-in model, a registered one, the path of an ONNX directory, or a model of
            sentence-transformers.
        max_tokens: How much of a text is read, at most what the model can; models of
            sentence-transformers say so themselves.
        args: Arguments of sentence-transformers' constructor.

    Raises:
        DefinitionError: There is no such model here; it says how to get one.
        ExtraMissing: A package that the model needs is not installed.
    """
    special = sorted(set(args or ()) - _WITHOUT_EFFECT)
    if special:
        if find_spec("sentence_transformers") is None:
            raise missing_extra(
                f"The argument {special[0]!r} of the model {name!r}",
                "sentence-transformers",
                "sentence-transformers",
            )
        return _TransformersModel(name, args or {})
    if find_spec("coco_embed") is None:
        raise missing_extra("Embedding on this machine", "coco-embed", "embed")
    embedders = _shared_embedders()
    own_name = name.removeprefix(_HUB_OWNER)
    known = embedders.names
    if own_name in known or name in known or embedders.settings.url is not None:
        found = name if name in known or own_name not in known else own_name
        return _CocoModel(embedders, found, max_tokens)
    if Path(name).expanduser().is_dir():
        return _CocoModel(_directory_embedders(embedders.settings, name), name, max_tokens)
    if find_spec("sentence_transformers") is not None:
        return _TransformersModel(name, args or {})
    raise DefinitionError(
        f"There is no embedding model {name!r} here; there are {', '.join(known)}.",
        hint="Export it to ONNX (optimum-cli export onnx) and pass the directory's path or "
        "register it (docs/models.md), or run: pip install sentence-transformers",
    )


class _CocoModel:
    """A model of coco_embed, shared by all that name it."""

    def __init__(self, embedders: Embedders, name: str, max_tokens: int) -> None:
        from coco_core.configs import EmbeddingConfig

        self._embedders = embedders
        self._name = name
        self._lock = threading.Lock()
        self._embedder: ClosableEmbedder | None = None
        try:
            longest = embedders.model(name).max_tokens
            self._config: EmbeddingConfig = EmbeddingConfig(name, min(max_tokens, longest))
            self.dimension = embedders.dimension(self._config)
        except CocoError as error:
            raise DefinitionError(
                f"The embedding model {name!r} cannot be used: {error.message}", hint=error.hint
            ) from error

    @property
    def identity(self) -> list[Any]:
        if self._is_fetched():
            # The built-in model is not fetched for that: its files are known by checksum.
            return [self._name, self._config.max_tokens]
        self.prepare()
        assert self._embedder is not None
        return [self._embedder.name]

    def prepare(self) -> None:
        with self._lock:
            if self._embedder is not None:
                return
            self._log_download()
            try:
                embedder = self._embedders.open(self._config)
            except ModelMissing as error:
                raise ModelMissing(
                    error.message,
                    hint="Name a mirror or a folder with the official files in COCO_MODEL_MIRROR, "
                    "a folder with the installed model in COCO_EMBED_MODEL_DIR, or a server in "
                    "COCO_EMBED_URL; or use the model 'coco-static', which needs no file.",
                    details=error.details,
                ) from error
            # A flow that is no longer used closes its connections to a server.
            weakref.finalize(self, embedder.close)
            self._embedder = embedder

    def embed(self, texts: Sequence[str], *, queries: bool = False) -> list[NDArray[np.float32]]:
        self.prepare()
        assert self._embedder is not None
        if queries:
            return [self._embedder.embed_query(text) for text in texts]
        return list(self._embedder.embed_documents(texts))

    def _is_fetched(self) -> bool:
        """Say whether it is the built-in model, which is not part of the package."""
        from coco_embed.store import DEFAULT_MODEL

        return self._name == DEFAULT_MODEL and self._embedders.settings.url is None

    def _log_download(self) -> None:
        from coco_embed.store import ModelStore

        settings = self._embedders.settings
        if not self._is_fetched() or settings.offline or ModelStore(settings.models).find():
            return
        _log.warning(
            "The embedding model %s is not in %s yet: fetching it (90 MB, once).",
            self._name,
            settings.models,
        )


class _TransformersModel:
    """A model of sentence-transformers, which needs torch."""

    def __init__(self, name: str, args: Mapping[str, Any]) -> None:
        import sentence_transformers

        try:
            self._model = sentence_transformers.SentenceTransformer(name, **args)
        except (OSError, ValueError, TypeError) as error:
            raise DefinitionError(
                f"sentence-transformers cannot open the model {name!r}: {error}",
                hint="Check the name and the arguments; without network, pass a folder's path.",
            ) from error
        model = self._model
        # Renamed in version 6.
        ask = getattr(model, "get_embedding_dimension", None) or (
            model.get_sentence_embedding_dimension
        )
        dimension = ask()
        if dimension is None:
            raise DefinitionError(
                f"The model {name!r} of sentence-transformers does not say how long its vectors "
                "are.",
                hint="Choose a model that gives one vector for a text.",
            )
        self.dimension = int(dimension)
        self.identity: list[Any] = [_HUB_OWNER, name, dict(args)]

    def prepare(self) -> None:
        """Do nothing: it was opened to learn its dimension."""

    def embed(self, texts: Sequence[str], *, queries: bool = False) -> list[NDArray[np.float32]]:
        # The model orders the texts by their length itself.
        prompt = "query" if queries and "query" in (self._model.prompts or {}) else None
        vectors = self._model.encode(
            list(texts), prompt_name=prompt, convert_to_numpy=True, show_progress_bar=False
        )
        return list(vectors)


_lock = threading.Lock()
_embedders: dict[tuple[str | None, ...], Embedders] = {}


def _shared_embedders() -> Embedders:
    """Return the models that the environment configures, the same objects for every caller."""
    from coco_embed.resolver import Embedders
    from coco_embed.settings import EMBEDDING_VARIABLES

    key = tuple(os.environ.get(name) for name in (*EMBEDDING_VARIABLES, "COCO_HOME"))
    with _lock:
        found = _embedders.get(key)
        if found is None:
            found = _embedders[key] = Embedders(embedding_settings())
        return found


def embedding_settings() -> EmbeddingSettings:
    """Return the environment's settings, and CoCo's own for what the environment does not set."""
    from coco_embed.custom_models import MODELS
    from coco_embed.settings import EmbeddingSettings

    home = Path(os.environ.get("COCO_HOME") or "~/.coco").expanduser()
    try:
        settings = EmbeddingSettings.from_environment(os.environ)
        if not os.environ.get("COCO_EMBED_MODEL_DIR"):
            settings = replace(settings, models=home / "models")
        file = home / "config.toml"
        if not os.environ.get("COCO_MODELS_FILE") and file.is_file():
            text = file.read_text(encoding="utf-8-sig")
            models = MODELS.read(tomllib.loads(text).get(MODELS.name, {}), file, text)
            settings = replace(settings, custom_models=models, registry=f"{file} ([models.NAME])")
    except (CocoError, OSError, ValueError) as error:
        message = error.message if isinstance(error, CocoError) else str(error)
        raise DefinitionError(
            f"The settings of embedding models cannot be used: {message}",
            hint=error.hint if isinstance(error, CocoError) else f"Correct {home}/config.toml.",
        ) from error
    return settings


def _directory_embedders(settings: EmbeddingSettings, name: str) -> Embedders:
    from coco_embed.custom_models import CustomModel
    from coco_embed.resolver import Embedders

    path = Path(name).expanduser().resolve()
    key = (str(path),)
    with _lock:
        found = _embedders.get(key)
        if found is None:
            model = CustomModel(name, origin=name, path=path)
            found = _embedders[key] = Embedders(replace(settings, custom_models={name: model}))
        return found
