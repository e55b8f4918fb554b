"""Cross-encoders from ONNX directories: one session for all threads, one pair a run, no padding."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np

from coco_core.errors import InvalidConfig, Unavailable
from coco_core.ports import Reranker
from coco_core.types import FloatVector
from coco_embed.directory_files import DirectoryFiles, open_tokenizer
from coco_embed.graph_inputs import feed, open_graph
from coco_embed.memory import release_freed_memory
from coco_embed.reranking.probability import sigmoid
from coco_embed.reranking.registered import RegisteredReranker
from coco_embed.session import Session
from coco_embed.tokenizer import WordPieces
from coco_embed.workers import DocumentWorkers

__all__ = ["OnnxReranker"]

_TASK: Final = "text-classification"
# A query and a text of one token each, with special tokens; every vocabulary has a first word.
_TRIAL: Final = ([0, 0, 0, 0], [0, 0, 1, 1])
# Beyond the windows of usual models a text costs seconds and tells nothing new.
_LONGEST: Final = 4096
# One logit, or one for "no" and one for "yes".
_LABELS: Final = frozenset({1, 2})


class OnnxReranker:
    """A cross-encoder of a directory; every method may be called from any thread at any time."""

    def __init__(self, model: RegisteredReranker, *, threads: int) -> None:
        """Describe the model; its files are opened with the first query.

        Args:
            model: with a path.
            threads: that read texts at a time, for all queries together. They run at a lower
                priority than queries where the system allows it.
        """
        self.name = model.name
        self._model = model
        self._workers = DocumentWorkers(threads)
        self._lock = threading.Lock()
        # Opening may take longer than a query waits; the next one finds it done.
        self._opener = ThreadPoolExecutor(1, "coco-reranker")
        self._opening: Future[_Network] | None = None
        self._closed = False

    @property
    def max_tokens(self) -> int:
        """The window in tokens, query and text together; a wrong directory raises `CocoError`."""
        return self._files()[1]

    def score(self, query: str, texts: Sequence[str], *, seconds: float) -> FloatVector:
        """Return float32[n] in the order of ``texts``; see `coco_core.ports.Reranker`."""
        deadline = time.monotonic() + seconds
        network = self._network(seconds)
        pairs = network.tokenizer.pairs(query, texts, network.max_tokens)
        scores = np.empty(len(texts), np.float32)

        def read(place: int, check: Callable[[], None]) -> None:
            check()
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"The reranker {self.name!r} has not read {len(texts)} texts within "
                    f"{seconds:g} s.",
                    hint="Lower rerank_top_n, or raise timeout_seconds where the reranker is "
                    "registered.",
                )
            scores[place] = network.run(*pairs[place])

        # The longest first, so that no worker starts a long text when the others are done.
        order = sorted(range(len(texts)), key=lambda place: -len(pairs[place][0]))
        self._workers.run(read, order)
        return scores

    def close(self) -> None:
        """Give the memory back; calls in progress raise `Unavailable`."""
        with self._lock:
            self._closed, self._opening = True, None
        self._workers.close()
        self._opener.shutdown(wait=False)
        release_freed_memory()

    def _network(self, seconds: float) -> _Network:
        with self._lock:
            if self._closed:
                raise Unavailable("The reranker is closed.", hint="Restart CoCo: coco restart")
            if self._opening is None:
                self._opening = self._opener.submit(self._open)
            opening = self._opening
        try:
            return opening.result(seconds)
        except TimeoutError as error:
            raise Unavailable(
                f"The reranker {self.name!r} is still being loaded.", hint="Ask again in a moment."
            ) from error
        except Exception:
            with self._lock:
                # What was wrong may be mended by the next query.
                if self._opening is opening:
                    self._opening = None
            raise

    def _files(self) -> tuple[DirectoryFiles, int]:
        model = self._model
        assert model.path is not None
        where = f"{model.path} (reranker {model.name!r}, {model.origin})"
        files = DirectoryFiles(model.path, where, task=_TASK)
        return files, min(files.max_tokens(model.max_tokens), _LONGEST)

    def _open(self) -> _Network:
        files, max_tokens = self._files()
        path = files.graph(self._model.file)
        tokenizer = open_tokenizer(files.tokenizer(), files.where)
        session, feeds = open_graph(path, files.where, task=_TASK)
        names = [output.name for output in session.get_outputs()]
        try:
            arrays = session.run(names, feed(feeds, *_TRIAL))
        except Exception as error:  # ONNX Runtime's exceptions share no other base
            raise InvalidConfig(
                f"The graph {path.name} of {files.where} cannot be run on a pair: {error}.",
                hint=f"Export the model with dynamic axes, for {_TASK}.",
            ) from error
        shapes = {name: np.shape(array) for name, array in zip(names, arrays, strict=True)}
        fitting = [name for name, shape in shapes.items() if _is_score(shape)]
        if not fitting:
            listed = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
            raise InvalidConfig(
                f"{files.where} is no cross-encoder with one score for a pair: its outputs are "
                f"{listed}.",
                hint="Export a reranker: optimum-cli export onnx --model MODEL --task "
                f"{_TASK} DIRECTORY",
            )
        output = "logits" if "logits" in fitting else fitting[0]
        return _Network(session, feeds, output, tokenizer, max_tokens, files.where)


def _is_score(shape: tuple[int, ...]) -> bool:
    """Return whether it is [1], [1, 1] or [1, 2]."""
    return shape == (1,) or (len(shape) == 2 and shape[0] == 1 and shape[1] in _LABELS)


@dataclass(frozen=True, slots=True)
class _Network:
    session: Session
    feeds: Mapping[str, type[np.generic]]
    output: str
    tokenizer: WordPieces
    max_tokens: int
    where: str

    def run(self, ids: Sequence[int], segments: Sequence[int]) -> float:
        """Return the score of one pair, 0 to 1."""
        try:
            found = self.session.run([self.output], feed(self.feeds, ids, segments))[0]
        except Exception as error:  # ONNX Runtime's exceptions share no other base
            raise Unavailable(
                f"{self.where} cannot be run on {len(ids)} tokens: {error}.",
                hint="Lower its max_tokens if the model takes fewer.",
            ) from error
        logits = np.asarray(found, np.float64).reshape(-1)
        logit = logits if len(logits) == 1 else logits[1:] - logits[:1]
        if not np.isfinite(logit).all():
            raise Unavailable(
                f"{self.where} gave a score that is no number.",
                hint="Use the model in float32: half precision overflows in some.",
            )
        return float(sigmoid(logit)[0])


_: type[Reranker] = OnnxReranker
