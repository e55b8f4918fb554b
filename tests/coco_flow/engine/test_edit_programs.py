"""Random programs of edits, judged by an oracle that rebuilds from nothing."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests.coco_flow.engine.edit_programs import EditProgram

pytestmark = pytest.mark.slow

TestEditPrograms = EditProgram.TestCase
TestEditPrograms.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
