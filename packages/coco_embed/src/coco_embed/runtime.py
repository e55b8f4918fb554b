"""Loaded models: network and tokenizer in memory, shared by all embedders of a model."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from coco_core.errors import Unavailable
from coco_core.types import FloatVector
from coco_embed.memory import release_freed_memory
from coco_embed.session import Session, open_session, run_one
from coco_embed.store import InstalledModel
from coco_embed.tokenizer import WordPieces
from coco_embed.workers import DocumentWorkers

__all__ = ["BuiltInModel", "LoadedModel", "Network", "OnnxModel"]

# Rows of the built-in model's position table.
_LONGEST = 512


class Network(Protocol):
    """Turns a text's token ids into its vector; many threads may run it at once."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    def run(self, ids: Sequence[int]) -> FloatVector:
        """Return float32[d] of length 1."""
        ...


class OnnxModel(Protocol):
    """A model's files; opening them is left to the first text."""

    @property
    def name(self) -> str:
        """What configs call it."""
        ...

    @property
    def dimension(self) -> int | None:
        """Length of a vector, where the files say so without being opened."""
        ...

    @property
    def max_tokens(self) -> int:
        """Longest input in tokens, special ones included."""
        ...

    @property
    def label(self) -> str:
        """The name with what else tells its vectors from others of that name."""
        ...

    def fingerprint(self) -> str:
        """Return a few hex digits that change with the files; it may read them whole."""
        ...

    def open_network(self) -> Network:
        """Open the graph; a file that cannot be used raises `CocoError`."""
        ...

    def open_tokenizer(self) -> WordPieces:
        """Open the tokenizer; a file that cannot be used raises `CocoError`."""
        ...


class LoadedModel:
    """Opens a model's files with the first text and keeps them for every window; thread-safe."""

    def __init__(self, model: OnnxModel, *, threads: int | None = None, keep: bool = True) -> None:
        """Describe the model.

        Args:
            model: its files.
            threads: Workers for documents; one for each processor when not given.
            keep: Whether it stays in memory when its last user has left.
        """
        self.model = model
        self.workers = DocumentWorkers(threads)
        self._keep = keep
        self._opening = threading.Lock()
        self._network: Network | None = None
        self._tokenizer: WordPieces | None = None
        self._fingerprint: str | None = None
        self._dimension = model.dimension
        self._users = 0
        self._closed = False

    def name(self, max_tokens: int) -> str:
        """Return model, window and files: vectors of equal names can be compared."""
        if self._fingerprint is None:
            self._fingerprint = self.model.fingerprint()
        return f"{self.model.label}@{max_tokens}#{self._fingerprint}"

    @property
    def dimension(self) -> int:
        """Length of a vector; to find it out the graph may be opened."""
        if self._dimension is None:
            # As a user, so that a model that is not kept goes again.
            self.join()
            try:
                self._dimension = self.network().dimension
            finally:
                self.leave()
        return self._dimension

    def network(self) -> Network:
        """Return the network, opened if need be; a closed model raises `Unavailable`."""
        network = self._network
        if network is None:
            with self._opening:
                self._refuse_closed()
                network = self._network = self._network or self.model.open_network()
        return network

    def tokenizer(self) -> WordPieces:
        """Return the tokenizer, opened if need be; a closed model raises `Unavailable`."""
        words = self._tokenizer
        if words is None:
            with self._opening:
                self._refuse_closed()
                words = self._tokenizer = self._tokenizer or self.model.open_tokenizer()
        return words

    def join(self) -> None:
        """Count one more user."""
        with self._opening:
            self._users += 1

    def leave(self) -> None:
        """Count one user less; the last one gives the memory back unless it is kept."""
        with self._opening:
            self._users -= 1
            last = self._users == 0
        if last and not self._keep:
            self.unload()

    def unload(self) -> None:
        """Give the memory back; the next text opens the files again, which may be others then."""
        with self._opening:
            self._network = None
            self._tokenizer = None
            self._fingerprint = None
        release_freed_memory()

    def close(self) -> None:
        """End the workers and give the memory back; calls in progress raise `Unavailable`."""
        self._closed = True
        self.workers.close()
        self.unload()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise Unavailable("The embedder is closed.", hint="Restart CoCo: coco restart")


class BuiltInModel:
    """all-MiniLM-L6-v2 as `coco_embed.convert` wrote it."""

    max_tokens = _LONGEST

    def __init__(self, installed: InstalledModel) -> None:
        self._installed = installed
        self.name = installed.name
        self.label = f"{installed.name}-int8"
        self.dimension: int | None = installed.manifest.conversion.dimension

    def fingerprint(self) -> str:
        """Return the manifest's."""
        return self._installed.manifest.fingerprint

    def open_network(self) -> Network:
        """Open the graph that pools and normalises by itself."""
        return _BuiltInNetwork(
            _open(self._installed.onnx), self._installed.manifest.conversion.dimension
        )

    def open_tokenizer(self) -> WordPieces:
        """Open the official tokenizer."""
        return WordPieces(self._installed.tokenizer)


class _BuiltInNetwork:
    def __init__(self, session: Session, dimension: int) -> None:
        self._session = session
        self.dimension = dimension

    def run(self, ids: Sequence[int]) -> FloatVector:
        return run_one(self._session, ids)


def _open(path: Path) -> Session:
    try:
        return open_session(path)
    except Exception as error:  # ONNX Runtime's exceptions share no other base
        raise Unavailable(
            f"The embedding model {path} cannot be opened: {error}.",
            hint="Run: coco setup --force",
        ) from error


_: type[OnnxModel] = BuiltInModel
