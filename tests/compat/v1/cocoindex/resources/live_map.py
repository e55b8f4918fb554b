"""Re-exports coco_flow.components.live_map."""

from __future__ import annotations

from coco_flow.components.live_map import *  # noqa: F403
from coco_flow.components.live_map import EntryAction, apply_entry_actions

_EntryAction = EntryAction
_apply_entry_actions = apply_entry_actions
