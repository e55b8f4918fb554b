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
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coco_core.errors import InvalidConfig, ModelMissing, Unreadable
from coco_embed.custom_models import CustomModel
from coco_embed.manifest import file_sha256
from coco_embed.pooling import open_pooled
from coco_embed.prompts import Prompts
from coco_embed.runtime import Network, OnnxModel
from coco_embed.tokenizer import WordPieces

__all__ = ["ModelDirectory"]

_GRAPHS = ("model.onnx", "onnx/model.onnx")
_TOKENIZER = "tokenizer.json"
# A text longer than this is cut by no config.
_LONGEST = 32_768
# Models whose positions begin behind the number of the padding token, as RoBERTa's do.
_SHIFTED_POSITIONS = frozenset({"roberta", "xlm-roberta", "camembert", "mpnet", "xlm-roberta-xl"})
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
_EXPORT = "Export it: optimum-cli export onnx --model MODEL --task feature-extraction DIRECTORY"


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
        if not model.path.is_dir():
            raise ModelMissing(
                f"There is no directory {where}.",
                hint="Correct its path, or export the model there.",
            )
        reader = _Reader(model.path, where)
        pooling, beyond = reader.pooling()
        if model.pooling is not None:
            pooling = model.pooling
        prompts = reader.prompts()
        return cls(
            name=model.name,
            where=where,
            graph=reader.graph(model.file),
            tokenizer=reader.file(_TOKENIZER),
            pooling=pooling,
            beyond=beyond,
            dimension=model.dimension,
            max_tokens=reader.max_tokens(model.max_tokens),
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
        try:
            return WordPieces(self.tokenizer)
        except Unreadable as error:
            raise InvalidConfig(
                f"The tokenizer of {self.where} cannot be used: {error.message}",
                hint=f"Save the {_TOKENIZER} of the model's fast tokenizer there.",
            ) from error


class _Reader:
    """Reads the files of one directory; whatever is wrong raises `InvalidConfig`."""

    def __init__(self, root: Path, where: str) -> None:
        self._root = root
        self._where = where
        self._modules = self._read_modules()
        # Older directories keep the transformer's own files in 0_Transformer.
        inside = [root / path for kind, path in self._modules if path and kind == "Transformer"]
        self._folders = [root, *inside]

    def graph(self, named: str | None) -> Path:
        for candidate in (named,) if named else _GRAPHS:
            path = self._root / candidate
            if path.is_file():
                return path
        others = sorted(str(path.relative_to(self._root)) for path in self._root.glob("**/*.onnx"))
        wanted = named or " or ".join(_GRAPHS)
        if others:
            raise self._problem(
                f"has no {wanted}, but {', '.join(others[:5])}", f'Name one: file = "{others[0]}"'
            )
        raise self._problem(f"has no {wanted}", _EXPORT)

    def file(self, name: str) -> Path:
        found = self._find(name)
        if found is None:
            raise self._problem(
                f"has no {name}",
                "Save it with the model's fast tokenizer: tokenizer.save_pretrained(DIRECTORY)",
            )
        return found

    def pooling(self) -> tuple[str | None, tuple[str, ...]]:
        """Return how tokens become one vector, and the modules that CoCo does not have."""
        beyond = tuple(kind for kind, _ in self._modules if kind not in _KNOWN_MODULES)
        folder = next((path for kind, path in self._modules if kind == "Pooling"), "1_Pooling")
        config = self._json(self._root / folder / "config.json")
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
            raise self._problem(
                f"uses a pooling that CoCo does not support ({folder}/config.json: "
                f"{', '.join(sorted(modes)) or 'none'})",
                "Export it with its pooling, so that the graph gives one vector for a text.",
            )
        if config.get("include_prompt") is False:
            raise self._problem(
                f"leaves prompts out of its pooling ({folder}/config.json: include_prompt)",
                "Export it with its pooling, so that the graph gives one vector for a text.",
            )
        return modes.pop(), beyond

    def max_tokens(self, wanted: int | None) -> int:
        """Return the longest input: what was registered, else the least that the files name."""
        config = self._config("config.json")
        positions = _number(config, "max_position_embeddings")
        if positions is not None and config.get("model_type") in _SHIFTED_POSITIONS:
            positions -= (_number(config, "pad_token_id") or 0) + 1
        if wanted is not None:
            if positions is not None and wanted > positions:
                raise self._problem(
                    f"has {positions} positions, and max_tokens is {wanted}",
                    f"Set max_tokens to {positions} at most.",
                )
            return wanted
        said = [
            positions,
            _number(self._config("sentence_bert_config.json"), "max_seq_length"),
            _number(self._config("tokenizer_config.json"), "model_max_length"),
        ]
        return min([number for number in said if number], default=_LONGEST)

    def prompts(self) -> Prompts:
        config = self._config("config_sentence_transformers.json")
        prompts = config.get("prompts")
        if not isinstance(prompts, Mapping):
            return Prompts()
        usual = config.get("default_prompt_name")

        def first(names: Sequence[str]) -> str:
            wanted = [*names, usual] if isinstance(usual, str) else names
            found = (prompts[name] for name in wanted if isinstance(prompts.get(name), str))
            return next(found, "")

        return Prompts(first(_QUERY_PROMPTS), first(_DOCUMENT_PROMPTS))

    def _config(self, name: str) -> Mapping[str, Any]:
        found = self._find(name)
        return self._json(found) if found else {}

    def _find(self, name: str) -> Path | None:
        paths = [folder / name for folder in self._folders]
        return next((path for path in paths if path.is_file()), None)

    def _read_modules(self) -> list[tuple[str, str]]:
        """Return the kind and folder of each module, in order."""
        path = self._root / "modules.json"
        data = self._load(path)
        if data is None:
            return []
        try:
            return [(str(entry["type"]).rpartition(".")[2], str(entry["path"])) for entry in data]
        except (TypeError, KeyError) as error:
            raise self._problem(f"has a modules.json that lists no modules: {error!r}") from error

    def _json(self, path: Path) -> Mapping[str, Any]:
        data = self._load(path)
        if data is None:
            return {}
        if not isinstance(data, dict):
            raise self._problem(f"has a {path.relative_to(self._root)} that is no JSON object")
        return data

    def _load(self, path: Path) -> Any:
        try:
            return json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise self._problem(
                f"has a {path.relative_to(self._root)} that cannot be read: {error}"
            ) from error

    def _problem(self, problem: str, hint: str = "Export the model again.") -> InvalidConfig:
        return InvalidConfig(f"The directory {self._where} {problem}.", hint=hint)


def _number(config: Mapping[str, Any], key: str) -> int | None:
    """Return a length that a file names; libraries write 10^30 for none at all."""
    value = config.get(key)
    usable = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LONGEST
    return value if usable else None


_: type[OnnxModel] = ModelDirectory
