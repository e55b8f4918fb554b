"""Context of the operations, and the registry of their functions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import psutil

from coco_local.grammars.manager import GrammarManager
from coco_local.indexing.gate import ForegroundGate
from coco_local.models.index_models import IndexModels
from coco_local.models.main_model import ModelService
from coco_local.monitoring.activity import Activity
from coco_local.monitoring.jobs import JobRegistry
from coco_local.operations.store_maintenance import StoreMaintenance
from coco_local.projects.defaults import ProjectDefaults
from coco_local.projects.registry import ProjectRegistry
from coco_local.search.maps import Maps
from coco_local.search.parsed_files import ParsedFiles
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
    defaults: ProjectDefaults
    configs: ConfigStore
    jobs: JobRegistry
    queries: QueryService
    parsed: ParsedFiles
    maps: Maps
    gate: ForegroundGate
    models: IndexModels
    model: ModelService
    grammars: GrammarManager
    activity: Activity
    maintenance: StoreMaintenance


FUNCTIONS: Final[Functions[Context]] = Functions()
