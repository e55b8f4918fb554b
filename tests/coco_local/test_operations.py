"""Every operation of local mode has its function, in the daemon and in the fake service."""

from __future__ import annotations

from typing import Any

import pytest

from coco_local.operations import FUNCTIONS
from coco_protocol.local import LocalService
from coco_protocol.operations import Functions
from tests.fake_service import ANSWERS


@pytest.mark.parametrize("functions", [FUNCTIONS, ANSWERS], ids=["daemon", "fake"])
def test_each_operation_has_its_function(functions: Functions[Any]) -> None:
    assert functions._by_name.keys() == {each.name for each in LocalService.operations()}
