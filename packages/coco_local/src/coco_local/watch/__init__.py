"""Watching: change events of a project, gathered, and provably complete up to now."""

from coco_local.watch.debounce import Batch, Debouncer
from coco_local.watch.feed import ChangeFeed
from coco_local.watch.state import WatchMode, WatchState

__all__ = ["Batch", "ChangeFeed", "Debouncer", "WatchMode", "WatchState"]
