"""Refusals of a path or a language that does not exist, with what may have been meant."""

from __future__ import annotations

import difflib
from pathlib import Path

from coco_core.errors import DocumentNotFound, InvalidInput
from coco_core.languages import detect_language, languages, named_language
from coco_local.mcp.coercion import did_you_mean
from coco_local.mcp.paths import exists
from coco_local.mcp.scope import Scope
from coco_protocol.docs import DocumentsRequest
from coco_protocol.local import LocalService

__all__ = ["known_languages", "require_path"]

# Paths that a refusal names.
MAX_NAMED = 5
# Pages of the index that are looked through for a file of the same name.
MAX_PAGES = 10


def require_path(service: LocalService, scope: Scope) -> None:
    """Raise unless what the scope is limited to exists in the project.

    Raises:
        DocumentNotFound: it does not; the hint names paths that may be meant.
    """
    if not scope.within or exists(Path(scope.project.root) / scope.within):
        return
    named = _like(service, scope)
    hint = f"Did you mean {' or '.join(named)}?" if named else "Find it with search or grep."
    raise DocumentNotFound(
        f"There is no {scope.within!r} in {scope.project.name} ({scope.project.root}).", hint=hint
    )


def known_languages(service: LocalService, asked: list[str]) -> list[str]:
    """Return the languages by CoCo's names; ``py``, ``.py`` and ``Python`` are ``python``.

    Raises:
        InvalidInput: there is no such language.
    """
    found: list[str] = []
    for word in asked:
        name = _language(word)
        if name is None and word.lower() in _added(service):
            name = word.lower()
        if name is None:
            names = sorted(language.name for language in languages())
            raise InvalidInput(
                f"There is no language {word!r}{did_you_mean(word, names)}",
                hint="Send names such as python, typescript, cpp, markdown; for file names "
                "use include, e.g. '*.py'.",
            )
        found.append(name)
    return found


def _language(word: str) -> str | None:
    bare = word.strip().lower().removeprefix("*")
    found = named_language(bare) or named_language(bare.removeprefix("."))
    if found is not None:
        return found.name
    by_suffix = detect_language(f"a{bare}") if bare.startswith(".") else "text"
    return by_suffix if by_suffix != "text" else None


def _added(service: LocalService) -> set[str]:
    """Return the languages of grammars that this machine has added."""
    return {grammar.language for grammar in service.stats().grammars}


def _like(service: LocalService, scope: Scope) -> list[str]:
    """Return paths of the project that may have been meant."""
    name = Path(scope.within).name
    same = _named_so(service, scope, name)
    if same:
        return same
    parent = Path(scope.project.root) / Path(scope.within).parent
    try:
        there = [each.name for each in parent.iterdir()]
    except (OSError, ValueError):
        return []
    close = difflib.get_close_matches(name, there, 2, 0.7)
    return [(Path(scope.within).parent / each).as_posix() for each in close]


def _named_so(service: LocalService, scope: Scope, name: str) -> list[str]:
    """Return the indexed files of this name, the ones that share most of the path first."""
    found: list[str] = []
    after = ""
    for _ in range(MAX_PAGES):
        page = service.documents(DocumentsRequest(project_id=scope.project.project_id, after=after))
        found.extend(
            each.doc_id for each in page.documents if each.doc_id.rpartition("/")[2] == name
        )
        if page.next_after is None:
            break
        after = page.next_after
    asked = scope.within.split("/")
    found.sort(key=lambda each: (-len(set(each.split("/")) & set(asked)), each))
    return found[:MAX_NAMED]
