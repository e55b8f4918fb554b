"""The package `cocoindex` for tests: every name in it is coco_flow's."""

import importlib
from typing import Any

from coco_flow.setting import set_environment_prefix
from cocoindex._lazy import names_of

set_environment_prefix("COCOINDEX")

__version__ = "0.3.39"

_SUBMODULES = (
    "_engine", "auth_registry", "cli", "flow", "functions", "index", "lib", "llm", "op",
    "query_handler", "setting", "setup", "sources", "targets", "typing", "utils",
)  # fmt: skip

_find = names_of(
    "coco_flow",
    "coco_flow.lib",
    "coco_flow.types",
    add_flow_def="coco_flow:open_flow",
    main_fn="cocoindex._old:main_fn",
)


def __getattr__(name: str) -> Any:
    if name == "storages":
        return importlib.import_module("cocoindex.targets")
    if name in _SUBMODULES:
        return importlib.import_module(f"cocoindex.{name}")
    return _find(name)
