r"""Path globs with the meaning they have in ``.gitignore``, plus braces.

- ``*`` is anything but ``/``, ``?`` one character but ``/``, ``[abc]`` one of these
  and ``[!abc]`` none of these, ``**`` any number of directories, ``{a,b}`` either; ``\`` takes the
  next character literally.
- Without an inner ``/`` a pattern holds at any depth: ``*.py``, ``Makefile``.
- With a leading or inner ``/`` it starts at the project's root: ``src/*.py``, ``/setup.py``.
- A pattern that names a directory means all that is in it: ``tests``, ``src/api``; with a trailing
  ``/`` it means directories only.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from coco_core.errors import InvalidIntent

__all__ = [
    "ParsedGlob",
    "compile_glob",
    "component_expression",
    "ending_of",
    "expand",
    "glob_of",
    "globs_below",
    "is_pattern",
    "literal_head",
    "literal_text",
    "parse_glob",
]

# Longer than any path that file systems allow.
_LONGEST = 4096

# Each ** may stop at any directory; a path of 20 directories makes 8 of them 100,000 tries.
_MOST_STARSTARS = 8

# What means something else than itself in a glob.
_MEANINGFUL = re.compile(r"[\\*?\[{]")

# Braces multiply; more alternatives than this is a list of files, for which `doc_ids` exists.
_MOST_ALTERNATIVES = 256

# They nest, and each is resolved inside the one before.
_MOST_BRACES = 64

# An expression of so many characters is compiled in some 0.3 seconds.
_LONGEST_EXPANDED = 32_768

_SPECIAL = re.compile(r"(?<!\\)(?:\\\\)*[*?\[{]")
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class ParsedGlob:
    """One alternative of a glob."""

    parts: tuple[str, ...]
    """Its components, still with their wildcards; none is empty."""
    anchored: bool
    """Whether it starts at the root and not at any depth."""
    directory_only: bool


@lru_cache(maxsize=1024)
def compile_glob(pattern: str) -> re.Pattern[str]:
    """Return the expression that fully matches a doc id, or say why the glob is not valid."""
    alternatives = [_translate(each, pattern) for each in expand(pattern)]
    return re.compile("|".join(alternatives), re.DOTALL)


def globs_below(within: str, include: Sequence[str]) -> list[str]:
    """Return the globs that keep a search inside a path, empty for the project's root.

    Given globs are then relative to that path.
    """
    if not within:
        return list(include)
    base = glob_of(within)
    if not include:
        return [base]
    return [
        f"{base}/{glob.lstrip('/')}" if "/" in glob.rstrip("/") else f"{base}/**/{glob}"
        for glob in include
    ]


def glob_of(path: str) -> str:
    """Return the glob of one path, and of all that is in it."""
    return f"/{_MEANINGFUL.sub(_escaped, path)}"


def _escaped(found: re.Match[str]) -> str:
    return f"\\{found[0]}"


def literal_head(pattern: str) -> str:
    """Return the path that everything which an anchored glob matches lies at or below.

    Empty for a glob that holds at any depth, or that begins with a wildcard.
    """
    if "/" not in pattern.removeprefix("./").rstrip("/"):
        return ""
    head: list[str] = []
    for part in pattern.split("/"):
        if _SPECIAL.search(part):
            break
        if part not in {"", "."}:
            head.append(_ESCAPE.sub(r"\1", part))
    return "/".join(head)


def literal_text(part: str) -> str | None:
    """Return what a component without wildcards names; None for one with some."""
    found: list[str] = []
    characters = iter(part)
    for char in characters:
        if char in "*?[":
            return None
        found.append(next(characters, char) if char == "\\" else char)
    return "".join(found)


def ending_of(part: str) -> str | None:
    """Return the literal of a component that is one after a leading ``*``; else None."""
    return (literal_text(part[1:]) or None) if part.startswith("*") else None


def is_pattern(part: str) -> bool:
    """Whether only an expression tells which names a component means."""
    return part != "**" and literal_text(part) is None and ending_of(part) is None


def _refuse(pattern: str, why: str) -> InvalidIntent:
    return InvalidIntent(
        f"The path glob {pattern!r} {why}.",
        hint="Globs are like those of .gitignore: '*.py', 'src/**', 'docs/', '{a,b}/*.md'.",
    )


def expand(pattern: str) -> list[str]:
    """Resolve the braces of a glob, or say why it has too many."""
    if len(pattern) > _LONGEST:
        raise InvalidIntent(f"A path glob has {len(pattern)} characters; {_LONGEST} is the most.")
    if pattern.count("{") > _MOST_BRACES:
        raise _refuse(pattern, f"has more than {_MOST_BRACES} braces")
    found = _expand(pattern, pattern)
    if sum(map(len, found)) > _LONGEST_EXPANDED:
        raise _refuse(
            pattern, f"has more than {_LONGEST_EXPANDED} characters once its braces are resolved"
        )
    return found


def _expand(pattern: str, whole: str) -> list[str]:
    """Resolve the braces: ``a{b,c}`` is ``ab`` and ``ac``; they may nest."""
    start = _find(pattern, "{", 0)
    if start < 0:
        return [pattern]
    end, commas = _closing(pattern, start)
    if end < 0:
        raise _refuse(whole, "opens a brace that it does not close")
    cuts = [start, *commas, end]
    result: list[str] = []
    for left, right in itertools.pairwise(cuts):
        result += _expand(pattern[:start] + pattern[left + 1 : right] + pattern[end + 1 :], whole)
        if len(result) > _MOST_ALTERNATIVES:
            raise _refuse(whole, f"has more than {_MOST_ALTERNATIVES} alternatives")
    return result


def _find(pattern: str, char: str, start: int) -> int:
    i = start
    while i < len(pattern):
        if pattern[i] == "\\":
            i += 1
        elif pattern[i] == char:
            return i
        i += 1
    return -1


def _closing(pattern: str, start: int) -> tuple[int, list[int]]:
    commas: list[int] = []
    depth, i = 0, start
    while i < len(pattern):
        char = pattern[i]
        if char == "\\":
            i += 1
        elif char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                return i, commas
        elif char == "," and depth == 1:
            commas.append(i)
        i += 1
    return -1, []


def parse_glob(pattern: str) -> list[ParsedGlob]:
    """Return a glob's alternatives, component by component, or say why it is not valid."""
    compile_glob(pattern)
    return [_parse(each, pattern) for each in expand(pattern)]


