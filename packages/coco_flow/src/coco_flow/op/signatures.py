"""Signatures with annotations resolved, also where they name classes local to a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["enclosing_names", "signature_of"]


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature; annotations written as text become what they name.

    A name that only exists where the function is defined is looked up in the frames that are
    running: that is where a decorator is called from.

    Raises:
        NameError: An annotation names something that cannot be found.
    """
    try:
        return inspect.signature(function, eval_str=True)
    except NameError:
        names = enclosing_names()
        names.update(getattr(inspect.unwrap(function), "__globals__", {}))
        return inspect.signature(function, eval_str=True, locals=names)


def enclosing_names() -> dict[str, Any]:
    """Return the local names of all running frames, inner ones before outer ones."""
    names: dict[str, Any] = {}
    frame = inspect.currentframe()
    while frame is not None:
        for name, value in frame.f_locals.items():
            names.setdefault(name, value)
        frame = frame.f_back
    return names
