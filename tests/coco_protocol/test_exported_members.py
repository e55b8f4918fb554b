"""Each module exports exactly what it defines in public."""

from __future__ import annotations

from types import ModuleType

import pytest

import coco_protocol
from tests.exported_members import defined, modules

MODULES = [
    module
    for module in modules(coco_protocol)
    # The gRPC stubs are generated.
    if not module.__name__.startswith("coco_protocol.rpc")
]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_exported_members(module: ModuleType) -> None:
    assert set(module.__all__) == defined(module)


def test_the_package_exports_what_a_handshake_needs() -> None:
    assert coco_protocol.__all__ == ["API_VERSION", "SIGNATURE"]
