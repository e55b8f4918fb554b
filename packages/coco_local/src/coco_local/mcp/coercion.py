"""Arguments as models write them: what is plain is accepted, the rest refused with a sentence.

Works from the fields of a tool's model, so that every tool takes ``"5"`` for ``5``, ``"true"``,
``null`` and ``""`` for what is optional, and ``"a, b"`` or ``'["a", "b"]'`` for a list.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from coco_core.errors import InvalidInput

__all__ = ["did_you_mean", "read_arguments"]

M = TypeVar("M", bound=BaseModel)

NUMBER = re.compile(r"[+-]?\d{1,300}(?:\.0*)?")
# A comma between items; one inside {a,b} or [a,b] belongs to a glob.
COMMA = re.compile(r",(?![^{]*\})(?![^\[]*\])")
FLAGS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
# Names that other tools give the same argument.
SYNONYMS = {
    "query": ("q", "text", "search", "question", "pattern", "prompt"),
    "pattern": ("query", "regexp", "text", "search"),
    "path": ("file", "filepath", "filename", "docid", "directory", "dir", "folder", "target"),
    "limit": ("topk", "k", "top", "maxresults", "count", "n", "headlimit", "numresults"),
    "languages": ("language", "lang", "filetype", "type"),
    "include": ("glob", "globs", "filepattern", "includepattern"),
    "exclude": ("ignore", "excludepattern"),
    "start_line": ("start", "offset", "from", "line", "begin", "startline"),
    "end_line": ("end", "to", "until", "limit", "endline"),
    "project": ("repo", "repository", "root", "workspace", "projectid", "cwd"),
    "max_tokens": ("tokens", "budget", "maxlength"),
    "context": ("contextlines", "around"),
}
# How much of a wrong value a message repeats.
SHOWN = 80


def read_arguments(model: type[M], tool: str, given: Mapping[str, Any]) -> tuple[M, list[str]]:
    """Return the arguments of a call, and what was changed that the caller should know.

    Raises:
        InvalidInput: something is missing, unknown or not to be understood; the message has a
            sentence for each.
    """
    fields = model.model_fields
    values: dict[str, Any] = {}
    problems: list[str] = []
    notes: list[str] = []
    for sent, value in given.items():
        name = _name(sent, fields)
        if name is None or name in values:
            problems.append(f"{tool} has no argument {_shown(sent)}{_meant(sent, fields)}")
            continue
        if value is None or (value == "" and not fields[name].is_required()):
            continue
        try:
            values[name] = _read(name, fields[name], value, notes)
        except ValueError as error:
            problems.append(f"{name}: {error}")
    missing = [name for name, each in fields.items() if each.is_required() and name not in values]
    wrong = {line.partition(":")[0] for line in problems}
    problems.extend(f"{tool} needs the argument {n!r}." for n in missing if n not in wrong)
    if not problems:
        try:
            return model.model_validate(values), notes
        except ValidationError as error:
            problems = [_sentence(each, fields) for each in error.errors(include_url=False)]
    raise InvalidInput("\n".join(problems), hint=f"Arguments: {', '.join(fields)}.")


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return the end of a sentence: ``; did you mean 'x'?`` if a known word is close, or a dot."""
    close = difflib.get_close_matches(word.lower(), known, 1, 0.6)
    return f"; did you mean {close[0]!r}?" if close else "."


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _name(sent: str, fields: Mapping[str, FieldInfo]) -> str | None:
    """Return the argument of this name; ``maxTokens`` and ``max-tokens`` are ``max_tokens``."""
    if sent in fields:
        return sent
    return next((name for name in fields if _folded(name) == _folded(sent)), None)


def _meant(sent: str, fields: Mapping[str, FieldInfo]) -> str:
    folded = _folded(sent)
    for name, others in SYNONYMS.items():
        if name in fields and folded in others:
            return f"; did you mean {name!r}?"
    return did_you_mean(sent, list(fields))


