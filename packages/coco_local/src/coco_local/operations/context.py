"""What operations work with, and the functions that answer them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import psutil

from coco_local.activity import Activity
from coco_local.adoption import Adoption
from coco_local.grammars.keeper import GrammarKeeper
from coco_local.index.gate import QueryGate
from coco_local.index_models import IndexModels
from coco_local.jobs import JobRegistry
from coco_local.model import ModelService
from coco_local.operations.upkeep import Upkeep
from coco_local.registry import ProjectRegistry
from coco_local.search.service import QueryService
from coco_local.settings import Settings
from coco_local.store.projects import ConfigStore
from coco_protocol.operations import Functions

__all__ = ["FUNCTIONS", "Context"]


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of a daemon that operations use; every part is thread-safe."""

    settings: Settings
    mode: Literal["tui", "headless"]
    started_at: float
    process: psutil.Process
    stop_requested: threading.Event
    wake_worker: Callable[[], None]
    registry: ProjectRegistry
    adoption: Adoption
    configs: ConfigStore
    jobs: JobRegistry
    queries: QueryService
    gate: QueryGate
    models: IndexModels
    model: ModelService
    grammars: GrammarKeeper
    activity: Activity
    upkeep: Upkeep


FUNCTIONS: Final[Functions[Context]] = Functions()