def _parse(pattern: str, whole: str) -> ParsedGlob:
    if pattern.startswith("!"):
        raise _refuse(whole, "starts with '!'; name it in `exclude` instead (or write '\\!')")
    pattern = pattern.removeprefix("./")
    anchored = "/" in pattern.rstrip("/")
    parts = [part for part in pattern.split("/") if part and part != "."]
    if not parts:
        raise _refuse(whole, "names nothing")
    if ".." in parts:
        raise _refuse(whole, "leaves the project with '..'")
    parts = [part for i, part in enumerate(parts) if part != "**" or parts[i - 1] != "**" or i == 0]
    if parts.count("**") > _MOST_STARSTARS:
        raise _refuse(whole, f"has more than {_MOST_STARSTARS} '**'")
    return ParsedGlob(tuple(parts), anchored=anchored, directory_only=pattern.endswith("/"))


def _translate(pattern: str, whole: str) -> str:
    parsed = _parse(pattern, whole)
    parts = parsed.parts
    body = "" if parsed.anchored else "(?:[^/]+/)*"
    for i, part in enumerate(parts):
        last = i == len(parts) - 1
        if part == "**":
            body += ".+" if last else "(?:[^/]+/)*"
        else:
            body += component_expression(part, whole) + ("" if last else "/")
    if parts[-1] == "**":
        return body
    return body + ("/.+" if parsed.directory_only else "(?:/.+)?")


def component_expression(part: str, whole: str) -> str:
    """Translate one path component; every ``*`` but the last stops at its first fit.

    The first fit of what follows is always as good as a later one, so nothing need be tried twice:
    a hostile ``*a*a*a*a*`` costs linear time.
    """
    pieces: list[str] = [""]
    i = 0
    while i < len(part):
        char = part[i]
        if char == "*":
            if pieces[-1] or len(pieces) == 1:
                pieces.append("")
        elif char == "?":
            pieces[-1] += "[^/]"
        elif char == "[":
            text, i = _char_class(part, i, whole)
            pieces[-1] += text
        else:
            if char == "\\" and i + 1 < len(part):
                i += 1
            pieces[-1] += re.escape(part[i])
        i += 1
    if len(pieces) == 1:
        return pieces[0]
    inner = "".join(f"(?>[^/]*?{piece})" for piece in pieces[1:-1])
    return f"{pieces[0]}{inner}[^/]*{pieces[-1]}"


def _char_class(part: str, start: int, whole: str) -> tuple[str, int]:
    end = part.find("]", start + 2 if part[start + 1 : start + 2] != "!" else start + 3)
    if end < 0:
        raise _refuse(whole, "opens a '[' that it does not close")
    inside = part[start + 1 : end]
    negated = inside.startswith("!")
    escaped = re.sub(r"([\\\[\]^&~|])", r"\\\1", inside[1:] if negated else inside)
    try:
        re.compile(f"[{escaped}]")
    except re.error as error:
        raise _refuse(whole, f"has the character class {inside!r}, which is not valid") from error
    return f"(?![/])[{'^' if negated else ''}{escaped}]", end
