"""Language detection: by file name, extension, shebang line, or editor mode line."""

from __future__ import annotations

import re

from coco_core.languages.table import LANGUAGES, Language, LanguageKind, Parser

__all__ = [
    "add_language",
    "detect_language",
    "is_code",
    "known_languages",
    "known_names",
    "language_of_extension",
    "named_language",
]

# Editors look for mode lines in the first and last five lines; the head is all we are given.
_MODE_LINES = 5

_SHEBANG = re.compile(r"#!\s*(\S+)(.*)")
_VIM = re.compile(r"\b(?:vim?|ex):.*?\b(?:ft|filetype|syntax)=([\w+#-]+)")
_EMACS = re.compile(r"-\*-\s*(?:.*?\bmode:\s*)?([\w+#-]+?)(?:-mode)?\s*(?:;.*)?-\*-", re.IGNORECASE)

# A C header with one of these is C++.
_CPP_HEADER = re.compile(
    rb"^\s*(?:class\s+\w|namespace\s+\w|template\s*<|using\s+\w|public:|private:|protected:)"
    rb"|#include\s*<(?:string|vector|memory|map|iostream|cstdint|cstddef|utility|functional)>"
    rb"|\bstd::",
    re.MULTILINE,
)

# An Objective-C file or header with one of these is not C, MATLAB or a patch.
_OBJC = re.compile(rb"^\s*(?:@interface|@implementation|@protocol|@import|#import)\b", re.MULTILINE)


# Extensions that two languages share: what the content of the rarer one shows.
_SHARED: dict[str, tuple[re.Pattern[bytes], str]] = {
    # A query of tree-sitter has captures; Scheme has no such symbols at the end of a form.
    "scheme": (
        re.compile(rb"[)\]]\s+@[a-z][\w.]*\s*(?:$|[()])", re.MULTILINE),
        "tree_sitter_query",
    ),
    "coq": (re.compile(rb"^\s*(?:module\s+\w+\s*[(;#]|endmodule\b)", re.MULTILINE), "verilog"),
    "perl": (re.compile(rb"^\s*:-\s*\w+|^\w+\(.*\)\s*:-", re.MULTILINE), "prolog"),
    "objc": (re.compile(rb"^\s*(?:function\b[^(]*(?:=|\()|%|classdef\b)", re.MULTILINE), "matlab"),
}


def _index() -> tuple[dict[str, str], dict[str, str], dict[str, str], dict[str, str]]:
    extensions: dict[str, str] = {}
    filenames: dict[str, str] = {}
    shebangs: dict[str, str] = {}
    names: dict[str, str] = {}
    for language in LANGUAGES:
        names[language.name] = language.name
        for table, keys in (
            (extensions, language.extensions),
            (filenames, language.filenames),
            (shebangs, language.shebangs),
        ):
            for key in keys:
                table.setdefault(key, language.name)
    for language in LANGUAGES:
        for alias in language.aliases:
            names.setdefault(alias, language.name)
    return extensions, filenames, shebangs, names


_EXTENSIONS, _FILENAMES, _SHEBANGS, _NAMES = _index()
_PREFIXES = tuple((name[:-1], target) for name, target in _FILENAMES.items() if name[-1] == "*")
_BY_NAME: dict[str, Language] = {language.name: language for language in LANGUAGES}


def add_language(language: Language) -> None:
    """Make a language known that the table does not have, or has with fewer names.

    What it claims is its own from now on, but for the extensions and file names of languages with
    a grammar that is built in.
    """
    _BY_NAME[language.name] = language
    _NAMES[language.name] = language.name
    for alias in language.aliases:
        _NAMES.setdefault(alias, language.name)
    for table, keys in (
        (_EXTENSIONS, language.extensions),
        (_FILENAMES, language.filenames),
        (_SHEBANGS, language.shebangs),
    ):
        for key in keys:
            holder = _BY_NAME.get(table.get(key, ""))
            if holder is None or holder.parser is not Parser.NATIVE:
                table[key] = language.name


def known_languages() -> tuple[Language, ...]:
    """Return the languages of the table and those that were added."""
    return tuple(_BY_NAME.values())


def known_names() -> tuple[str, ...]:
    """Return every name that `named_language` knows, but for extensions."""
    return tuple(_NAMES)


def named_language(name: str) -> Language | None:
    """Find a language by its name or by another name that people use for it."""
    target = _NAMES.get(name.strip().lower())
    return _BY_NAME[target] if target is not None else None


def language_of_extension(extension: str) -> Language | None:
    """Find a language by an extension of its files, with or without the dot."""
    target = _EXTENSIONS.get(f".{extension.strip().lower().removeprefix('.')}")
    return _BY_NAME[target] if target is not None else None


def is_code(name: str) -> bool:
    """Whether a language is one of programs, not of documents, data or settings."""
    known = named_language(name)
    return known is not None and known.kind is LanguageKind.CODE


def detect_language(path: str, head: bytes | str = b"") -> str:
    """Name the language of a file; ``text`` if nothing tells.

    Args:
        path: the file's path with ``/``; only the last part counts.
        head: the first few kilobytes, if at hand.
    """
    raw = head.encode("utf-8", "replace") if isinstance(head, str) else head
    name = path.rpartition("/")[2].lower()
    found = _FILENAMES.get(name) or _by_extension(name)
    if found is None:
        found = next((target for start, target in _PREFIXES if name.startswith(start)), None)
    if found in ("c", "objc", "matlab") and raw:
        return _shared(_c_family(name, found, raw), raw)
    if found is not None:
        return _shared(found, raw)
    return _by_content(raw) or "text"


def _by_extension(name: str) -> str | None:
    dot = name.find(".", 1)
    while dot != -1:
        found = _EXTENSIONS.get(name[dot:])
        if found is not None:
            return found
        dot = name.find(".", dot + 1)
    return None


def _shared(found: str, head: bytes) -> str:
    """Choose between two languages of one extension."""
    other = _SHARED.get(found)
    if other is None or not other[0].search(head):
        return found
    # A sign of the more common one outweighs it.
    return found if found == "objc" and _OBJC.search(head) else other[1]


def _c_family(name: str, found: str, head: bytes) -> str:
    if name.endswith((".h", ".m")) and _OBJC.search(head):
        return "objc"
    if name.endswith(".h") and _CPP_HEADER.search(head):
        return "cpp"
    return found


def _by_content(head: bytes) -> str | None:
    lines = head[:2_048].decode("utf-8", "replace").lstrip("\ufeff").split("\n")[:_MODE_LINES]
    shebang = _SHEBANG.match(lines[0])
    if shebang is not None:
        found = _by_interpreter(shebang.group(1), shebang.group(2).split())
        if found is not None:
            return found
    for line in lines:
        for pattern in (_VIM, _EMACS):
            mode = pattern.search(line)
            language = named_language(mode.group(1)) if mode is not None else None
            if language is not None:
                return language.name
    if lines[0].startswith("<?php"):
        return "php"
    if lines[0].startswith("<?xml"):
        return "xml"
    return None


def _by_interpreter(program: str, arguments: list[str]) -> str | None:
    words = [program.rpartition("/")[2]]
    if words[0] == "env":
        words = [word for word in arguments if not word.startswith("-") and "=" not in word]
    for word in words[:1]:
        base = word.rpartition("/")[2].rstrip("0123456789.")
        return _SHEBANGS.get(word) or _SHEBANGS.get(base)
    return None
