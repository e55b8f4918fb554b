"""One small corpus of code and documents for every executor, with vectors made of its own words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from coco_core.bm25 import TermVector, term_vector
from coco_core.chunking import chunk_document
from coco_core.configs import ChunkingConfig
from coco_core.tokens import analyze, term_id
from coco_core.types import ChunkMetadata, FloatMatrix, FloatVector

DIMENSION = 32

ROUTER = '''\
"""Routing of requests."""


class Router:
    """Finds the handler of a path."""

    def __init__(self, routes):
        self.routes = routes

    def match(self, path):
        for route in self.routes:
            if route.matches(path):
                return route
        raise NotFound(path)


class Route:
    def __init__(self, pattern, handler):
        self.pattern = pattern
        self.handler = handler

    def matches(self, path):
        return self.pattern == path
'''

COOKIES = '''\
def parse_cookie(header):
    """Return the cookies of a request header."""
    pairs = [part.split("=", 1) for part in header.split(";")]
    return {name.strip(): value for name, value in pairs}


def dump_cookie(name, value, max_age=None):
    text = f"{name}={value}"
    return text if max_age is None else f"{text}; Max-Age={max_age}"
'''

TESTS = """\
from web.router import Route, Router


def test_router_matches_a_path():
    router = Router([Route("/a", handler=1)])
    assert router.match("/a").handler == 1
"""

GO = """\
package retry

// Do calls f until it succeeds or the attempts are used up.
func Do(attempts int, f func() error) error {
	var err error
	for i := 0; i < attempts; i++ {
		if err = f(); err == nil {
			return nil
		}
	}
	return err
}
"""

GUIDE = """\
# Guide

Read this first.

## Routing

A router matches the path of a request. See `Router.match`.

## Cookies

Cookies are parsed from the request header.
"""

FILES = {
    "web/router.py": ROUTER,
    "web/cookies.py": COOKIES,
    "web/__init__.py": "from web.router import Router\n",
    "tests/test_router.py": TESTS,
    "retry/retry.go": GO,
    "docs/guide.md": GUIDE,
    "docs/api/cookies.md": "# Cookies\n\nThe cookie functions of `web.cookies`.\n",
}


@dataclass(frozen=True)
class Document:
    doc_id: str
    language: str
    changed_at: float
    facts: tuple[ChunkMetadata, ...]
    terms: tuple[TermVector, ...]
    vectors: FloatMatrix


def embed(text: str) -> FloatVector:
    """A vector that points to the text's terms: alike for like texts, and always the same."""
    vector = np.full(DIMENSION, 0.01, np.float32)
    for term in analyze(text):
        vector[term_id(term) % DIMENSION] += 1.0
    return vector / np.linalg.norm(vector)


@cache
def corpus() -> tuple[Document, ...]:
    # Small chunks, so that files have several.
    config = ChunkingConfig(chunk_size=48)
    documents = []
    key = 0
    for number, (doc_id, text) in enumerate(FILES.items()):
        cut = chunk_document(doc_id, text.encode(), config)
        facts, terms, vectors = [], [], []
        for chunk in cut.chunks:
            facts.append(ChunkMetadata.of(key, doc_id, chunk))
            terms.append(term_vector(doc_id, chunk))
            vectors.append(embed(chunk.text))
            key += 1
        documents.append(
            Document(
                doc_id,
                cut.language,
                1000.0 + number,
                tuple(facts),
                tuple(terms),
                np.array(vectors, np.float32),
            )
        )
    return tuple(documents)
