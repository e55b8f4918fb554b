"""Embedding settings of a service: server, model directory, threads, custom models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from coco_core.errors import InvalidConfig
from coco_embed.custom_models import MODELS, CustomModel
from coco_embed.registration import read_tables_file
from coco_embed.reranking.registered import RERANKERS, RegisteredReranker

__all__ = ["EMBEDDING_VARIABLES", "EmbeddingSettings"]

EMBEDDING_VARIABLES = (
    "COCO_EMBED_URL",
    "COCO_EMBED_API_KEY",
    "COCO_EMBED_DIMENSION",
    "COCO_EMBED_BATCH",
    "COCO_EMBED_PARALLEL",
    "COCO_EMBED_THREADS",
    "COCO_EMBED_MODEL_DIR",
    "COCO_MODELS_FILE",
    "COCO_MODEL_URL",
    "COCO_MODEL_MIRROR",
    "COCO_OFFLINE",
)
"""Environment variables that `EmbeddingSettings.from_environment` reads."""

_KEY_VARIABLE = "COCO_EMBED_API_KEY"
# Nothing that is counted here is near it; a longer number is a slip.
_LARGEST = 65_536
_YES = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True, slots=True)
class EmbeddingSettings:
    """What the models of one service are, and how they are run."""

    url: str | None = None
    """OpenAI's protocol, up to and without ``/embeddings``, for every model that is not registered;
    None is the built-in model."""
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
    fetch: bool = True
    """Whether the built-in model is fetched when a config asks for it and it is missing."""
    keep: bool = True
    """Whether a registered model stays in memory when its last user has closed it."""
    custom_models: Mapping[str, CustomModel] = field(default_factory=dict)
    """Custom models by name."""
    rerankers: Mapping[str, RegisteredReranker] = field(default_factory=dict)
    """Registered rerankers by name."""
    registry: str = "the file that COCO_MODELS_FILE names, or set COCO_EMBED_URL to their server"
    """Where a model is registered, for messages, which tenants may read."""
    before_work: Callable[[], None] | None = None
    """Called before each piece of work on documents; see `OnnxEmbedder`."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> EmbeddingSettings:
        """Read the variables in `EMBEDDING_VARIABLES`; empty ones count as absent.

        Raises:
            InvalidConfig: a value cannot be used, or the file of models.
        """
        default = cls()
        given = {name: environ.get(name, "").strip() for name in EMBEDDING_VARIABLES}
        models, rerankers = _read_models_file(given["COCO_MODELS_FILE"])
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
            custom_models=models,
            rerankers=rerankers,
        )


def _read_models_file(
    name: str,
) -> tuple[Mapping[str, CustomModel], Mapping[str, RegisteredReranker]]:
    if not name:
        return {}, {}
    path = Path(name).expanduser()
    tables, content = read_tables_file(path, (MODELS.name, RERANKERS.name))
    return (
        MODELS.read(tables.get(MODELS.name, {}), path, content),
        RERANKERS.read(tables.get(RERANKERS.name, {}), path, content),
    )


def _integer(given: Mapping[str, str], name: str) -> int | None:
    value = given[name]
    if not value:
        return None
    if not value.isascii() or not value.isdigit() or not 0 < int(value) <= _LARGEST:
        raise InvalidConfig(f"{name} is {value!r}.", hint="Use a whole number above 0.")
    return int(value)
