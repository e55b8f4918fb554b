"""The versions of functions that the program has, so that results of older code are not reused."""

from __future__ import annotations

import ast
import hashlib
import inspect
import itertools
import textwrap
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias

from coco_flow.components.memo_key import (
    Fingerprint,
    canonical_module_name,
    fingerprint_bytes,
    memo_fingerprint,
)

__all__ = [
    "LogicTracking",
    "is_current",
    "logic_fingerprint",
    "register_logic_fingerprint",
    "unregister_logic_fingerprint",
]

LogicTracking: TypeAlias = Literal["full", "self"] | None
"""What a change of code invalidates: the function and all it calls, itself alone, or nothing."""

# Two functions may have the same code, so each has its own number. Functions are taken off
# by the garbage collector in the midst of anything, so there is no lock: every step is atomic.
_known: dict[bytes, dict[int, None]] = {}
_numbers = itertools.count()


def register_logic_fingerprint(fingerprint: Fingerprint) -> int:
    """Record that the program has a function with this code; return its number."""
    number = next(_numbers)
    _known.setdefault(fingerprint.as_bytes(), {})[number] = None
    return number


def unregister_logic_fingerprint(fingerprint: Fingerprint, number: int | None = None) -> None:
    """Note that a function with this code is gone, by default the oldest; twice does no harm."""
    functions = _known.get(fingerprint.as_bytes(), {})
    if number is None:
        number = min(list(functions), default=-1)
    functions.pop(number, None)


def is_current(digests: Iterable[bytes], also: frozenset[bytes] | set[bytes]) -> bool:
    """Say whether every digest is of a function that the program has, or is in `also`."""
    known = _known
    return all(known.get(digest) or digest in also for digest in digests)


def _without_docstrings(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.decorator_list = []
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body.pop(0)
    return tree


def _code(fn: Callable[..., Any]) -> str:
    """Return the function's code without what does not change its work: comments, layout, docs."""
    try:
        source = textwrap.dedent(inspect.getsource(fn))
        return ast.dump(_without_docstrings(ast.parse(source)), include_attributes=False)
    except (OSError, SyntaxError, TypeError):
        # Source is missing in an interactive session or a frozen program.
        return f"bytecode {hashlib.sha256(fn.__code__.co_code).hexdigest()}"


def logic_fingerprint(
    fn: Callable[..., Any], *, version: int | None = None, deps: Any = None
) -> Fingerprint:
    """Return the fingerprint of a function's code, or of its declared version, and its `deps`."""
    canonical = _code(fn) if version is None else f"version {version}"
    payload = f"{canonical_module_name(fn)}.{fn.__qualname__}\n{canonical}"
    if deps is not None:
        payload += f"\ndeps {memo_fingerprint(deps).as_bytes().hex()}"
    return fingerprint_bytes(payload.encode("utf-8", "surrogatepass"))
