"""Statements on SQLite tables under the public engine's names."""

from __future__ import annotations

from coco_flow.components.connectors.sqlite import *  # noqa: F403
from coco_flow.components.connectors.sqlite.statements import apply_column_actions, create_table

_apply_column_actions = apply_column_actions
_create_table = create_table
