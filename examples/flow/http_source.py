"""A source of one's own: the articles of an HTTP service, kept as rows of SQLite.

    ARTICLES=http://127.0.0.1:8000 coco-flow update examples/flow/http_source.py

The service lists `GET /articles` as [{"id": …, "version": …}, …] and gives one article as
`GET /articles/ID` with "title" and "text". An update lists, and fetches what is new or has another
version; a refresh interval does the same in live mode.
"""

from __future__ import annotations

import asyncio
import json
import os
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import coco_flow
from coco_flow import op, targets


class Articles(op.SourceSpec):
    """The articles of a service."""

    url: str


@dataclass(frozen=True)
class ArticleKey:
    """What identifies an article."""

    id: int


@dataclass
class Article:
    """What an article says."""

    title: str
    text: str


@op.source_connector(spec_cls=Articles, key_type=ArticleKey, value_type=Article)
class ArticlesConnector:
    """Lists and fetches articles."""

    def __init__(self, url: str) -> None:
        self._url = url

    @staticmethod
    async def create(spec: Articles) -> ArticlesConnector:
        """Return the connector of a spec."""
        return ArticlesConnector(spec.url)

    def provides_ordinal(self) -> bool:
        """Say that versions grow, so that an older one never replaces a newer one."""
        return True

    async def list(self) -> AsyncIterator[op.PartialSourceRow[ArticleKey, Article]]:
        """Yield each article with its version; its text is fetched only if that is new."""
        for entry in await self._get("/articles"):
            data = op.PartialSourceRowData[Article](ordinal=entry["version"])
            yield op.PartialSourceRow(ArticleKey(entry["id"]), data)

    async def get_value(self, key: ArticleKey) -> op.PartialSourceRowData[Article]:
        """Fetch one article; one that is gone since the listing does not exist."""
        try:
            found = await self._get(f"/articles/{key.id}")
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return op.PartialSourceRowData(value=op.NON_EXISTENCE)
        article = Article(found["title"], found["text"])
        return op.PartialSourceRowData(value=article, ordinal=found["version"])

    async def _get(self, path: str) -> Any:
        return await asyncio.to_thread(_get_json, self._url + path)


def _get_json(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - the user's own URL
        return json.load(answer)


@coco_flow.flow_def(name="HttpArticles")
def flow(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
    """Keep one row for each article."""
    url = os.environ.get("ARTICLES", "http://127.0.0.1:8000")
    scope["articles"] = builder.add_source(
        Articles(url=url), refresh_interval=timedelta(seconds=30)
    )
    rows = scope.add_collector()
    with scope["articles"].row() as article:
        rows.collect(id=article["id"], title=article["title"], text=article["text"])
    rows.export(
        "articles",
        targets.SQLite(path="articles.db", table_name="articles"),
        primary_key_fields=["id"],
    )
