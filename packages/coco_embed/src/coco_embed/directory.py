"""Model directories, as sentence-transformers and Optimum export them.

    model.onnx or onnx/model.onnx     the graph (with its data beside it, when it is a large one)
    tokenizer.json                    the tokenizer
    modules.json, 1_Pooling/…         how the vectors of tokens become one
    config.json, sentence_bert_config.json, tokenizer_config.json      the window, the dimension
    config_sentence_transformers.json                                  prompts

Only the first two must be there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coco_embed.custom_models import CustomModel
from coco_embed.directory_files import DirectoryFiles, open_tokenizer
from coco_embed.manifest import file_sha256
from coco_embed.pooling import open_pooled
from coco_embed.prompts import Prompts
from coco_embed.runtime import Network, OnnxModel
from coco_embed.tokenizer import WordPieces

__all__ = ["ModelDirectory"]

# Modules of sentence-transformers that a graph of tokens and a pooling stand for.
_KNOWN_MODULES = frozenset({"Transformer", "Pooling", "Normalize"})
_QUERY_PROMPTS = ("query",)
_DOCUMENT_PROMPTS = ("document", "passage", "corpus")
_POOLING_MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    # It differs in length only, and vectors are brought to length 1.
    "pooling_mode_mean_sqrt_len_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_weightedmean_tokens": "weighted_mean",
    "pooling_mode_lasttoken": "last",
}


@dataclass(frozen=True, slots=True)
class ModelDirectory:
    """What the files of a model say about it; the graph is opened by `open_network` alone."""

    name: str
    where: str
    """The directory and the registration, for messages."""
    graph: Path
    tokenizer: Path
    pooling: str | None
    """None: as the graph's outputs suggest."""
    beyond: tuple[str, ...]
    """Modules that CoCo does not have: the graph must end with the finished vector."""
    dimension: int | None
    max_tokens: int
    prompts: Prompts

    @classmethod
    def read(cls, model: CustomModel) -> ModelDirectory:
        """Read a registered model's directory.

        Raises:
            ModelMissing: there is no such directory.
            InvalidConfig: it holds no model that can be used.
        """
        assert model.path is not None
        where = f"{model.path} (model {model.name!r}, {model.origin})"
        files = DirectoryFiles(model.path, where, task="feature-extraction")
        pooling, beyond = _pooling(files)
        if model.pooling is not None:
            pooling = model.pooling
        prompts = _prompts(files)
        return cls(
            name=model.name,
            where=where,
            graph=files.graph(model.file),
            tokenizer=files.tokenizer(),
            pooling=pooling,
            beyond=beyond,
            dimension=model.dimension,
            max_tokens=files.max_tokens(model.max_tokens),
            prompts=Prompts(
                prompts.query if model.query_prefix is None else model.query_prefix,
                prompts.document if model.document_prefix is None else model.document_prefix,
            ),
        )

    @property
    def label(self) -> str:
        """The name."""
        return self.name

    def fingerprint(self) -> str:
        """Return a digest of the graph with its data, the tokenizer and how they are used."""
        digest = hashlib.sha256(repr((self.pooling, self.prompts)).encode())
        # Large graphs keep their weights in files beside them: model.onnx_data, model.onnx.data.
        beside = self.graph.parent.glob(f"{self.graph.name}*")
        for path in sorted({self.tokenizer, *(path for path in beside if path.is_file())}):
            digest.update(file_sha256(path).encode())
        return digest.hexdigest()[:8]

    def open_network(self) -> Network:
        """Open the graph.

        Raises:
            InvalidConfig: it is no graph that turns tokens into vectors.
        """
        return open_pooled(
            self.graph,
            where=self.where,
            pooling=self.pooling,
            beyond=self.beyond,
            dimension=self.dimension,
        )

    def open_tokenizer(self) -> WordPieces:
        """Open the tokenizer; a damaged file raises `InvalidConfig`."""
        return open_tokenizer(self.tokenizer, self.where)


def _pooling(files: DirectoryFiles) -> tuple[str | None, tuple[str, ...]]:
    """Return how tokens become one vector, and the modules that CoCo does not have."""
    beyond = tuple(kind for kind, _ in files.modules if kind not in _KNOWN_MODULES)
    folder = next((path for kind, path in files.modules if kind == "Pooling"), "1_Pooling")
    config = files.json(files.root / folder / "config.json")
    if not config:
        return None, beyond
    modes = {mode for key, mode in _POOLING_MODES.items() if config.get(key) is True}
    named = config.get("pooling_mode")
    if isinstance(named, str):
        # What newer versions write instead of one switch for each mode.
        switch = "lasttoken" if named == "lasttoken" else f"{named}_token"
        known = _POOLING_MODES.get(f"pooling_mode_{switch}") or _POOLING_MODES.get(
            f"pooling_mode_{switch}s"
        )
        modes.add(known or named)
    if len(modes) != 1 or not modes <= set(_POOLING_MODES.values()):
        raise files.problem(
            f"uses a pooling that CoCo does not support ({folder}/config.json: "
            f"{', '.join(sorted(modes)) or 'none'})",
            "Export it with its pooling, so that the graph gives one vector for a text.",
        )
    if config.get("include_prompt") is False:
        raise files.problem(
            f"leaves prompts out of its pooling ({folder}/config.json: include_prompt)",
            "Export it with its pooling, so that the graph gives one vector for a text.",
        )
    return modes.pop(), beyond


def _prompts(files: DirectoryFiles) -> Prompts:
    config = files.config("config_sentence_transformers.json")
    prompts = config.get("prompts")
    if not isinstance(prompts, Mapping):
        return Prompts()
    usual = config.get("default_prompt_name")

    def first(names: Sequence[str]) -> str:
        wanted = [*names, usual] if isinstance(usual, str) else names
        found = (prompts[name] for name in wanted if isinstance(prompts.get(name), str))
        return next(found, "")

    return Prompts(first(_QUERY_PROMPTS), first(_DOCUMENT_PROMPTS))


_: type[OnnxModel] = ModelDirectory
