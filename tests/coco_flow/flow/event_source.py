"""A custom source whose rows, ordinals and change events a test sets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

from coco_flow import op

__all__ = ["Document", "EventSource", "Feed", "feed_of", "forget_feeds"]


@dataclass
class Document:
    content: str


class EventSource(op.SourceSpec):
    """Rows of `feed_of(name)`."""

    name: str


@dataclass
class Feed:
    """What a source has: texts and ordinals by key, and events for watchers."""

    texts: dict[str, str] = field(default_factory=dict)
    ordinals: dict[str, int] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    lists: int = 0
    watches: int = 0
    _waiting: list[Any] = field(default_factory=list)
    _listener: tuple[asyncio.AbstractEventLoop, asyncio.Queue[Any]] | None = None

    def put(self, key: str, text: str, ordinal: int) -> None:
        """Set a row."""
        self.texts[key], self.ordinals[key] = text, ordinal

    def send(self, event: list[str] | Exception | None) -> None:
        """Report changed keys, or None for "list again", or let the stream break."""
        if self._listener is None:
            self._waiting.append(event)
        else:
            loop, queue = self._listener
            loop.call_soon_threadsafe(queue.put_nowait, event)

    async def events(self) -> AsyncIterator[list[str] | None]:
        """Yield what is sent."""
        self.watches += 1
        queue: asyncio.Queue[Any] = asyncio.Queue()
        for event in self._waiting:
            queue.put_nowait(event)
        self._waiting.clear()
        self._listener = (asyncio.get_running_loop(), queue)
        try:
            while True:
                event = await queue.get()
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self._listener = None


_feeds: dict[str, Feed] = {}


def feed_of(name: str) -> Feed:
    """Return the feed of that name, made at first use."""
    return _feeds.setdefault(name, Feed())


def forget_feeds() -> None:
    """Remove all feeds."""
    _feeds.clear()


@op.source_connector(spec_cls=EventSource, key_type=str, value_type=Document)
class EventConnector:
    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    @staticmethod
    def create(spec: EventSource) -> EventConnector:
        return EventConnector(feed_of(spec.name))

    def provides_ordinal(self) -> bool:
        return True

    def list(self) -> Iterator[op.PartialSourceRow[str, Document]]:
        self._feed.lists += 1
        for key, ordinal in list(self._feed.ordinals.items()):
            yield op.PartialSourceRow(key, op.PartialSourceRowData(ordinal=ordinal))

    def get_value(self, key: str) -> op.PartialSourceRowData[Document]:
        self._feed.reads.append(key)
        text = self._feed.texts.get(key)
        if text is None:
            return op.PartialSourceRowData(value=op.NON_EXISTENCE)
        return op.PartialSourceRowData(Document(text), ordinal=self._feed.ordinals[key])

    def watch(self) -> AsyncIterator[Any]:
        return self._feed.events()
