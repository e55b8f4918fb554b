"""Code intelligence from the parser: definitions, references and callers of a name."""

from coco_core.code.families import family_of, modules_of, parse_unit
from coco_core.code.finder import Definition, Finder, Occurrence, Place, Wanted
from coco_core.code.modules import Modules
from coco_core.code.name import NamePath, module_parts, read_name
from coco_core.code.resolver import Sources
from coco_core.code.site import Kind, Role
from coco_core.code.unit import Unit

__all__ = [
    "Definition",
    "Finder",
    "Kind",
    "Modules",
    "NamePath",
    "Occurrence",
    "Place",
    "Role",
    "Sources",
    "Unit",
    "Wanted",
    "family_of",
    "module_parts",
    "modules_of",
    "parse_unit",
    "read_name",
]
