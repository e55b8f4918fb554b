"""Functions and definitions that tests of definitions share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import coco_flow
from coco_flow import op
from tests.flow_parts import MemorySource

__all__ = [
    "Body",
    "Part",
    "add_docs",
    "build",
    "first",
    "joined",
    "nested",
    "open_body",
    "refused",
    "split_words",
]

Body = Callable[[coco_flow.FlowBuilder, coco_flow.DataScope], None]


@dataclass
class Part:
    text: str
    size: int


@dataclass
class Outer:
    name: str
    parts: list[Part]


@op.function(behavior_version=1)
def split_words(text: str) -> list[Part]:
    return [Part(word, len(word)) for word in text.split()]


@op.function(behavior_version=1)
def nested(text: str) -> list[Outer]:
    return [Outer(line, [Part(w, len(w)) for w in line.split()]) for line in text.split("\n")]


@op.function(behavior_version=1)
def joined(left: str, right: str, separator: str = "-") -> str:
    return f"{left}{separator}{right}"


@op.function(behavior_version=1)
def first(text: str) -> Part:
    return Part(text[:1], len(text))


def open_body(body: Body, name: str = "F") -> coco_flow.Flow:
    return coco_flow.open_flow(name, body)


def add_docs(
    builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope
) -> coco_flow.DataSlice[Any]:
    scope["docs"] = builder.add_source(MemorySource(name="docs"))
    return scope["docs"]


def refused(body: Body, *words: str) -> str:
    flow = open_body(body)
    with pytest.raises(ValueError) as caught:
        _ = flow.graph
    for word in words:
        assert word in str(caught.value)
    return str(caught.value)


def build(body: Body) -> coco_flow.Flow:
    flow = open_body(body)
    flow.setup()
    flow.update()
    return flow
