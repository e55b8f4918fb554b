"""A parsed source as plain nodes over a list of tokens, without comments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

__all__ = ["CodeTree", "Node", "Token"]


@dataclass(slots=True, eq=False)
class Node:
    """A node of the syntax tree; `first` and `last` are the tokens that it covers, `last` not.

    Attributes:
        kind: The grammar's name for it.
        named: Whether it is more than a keyword or punctuation.
        start: Byte at which it starts.
        end: Byte at which it ends.
        first: Index of its first token.
        last: Index after its last token.
        children: The nodes inside.
    """

    kind: str
    named: bool
    start: int
    end: int
    first: int
    last: int = 0
    children: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Token:
    """A leaf of the tree with its text."""

    text: str
    start: int
    end: int
    named: bool
    kind: str


class CodeTree:
    """The nodes of a source.

    Attributes:
        data: The source as UTF-8.
        tokens: Its leaves in order, without comments and blanks.
        nodes: All nodes that cover a token, each after those inside it.
        root: The outermost node.
    """

    def __init__(self, data: bytes, root: Any) -> None:
        """Copy a tree of tree-sitter from its root."""
        self.data = data
        self.tokens: list[Token] = []
        self.nodes: list[Node] = []
        self.root = self._read(root)
        # By the first token: nodes from the outermost to the innermost, with parent and position.
        self.starting: list[list[tuple[Node, Node, int]]] = [[] for _ in self.tokens]
        above = Node("", False, self.root.start, self.root.end, 0, self.root.last, [self.root])
        self.above = above
        for parent in (above, *reversed(self.nodes)):
            for position, child in enumerate(parent.children):
                self.starting[child.first].append((child, parent, position))

    def _read(self, root: Any) -> Node:
        """Copy the tree without recursion: sources may be nested deeper than Python's stack."""
        top = _node(root, 0)
        stack: list[tuple[Node, Iterator[Any]]] = [(top, iter(root.children))]
        while stack:
            node, rest = stack[-1]
            raw = next(rest, None)
            if raw is None:
                node.last = len(self.tokens)
                stack.pop()
                if node.last > node.first:
                    self.nodes.append(node)
                    if stack:
                        stack[-1][0].children.append(node)
            elif not _is_comment(raw):
                child = _node(raw, len(self.tokens))
                if raw.child_count == 0:
                    self._read_token(child)
                stack.append((child, iter(raw.children)))
        return top

    def _read_token(self, node: Node) -> None:
        text = self.data[node.start : node.end].decode("utf-8", "replace")
        # Some grammars have tokens for line ends and indentation, which say nothing here.
        if text.strip():
            self.tokens.append(Token(text, node.start, node.end, node.named, node.kind))

    def text(self, start: int, end: int) -> str:
        """Return the text between two bytes."""
        return self.data[start:end].decode("utf-8", "replace")


def _node(raw: Any, first: int) -> Node:
    return Node(raw.type, raw.is_named, raw.start_byte, raw.end_byte, first)


def _is_comment(raw: Any) -> bool:
    return raw.is_extra and "comment" in raw.type
