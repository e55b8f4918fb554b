"""Digests of functions' source code that formatting and comments do not change."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from coco_flow.types.codec import digest

__all__ = ["code_digest"]


def code_digest(function: Callable[..., Any] | type) -> bytes:
    """Return the digest of the syntax tree, without docstrings, decorators and positions.

    Where there is no source (an interactive prompt, a compiled module) the byte code and its
    constants decide.
    """
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return _byte_code_digest(function)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            node.decorator_list = []
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:] or [ast.Pass()]
    return digest(ast.dump(tree).encode())


def _byte_code_digest(function: Callable[..., Any] | type) -> bytes:
    if isinstance(function, type):
        members = (value for _, value in sorted(vars(function).items()) if callable(value))
        return digest(*(_byte_code_digest(member) for member in members))
    code = getattr(function, "__code__", None)
    if code is None:
        return digest(getattr(function, "__qualname__", repr(type(function))).encode())
    return _digest_of_code(code)


def _digest_of_code(code: Any) -> bytes:
    constants = [
        _digest_of_code(value) if inspect.iscode(value) else repr(value).encode()
        for value in code.co_consts
    ]
    return digest(code.co_code, *constants, repr(code.co_names).encode())
