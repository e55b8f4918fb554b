"""Language families: what parses a file into a unit, and what resolves its imports."""

from __future__ import annotations

from collections.abc import Callable, Collection

from coco_core.code.by_rules import RuledUnit
from coco_core.code.ecma_modules import EcmaModules
from coco_core.code.ecmascript import EcmaUnit
from coco_core.code.modules import Modules, PythonModules, Read
from coco_core.code.package_modules import GoModules, JavaModules, NoModules, RustModules
from coco_core.code.python import PythonUnit
from coco_core.code.rules import RULES
from coco_core.code.unit import Unit
from coco_core.decoding import decode
from coco_core.languages import detect_language
from coco_core.languages.grammars import NativeGrammar, grammar_for

__all__ = ["family_of", "modules_of", "parse_unit"]

# As chunking: generated files above this are not worth a parse.
_MAX_PARSED_BYTES = 4_194_304
_HEAD_BYTES = 16_384

_UNITS: dict[str, type[Unit]] = {
    **dict.fromkeys(RULES, RuledUnit),
    "python": PythonUnit,
    "javascript": EcmaUnit,
    "typescript": EcmaUnit,
    "tsx": EcmaUnit,
}
_FAMILIES = {"python": "python", "javascript": "ecma", "typescript": "ecma", "tsx": "ecma"}
_FAMILIES |= {"c": "c", "cpp": "c", "ocaml": "ocaml", "ocaml_interface": "ocaml"}
_FAMILIES |= {"go": "go", "java": "java", "kotlin": "java", "rust": "rust"}
_MODULES: dict[str, Callable[[Collection[str], Read], Modules]] = {
    "python": PythonModules,
    "ecma": EcmaModules,
    "go": GoModules,
    "java": JavaModules,
    "rust": RustModules,
}


def parse_unit(path: str, data: bytes) -> Unit | None:
    """Parse a file; None for what is no code, or what no built-in grammar parses."""
    if len(data) > _MAX_PARSED_BYTES:
        return None
    language = detect_language(path, data[:_HEAD_BYTES])
    kind = _UNITS.get(language)
    grammar = grammar_for(language) if kind is not None else None
    if kind is None or not isinstance(grammar, NativeGrammar):
        return None
    source = decode(data)
    tree = grammar.tree(source.utf8)
    return kind(path, language, source, tree) if tree is not None else None


def family_of(language: str) -> str:
    """Return the family of a language; languages of one import each other."""
    return _FAMILIES.get(language, language)


def modules_of(family: str, files: Collection[str], read: Read) -> Modules:
    """Return what resolves the imports of a family among these files."""
    return _MODULES.get(family, NoModules)(files, read)
