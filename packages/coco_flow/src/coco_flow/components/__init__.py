"""Component style: ordinary functions, mounted as components that declare target states."""

from __future__ import annotations

from coco_flow.components.app import App, AppConfig, DropHandle, UpdateHandle, show_progress
from coco_flow.components.batching import RetryWithSmallerBatch
from coco_flow.components.callback import logic_propagated_to_callers, logic_tracked
from coco_flow.components.context import ContextKey, ContextProvider
from coco_flow.components.deadline import DeadlineExceededError, check_cancellation, timeout
from coco_flow.components.decorator import fn
from coco_flow.components.environment import (
    Environment,
    EnvironmentBuilder,
    LazyEnvironment,
    LifespanFn,
    default_env,
    lifespan,
    runtime,
    start,
    start_blocking,
    stop,
    stop_blocking,
)
from coco_flow.components.live import (
    LiveComponent,
    LiveComponentOperator,
    LiveMapFeed,
    LiveMapSubscriber,
    LiveMapView,
    auto_refresh,
)
from coco_flow.components.logic import LogicTracking
from coco_flow.components.memo_key import (
    MemoStateOutcome,
    NotMemoKeyable,
    memo_fingerprint,
    register_memo_key_function,
)
from coco_flow.components.mount import (
    ComponentMountHandle,
    map,  # noqa: A004 - the name of the public API
    mount,
    mount_each,
    mount_target,
    use_mount,
)
from coco_flow.components.paths import ROOT_PATH, StableKey, StablePath, Symbol
from coco_flow.components.pending import MaybePendingS, PendingS, ResolvedS, ResolvesTo
from coco_flow.components.runner import (
    GPU,
    GPUPool,
    GPURunner,
    Runner,
    configure_gpu_pool,
    current_gpu,
    current_gpu_fraction,
    current_gpus,
)
from coco_flow.components.scope import (
    ComponentContext,
    ComponentSubpath,
    ExceptionContext,
    ExceptionHandler,
    component_subpath,
    exception_handler,
    get_component_context,
    stats_group,
    use_context,
)
from coco_flow.components.sentinel import NON_EXISTENCE, NonExistenceType, is_non_existence
from coco_flow.components.serde import serialize_by_pickle, unpickle_safe
from coco_flow.components.settings import LmdbSettings, Settings
from coco_flow.components.stats import (
    ComponentStats,
    StatsGroupHandle,
    UpdateSnapshot,
    UpdateStats,
    UpdateStatus,
)
from coco_flow.components.target_state import (
    ChildSlot,
    ChildTargetDef,
    PendingTargetStateProvider,
    TargetActionSink,
    TargetHandler,
    TargetReconcileOutput,
    TargetState,
    TargetStateProvider,
    declare_target_state,
    declare_target_state_with_child,
    register_root_target_states_provider,
)
from coco_flow.components.user_state import StateHandle, use_state

__all__ = [
    "GPU",
    "NON_EXISTENCE",
    "ROOT_PATH",
    "App",
    "AppConfig",
    "ChildSlot",
    "ChildTargetDef",
    "ComponentContext",
    "ComponentMountHandle",
    "ComponentStats",
    "ComponentSubpath",
    "ContextKey",
    "ContextProvider",
    "DeadlineExceededError",
    "DropHandle",
    "Environment",
    "EnvironmentBuilder",
    "ExceptionContext",
    "ExceptionHandler",
    "GPUPool",
    "GPURunner",
    "LazyEnvironment",
    "LifespanFn",
    "LiveComponent",
    "LiveComponentOperator",
    "LiveMapFeed",
    "LiveMapSubscriber",
    "LiveMapView",
    "LmdbSettings",
    "LogicTracking",
    "MaybePendingS",
    "MemoStateOutcome",
    "NonExistenceType",
    "NotMemoKeyable",
    "PendingS",
    "PendingTargetStateProvider",
    "ResolvedS",
    "ResolvesTo",
    "RetryWithSmallerBatch",
    "Runner",
    "Settings",
    "StableKey",
    "StablePath",
    "StateHandle",
    "StatsGroupHandle",
    "Symbol",
    "TargetActionSink",
    "TargetHandler",
    "TargetReconcileOutput",
    "TargetState",
    "TargetStateProvider",
    "UpdateHandle",
    "UpdateSnapshot",
    "UpdateStats",
    "UpdateStatus",
    "auto_refresh",
    "check_cancellation",
    "component_subpath",
    "configure_gpu_pool",
    "current_gpu",
    "current_gpu_fraction",
    "current_gpus",
    "declare_target_state",
    "declare_target_state_with_child",
    "default_env",
    "exception_handler",
    "fn",
    "get_component_context",
    "is_non_existence",
    "lifespan",
    "logic_propagated_to_callers",
    "logic_tracked",
    "map",
    "memo_fingerprint",
    "mount",
    "mount_each",
    "mount_target",
    "register_memo_key_function",
    "register_root_target_states_provider",
    "runtime",
    "serialize_by_pickle",
    "show_progress",
    "start",
    "start_blocking",
    "stats_group",
    "stop",
    "stop_blocking",
    "timeout",
    "unpickle_safe",
    "use_context",
    "use_mount",
    "use_state",
]
