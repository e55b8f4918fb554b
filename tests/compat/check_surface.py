"""Compare the package `cocoindex` of this folder with a list of names and parameters.

    PYTHONPATH=tests/compat/v0 python tests/compat/check_surface.py tests/compat/v0_surface.txt

Prints a JSON object: from each line of the list that does not hold to what is wrong.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import json
import sys
from pathlib import Path
from typing import Any


def main(path: str) -> None:
    """Check every line and print the problems."""
    problems = {}
    for line in Path(path).read_text("utf-8").splitlines():
        if line[:1] not in ("", "#"):
            problem = problem_of(line)
            if problem is not None:
                problems[line] = problem
    print(json.dumps(problems))


def problem_of(line: str) -> str | None:
    """Say what is wrong with a line; None if nothing is."""
    module, name, kind, *rest = line.split(" ", 3)
    try:
        found: Any = importlib.import_module(
            "cocoindex" if module == "." else f"cocoindex.{module}"
        )
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"
    wanted = rest[0] if rest else None
    if kind == "enum":
        return enum_problem(found, wanted or "")
    if kind == "property":
        return None if isinstance(found, property) else f"is {found!r}, not a property"
    if kind == "class" and not inspect.isclass(found):
        return f"is {found!r}, not a class"
    if wanted is None:
        return None
    return parameters_problem(found, wanted.strip("()"))


def enum_problem(found: Any, wanted: str) -> str | None:
    """Compare the members of an enum."""
    if not (inspect.isclass(found) and issubclass(found, enum.Enum)):
        return f"is {found!r}, not an enum"
    members = {f"{member.name}={member.value}" for member in found}
    missing = sorted(set(wanted.split(" ")) - members)
    return f"has no {', '.join(missing)}" if missing else None


def parameters_problem(found: Any, wanted: str) -> str | None:
    """Say which call that CocoIndex allows is not possible."""
    parameters = [p for p in inspect.signature(found).parameters.values() if p.name != "self"]
    kinds = {p.kind for p in parameters}
    by_name = {p.name: p for p in parameters if p.kind is not p.POSITIONAL_ONLY}
    takes_any_name = inspect.Parameter.VAR_KEYWORD in kinds
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    given: set[str] = set()
    for place, text in enumerate(text for text in wanted.split(", ") if text):
        name = text.removeprefix("kw ").lstrip("/*").rstrip("=")
        if text.startswith("**"):
            if not takes_any_name and not by_name:
                return "takes no keyword arguments"
            return None
        if text.startswith("*"):
            continue
        if not text.startswith("kw "):
            if place >= len(positional) and inspect.Parameter.VAR_POSITIONAL not in kinds:
                return f"does not take {name!r} by position"
            if place < len(positional):
                given.add(positional[place].name)
                if not text.startswith("/") and positional[place].name != name:
                    return f"has {positional[place].name!r} in the place of {name!r}"
        if not text.startswith("/") and name not in by_name and not takes_any_name:
            return f"does not take {name!r} by name"
        match = by_name.get(name)
        if text.endswith("=") and match is not None and match.default is match.empty:
            return f"has no default for {name!r}"
        given.add(name)
    needed = [p.name for p in parameters if p.default is p.empty and p.name not in given]
    needed = [n for n in needed if n not in ("args", "kwargs")]
    return f"needs {', '.join(needed)}" if needed else None


if __name__ == "__main__":
    main(sys.argv[1])
