"""Memo specs: which arguments of a memoized function count for its memo key, and how."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from coco_flow.components.sentinel import NOT_SET, NotSetType
from coco_flow.components.serde import qualified_name

__all__ = ["MemoKeyPlan", "MemoKeySpec", "MemoKeyTransform", "apply_memo_key", "prepare_memo_key"]

MemoKeyTransform: TypeAlias = Callable[[Any], Any]
MemoKeySpec: TypeAlias = Mapping[str, MemoKeyTransform | None] | None
"""Per parameter: a function of the argument that counts instead, or None if nothing counts."""

_Rule: TypeAlias = MemoKeyTransform | NotSetType | None


class MemoKeyPlan(NamedTuple):
    """The rules of a function's parameters; NOT_SET where an argument counts as it is."""

    positional: tuple[_Rule, ...]
    keyword: dict[str, MemoKeyTransform | None]
    varargs: _Rule
    varkw: _Rule


def prepare_memo_key(fn: Callable[..., Any], memo_key: MemoKeySpec) -> MemoKeyPlan | None:
    """Check the rules against a function's parameters and return them as a plan."""
    if not memo_key:
        return None
    parameters = inspect.signature(fn).parameters
    unknown = sorted(set(memo_key) - set(parameters))
    if unknown:
        raise ValueError(
            f"Unknown memo_key parameter(s) for {qualified_name(fn)}(): {', '.join(unknown)}. "
            f"Its parameters are {', '.join(parameters)}."
        )
    for name, rule in memo_key.items():
        if rule is not None and not callable(rule):
            raise TypeError(
                f"memo_key[{name!r}] for {qualified_name(fn)}() must be a callable or None, not "
                f"{rule!r}."
            )
    kinds = inspect.Parameter
    positional = tuple(
        memo_key.get(name, NOT_SET)
        for name, parameter in parameters.items()
        if parameter.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)
    )
    by_kind = {parameter.kind: name for name, parameter in parameters.items()}
    varargs, varkw = by_kind.get(kinds.VAR_POSITIONAL), by_kind.get(kinds.VAR_KEYWORD)
    return MemoKeyPlan(
        positional,
        dict(memo_key),
        NOT_SET if varargs is None else memo_key.get(varargs, NOT_SET),
        NOT_SET if varkw is None else memo_key.get(varkw, NOT_SET),
    )


def apply_memo_key(
    args: tuple[Any, ...], kwargs: dict[str, Any], plan: MemoKeyPlan | None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return what of the arguments of a call counts for its memo key."""
    if plan is None:
        return args, kwargs
    fixed = len(plan.positional)
    counted = tuple(
        value if isinstance(rule, NotSetType) else rule(value)
        for value, rule in zip(args, plan.positional, strict=False)
        if rule is not None
    )
    extra = _apply(plan.varargs, args[fixed:], tuple, "*args")
    named: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for name, value in kwargs.items():
        if name not in plan.keyword:
            others[name] = value
        elif (rule := plan.keyword[name]) is not None:
            named[name] = rule(value)
    others = _apply(plan.varkw, others, dict, "**kwargs")
    return counted + extra, named | others


def _apply(rule: _Rule, value: Any, kind: type, shown: str) -> Any:
    """Apply the rule of `*args` or `**kwargs`, which is about all of them together."""
    if isinstance(rule, NotSetType):
        return value
    if rule is None:
        return kind()
    result = rule(value)
    if not isinstance(result, kind):
        raise TypeError(
            f"memo_key transform for {shown} must return {kind.__name__}, got "
            f"{type(result).__name__}"
        )
    return result
