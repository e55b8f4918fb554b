"""What helps to test table models; see `coco_flow.models.testing`."""

from __future__ import annotations

from coco_flow.models.testing import (
    Recorded,
    RecordingWriter,
    isolated_models,
    make_context,
    run_model,
)

__all__ = ["Recorded", "RecordingWriter", "isolated_models", "make_context", "run_model"]