def _read(name: str, field: FieldInfo, value: Any, notes: list[str]) -> Any:
    """Return the value in the type of the field.

    Raises:
        ValueError: it cannot be meant; the text says what to send.
    """
    wanted = _type(field.annotation)
    if wanted is int:
        return _bounded(name, field, _number(value), notes)
    if wanted is bool:
        return _flag(value)
    if get_origin(wanted) is Literal:
        return _choice(value, get_args(wanted))
    if get_origin(wanted) is list:
        return _texts(value)
    return _text(value)


def _type(annotation: Any) -> Any:
    """Return the type of a field without ``None``."""
    if get_origin(annotation) in (Union, UnionType):
        options = [each for each in get_args(annotation) if each is not NoneType]
        return options[0] if len(options) == 1 else annotation
    return annotation


def _number(value: Any) -> int:
    if isinstance(value, str) and NUMBER.fullmatch(value.strip()):
        return int(value.strip().partition(".")[0])
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"send a whole number (got {_shown(value)}).")


def _bounded(name: str, field: FieldInfo, value: int, notes: list[str]) -> int:
    least, most = _limit(field, "ge"), _limit(field, "le")
    if most is not None and value > most:
        notes.append(f"{name} is at most {most}")
        return most
    if least is None or value >= least:
        return value
    if value == 0 and least == 1 and most is None:
        # Lines count from 1; a client that counts from 0 means the first.
        return 1
    upto = f"{least} to {most}" if most is not None else f"{least} or more"
    raise ValueError(f"send {upto} (got {value}).")


def _limit(field: FieldInfo, which: str) -> int | None:
    """Return what the field declares with ``ge`` or ``le``."""
    found = [getattr(each, which) for each in field.metadata if hasattr(each, which)]
    return int(found[0]) if found else None


def _flag(value: Any) -> bool:
    found = FLAGS.get(str(value).strip().lower()) if isinstance(value, str | int) else None
    if found is None:
        raise ValueError(f"send true or false (got {_shown(value)}).")
    return found


def _choice(value: Any, options: Sequence[Any]) -> str:
    word = _text(value).strip().lower()
    if word not in options:
        raise ValueError(
            f"send one of {', '.join(options)} (got {_shown(value)})" + did_you_mean(word, options)
        )
    return word


def _text(value: Any) -> str:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("it holds a NUL character; send text.")
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return json.dumps(value)
    raise ValueError(f"send one text (got {_shown(value)}).")


def _texts(value: Any) -> list[str]:
    """Return a list of texts without empty ones, whichever way it is written."""
    if isinstance(value, str):
        if value.lstrip().startswith("[") and value.rstrip().endswith("]"):
            try:
                value = json.loads(value)
            except ValueError:
                # `[ab]*.py` is a glob.
                value = [value]
        else:
            value = COMMA.split(value)
    if not isinstance(value, list):
        raise ValueError(f'send a list of texts, e.g. ["a", "b"] (got {_shown(value)}).')
    texts: list[str] = []
    for item in value:
        if item is None:
            continue
        if not isinstance(item, str):
            raise ValueError(f'send a list of texts, e.g. ["a", "b"] (got {_shown(item)} in it).')
        texts.extend(each.strip() for each in COMMA.split(_text(item)) if each.strip())
    return texts


def _sentence(problem: Any, fields: Mapping[str, FieldInfo]) -> str:
    """Say what pydantic found wrong with a value that has the right type."""
    name = str(problem["loc"][0]) if problem["loc"] else "arguments"
    context = problem.get("ctx", {})
    match problem["type"]:
        case "string_too_short":
            return f"{name}: it is empty; {_purpose(fields.get(name))}."
        case "string_too_long":
            length, most = len(problem["input"]), context["max_length"]
            return f"{name}: send at most {most} characters (got {length})."
        case "too_long":
            most = context["max_length"]
            return f"{name}: send at most {most} items (got {len(problem['input'])})."
        case _:
            return f"{name}: {problem['msg']} (got {_shown(problem['input'])})."


def _purpose(field: FieldInfo | None) -> str:
    described = (field.description or "").split(". ")[0].rstrip(".") if field else ""
    return f"send {described[:1].lower()}{described[1:]}" if described else "send some text"


def _shown(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = repr(type(value))
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
