"""Markdown that is shortened for the parser has the same blocks."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import tree_sitter
import tree_sitter_markdown

from coco_flow.text.shortening import shorten_markdown

LANGUAGE = tree_sitter.Language(tree_sitter_markdown.language())
CLOSED = ("inline", "indented_code_block", "fenced_code_block")
ROOT = Path(__file__).resolve().parents[3]

PIECES = [
    "foo bar bazqux", "some longer words here and", "wonderful1", "a", "x", "12 foo bar baz quux",
    " ", "    ", "\t", "\n", "\n", "\n\n", "\r\n", ".", ", ", "; ", ": ", "!", "'", '"', "(", ")",
    "[", "]", "[x]", "[ ]", "[label words here]: ", "|", " | ", "|---|---|", "| - | :-: |",
    "\n---\n", "\n===\n", "***", "* ", "- ", "1. ", "> ", "# ", "## ", "<div>", "</div>",
    "<div foo bar baz=", "<!-- ", "-->", "<x-y a b c", "<?php", "?>", "&amp;", "&amp foo bar baz",
    "&#x41;", "\\", "`", "```", "```python title words\n", "~~~", "_", "+++",
    "été über straße und", "中文字符串测试", "\u3000", "\ufeff", "/url words here are",
    "'title words here and'", '"title words here"', "(title words here)",
]  # fmt: skip


def blocks(data: bytes, place: Callable[[int], int]) -> list[tuple[int, int, int, str]] | None:
    """Return the places of all nodes that the splitter may look at; None if the text is wrong."""
    root = tree_sitter.Parser(LANGUAGE).parse(data).root_node
    found = []
    pending = [(root, 0)]
    while pending:
        node, depth = pending.pop()
        found.append((place(node.start_byte), place(node.end_byte), depth, node.type))
        if node.type not in CLOSED:
            pending += [(child, depth + 1) for child in reversed(node.children)]
    return None if root.has_error else found


def check(text: str) -> int:
    data = text.encode()
    short, place = shorten_markdown(data)
    found = blocks(short, place)
    # Texts with errors are parsed as they are.
    assert found is None or found == blocks(data, int), text
    return len(data) - len(short)


def test_documents_keep_their_blocks() -> None:
    documents = [*ROOT.glob("docs/**/*.md"), *ROOT.glob("**/samples/*.md"), ROOT / "README.md"]
    texts = [path.read_text(encoding="utf-8") for path in documents]
    assert sum(map(check, texts)) > sum(map(len, texts)) / 3


@pytest.mark.parametrize("seed", range(4))
def test_random_texts_keep_their_blocks(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(1000):
        text = "".join(chance.choice(PIECES) for _ in range(chance.randint(3, 40)))
        check(chance.choice(["", "", "---\n", "+++\n", "\ufeff"]) + text)
