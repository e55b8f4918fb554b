from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow_parts import flow_state
from tests.model_parts import database, own_models

__all__ = ["database", "own_models", "state"]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[None]:
    """State of flows in a folder of the test."""
    with flow_state(tmp_path / "flows"):
        yield
