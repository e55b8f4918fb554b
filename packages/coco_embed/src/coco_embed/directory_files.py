"""Files of a model's directory, as sentence-transformers and Optimum export them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coco_core.errors import InvalidConfig, ModelMissing, Unreadable
from coco_embed.tokenizer import WordPieces

__all__ = ["DirectoryFiles", "open_tokenizer"]

_GRAPHS = ("model.onnx", "onnx/model.onnx")
_TOKENIZER = "tokenizer.json"
# A text longer than this is cut by no config.
_LONGEST = 32_768
# Models whose positions begin behind the number of the padding token, as RoBERTa's do.
_SHIFTED_POSITIONS = frozenset({"roberta", "xlm-roberta", "camembert", "mpnet", "xlm-roberta-xl"})


class DirectoryFiles:
    """Reads the files of one directory; whatever is wrong raises `InvalidConfig`."""

    def __init__(self, root: Path, where: str, *, task: str) -> None:
        """Read which parts the model has.

        Args:
            root: the directory.
            where: what messages call it.
            task: for which exporters write such models.

        Raises:
            ModelMissing: there is no such directory.
        """
        if not root.is_dir():
            raise ModelMissing(
                f"There is no directory {where}.",
                hint="Correct its path, or export the model there.",
            )
        self.root = root
        self.where = where
        self._task = task
        self.modules = self._read_modules()
        """The kind and folder of each module, in order."""
        # Older directories keep the transformer's own files in 0_Transformer.
        inside = [root / path for kind, path in self.modules if path and kind == "Transformer"]
        self._folders = [root, *inside]

    def graph(self, named: str | None) -> Path:
        """Return the graph's file: the one that was ``named``, else the usual one."""
        for candidate in (named,) if named else _GRAPHS:
            path = self.root / candidate
            if path.is_file():
                return path
        others = sorted(str(path.relative_to(self.root)) for path in self.root.glob("**/*.onnx"))
        wanted = named or " or ".join(_GRAPHS)
        if others:
            raise self.problem(
                f"has no {wanted}, but {', '.join(others[:5])}", f'Name one: file = "{others[0]}"'
            )
        raise self.problem(
            f"has no {wanted}",
            f"Export it: optimum-cli export onnx --model MODEL --task {self._task} DIRECTORY",
        )

    def tokenizer(self) -> Path:
        """Return the tokenizer's file."""
        found = self._find(_TOKENIZER)
        if found is None:
            raise self.problem(
                f"has no {_TOKENIZER}",
                "Save it with the model's fast tokenizer: tokenizer.save_pretrained(DIRECTORY)",
            )
        return found

    def max_tokens(self, wanted: int | None) -> int:
        """Return the longest input: what was registered, else the least that the files name."""
        config = self.config("config.json")
        positions = _number(config, "max_position_embeddings")
        if positions is not None and config.get("model_type") in _SHIFTED_POSITIONS:
            positions -= (_number(config, "pad_token_id") or 0) + 1
        if wanted is not None:
            if positions is not None and wanted > positions:
                raise self.problem(
                    f"has {positions} positions, and max_tokens is {wanted}",
                    f"Set max_tokens to {positions} at most.",
                )
            return wanted
        said = [
            positions,
            _number(self.config("sentence_bert_config.json"), "max_seq_length"),
            _number(self.config("tokenizer_config.json"), "model_max_length"),
        ]
        return min([number for number in said if number], default=_LONGEST)

    def config(self, name: str) -> Mapping[str, Any]:
        """Return a file of the transformer's own; empty when there is none."""
        found = self._find(name)
        return self.json(found) if found else {}

    def _find(self, name: str) -> Path | None:
        paths = [folder / name for folder in self._folders]
        return next((path for path in paths if path.is_file()), None)

    def _read_modules(self) -> list[tuple[str, str]]:
        path = self.root / "modules.json"
        data = self._load(path)
        if data is None:
            return []
        try:
            return [(str(entry["type"]).rpartition(".")[2], str(entry["path"])) for entry in data]
        except (TypeError, KeyError) as error:
            raise self.problem(f"has a modules.json that lists no modules: {error!r}") from error

    def json(self, path: Path) -> Mapping[str, Any]:
        """Return the object in a file; empty when there is none."""
        data = self._load(path)
        if data is None:
            return {}
        if not isinstance(data, dict):
            raise self.problem(f"has a {path.relative_to(self.root)} that is no JSON object")
        return data

    def _load(self, path: Path) -> Any:
        try:
            return json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise self.problem(
                f"has a {path.relative_to(self.root)} that cannot be read: {error}"
            ) from error

    def problem(self, problem: str, hint: str = "Export the model again.") -> InvalidConfig:
        """Return an error about the directory."""
        return InvalidConfig(f"The directory {self.where} {problem}.", hint=hint)


def open_tokenizer(path: Path, where: str) -> WordPieces:
    """Open a model's tokenizer; a damaged file raises `InvalidConfig`."""
    try:
        return WordPieces(path)
    except Unreadable as error:
        raise InvalidConfig(
            f"The tokenizer of {where} cannot be used: {error.message}",
            hint=f"Save the {_TOKENIZER} of the model's fast tokenizer there.",
        ) from error


def _number(config: Mapping[str, Any], key: str) -> int | None:
    """Return a length that a file names; libraries write 10^30 for none at all."""
    value = config.get(key)
    usable = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LONGEST
    return value if usable else None
