"""Each module exports exactly what it defines in public."""

from __future__ import annotations

from types import ModuleType

import pytest

import coco_server.rpc
import coco_worker
from tests.exported_members import defined, modules

MODULES = [*modules(coco_worker), *modules(coco_server.rpc)]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_exported_members(module: ModuleType) -> None:
    assert set(module.__all__) == defined(module)
