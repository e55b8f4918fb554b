from __future__ import annotations

from tests.model_parts import database, own_models

__all__ = ["database", "own_models"]
