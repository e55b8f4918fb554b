"""Reranker resolver: opens the reranker that a search names."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from coco_core.errors import CocoError, InvalidIntent, ModelMissing, Unavailable
from coco_core.intent import RerankerOptions
from coco_core.types import FloatVector
from coco_embed.registration import close_name
from coco_embed.reranking.cross_encoder import OnnxReranker
from coco_embed.reranking.registered import RegisteredReranker
from coco_embed.reranking.server import ServerReranker

__all__ = ["QueryReranking", "RerankerListEntry", "Rerankers", "RerankingAttempt"]

RerankerState: TypeAlias = Literal["ready", "missing", "unreachable", "unusable"]

# A user waits for the answer of a list.
_LIST_SECONDS = 5.0
_QUESTION = "how is the service started?"
_ANSWER = "To start the service, run it with the command start."


@dataclass(frozen=True, slots=True)
class RerankerListEntry:
    """One registered reranker."""

    name: str
    kind: Literal["onnx", "http"]
    state: RerankerState
    max_tokens: int | None
    """The longest input, query and text together; None where the directory does not say."""
    place: str
    """The directory or the URL."""
    origin: str
    """``FILE:LINE`` of the registration."""
    detail: str = ""
    """Why it is not ready."""
    hint: str = ""
    """What to do about it."""


@dataclass(frozen=True, slots=True)
class RerankingAttempt:
    """What a reranker said of a query's first results."""

    scores: FloatVector | None
    """float32[n], 0 to 1; None when it said nothing."""
    notice: str | None = None
    """Why it said nothing, and what to do about it."""


class Rerankers:
    """The registered rerankers, each opened with its first query; thread-safe."""

    def __init__(
        self,
        registered: Mapping[str, RegisteredReranker],
        *,
        hint: str,
        threads: int | None = None,
        at_once: int | None = None,
    ) -> None:
        """Describe them.

        Args:
            registered: by name.
            hint: how one is registered, for messages, which tenants may read.
            threads: that one model in this process may use; half of the cores when not given, so
                that queries without it always find one.
            at_once: queries that may be reranked at a time, where each holds a thread that others
                need; no limit when not given.
        """
        self._registered = registered
        self._hint = hint
        self._threads = threads or max(1, _cores() // 2)
        self._places = threading.BoundedSemaphore(at_once) if at_once else None
        self._lock = threading.Lock()
        self._opened: dict[str, OnnxReranker | ServerReranker] = {}
        self._closed = False

    @property
    def names(self) -> list[str]:
        """What a search can name."""
        return sorted(self._registered)

    def seconds(self, name: str) -> float:
        """Return how long a query waits for a reranker, once it is there.

        Raises:
            InvalidIntent: there is no such reranker; it names those that there are.
        """
        return float(self._find(name).timeout_seconds)

    def score(
        self, name: str, query: str, texts: Sequence[str], *, waited: float = 0.0
    ) -> FloatVector:
        """Return float32[n] in the order of ``texts``, 0 to 1.

        Args:
            name: of a reranker.
            query: as the model reads it.
            texts: likewise.
            waited: seconds of its registered time that are gone already.

        Raises:
            InvalidIntent: there is no such reranker.
            CocoError: it cannot say, or not within its time.
        """
        allowed = self.seconds(name) - waited
        if allowed <= 0 or not self._take_place():
            raise Unavailable(
                f"The reranker {name!r} is busy with other queries.", hint="Ask again in a moment."
            )
        try:
            return self._open(name).score(query, texts, seconds=allowed)
        finally:
            if self._places is not None:
                self._places.release()

    def attempt(
        self, name: str, query: str, texts: Sequence[str], *, waited: float = 0.0
    ) -> RerankingAttempt:
        """Return `score`, or why there is none: then the first stage's order answers."""
        if not texts:
            return RerankingAttempt(np.zeros(0, np.float32))
        try:
            return RerankingAttempt(self.score(name, query, texts, waited=waited))
        except CocoError as error:
            return RerankingAttempt(None, f"These hits are not reranked: {error}")

    def list(self) -> Iterator[RerankerListEntry]:
        """Yield every reranker; each scores a pair to show that it can."""
        for name in self.names:
            yield self._look_at(name)

    def close(self) -> None:
        """Let go of all; calls in progress raise `Unavailable`."""
        with self._lock:
            opened, self._opened = self._opened, {}
            self._closed = True
        for reranker in opened.values():
            reranker.close()

    def _find(self, name: str) -> RegisteredReranker:
        found = self._registered.get(name)
        if found is None:
            there = f"there are {', '.join(self.names)}" if self.names else "none is registered"
            raise InvalidIntent(
                f"There is no reranker {name!r} here; {there}.",
                hint=f"{close_name(name, self.names)}{self._hint}",
                details={"model_name": name, "known": self.names},
            )
        return found

    def _take_place(self) -> bool:
        return self._places is None or self._places.acquire(blocking=False)

    def _open(self, name: str) -> OnnxReranker | ServerReranker:
        model = self._find(name)
        with self._lock:
            if self._closed:
                raise Unavailable("The rerankers are closed.", hint="Restart CoCo: coco restart")
            if name not in self._opened:
                self._opened[name] = (
                    OnnxReranker(model, threads=self._threads)
                    if model.path is not None
                    else ServerReranker(model)
                )
            return self._opened[name]

    def _look_at(self, name: str) -> RerankerListEntry:
        model = self._find(name)
        kind: Literal["onnx", "http"] = "onnx" if model.path is not None else "http"
        window, detail, hint = model.max_tokens, "", ""
        state: RerankerState = "ready"
        try:
            reranker = self._open(name)
            window = reranker.max_tokens
            reranker.score(_QUESTION, [_ANSWER], seconds=_LIST_SECONDS)
        except CocoError as error:
            state, detail, hint = _state(error, kind), error.message, error.hint or ""
        return RerankerListEntry(
            name=name,
            kind=kind,
            state=state,
            max_tokens=window,
            place=str(model.path or model.url),
            origin=model.origin,
            detail=detail,
            hint=hint,
        )


class QueryReranking:
    """One query's reranking by the reranker that its intent names."""

    def __init__(self, rerankers: Rerankers, wanted: RerankerOptions | None) -> None:
        self._rerankers = rerankers
        self._wanted = wanted
        self.notice: str | None = None
        """Why hits are not reranked although that was wanted."""

    def __call__(self, query: str, texts: Sequence[str]) -> FloatVector | None:
        """Return float32[n], 0 to 1; None when nothing was wanted or the reranker cannot say."""
        if self._wanted is None:
            return None
        attempt = self._rerankers.attempt(self._wanted.model_name, query, texts)
        self.notice = attempt.notice
        return attempt.scores


def _state(error: CocoError, kind: str) -> RerankerState:
    if isinstance(error, ModelMissing):
        return "missing"
    return "unreachable" if kind == "http" and isinstance(error, Unavailable) else "unusable"


def _cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 2
