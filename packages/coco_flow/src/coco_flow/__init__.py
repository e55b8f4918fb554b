"""Pipelines of CoCo: incremental data flows that need no server.

Everything public is reachable from here and imported at its first use, so that starting a program
costs little.
"""

from __future__ import annotations

import importlib
from typing import Any

from coco_core.version import __version__ as __version__

_MODULES = {
    "AuthEntryReference": "auth",
    "DataCollector": "flow.slices",
    "DataScope": "flow.slices",
    "DataSlice": "flow.slices",
    "DatabaseConnectionSpec": "setting",
    "EvaluateAndDumpOptions": "flow.flow",
    "Float32": "types",
    "Float64": "types",
    "Flow": "flow.flow",
    "FlowBuilder": "flow.builder",
    "FlowLiveUpdater": "flow.live",
    "FlowLiveUpdaterOptions": "flow.live",
    "FlowUpdaterStatusUpdates": "flow.live",
    "FtsIndexDef": "index",
    "GeneratedField": "flow.slices",
    "GlobalExecutionOptions": "setting",
    "HnswVectorIndexMethod": "index",
    "IndexOptions": "index",
    "Int64": "types",
    "IvfFlatVectorIndexMethod": "index",
    "Json": "types",
    "LlmApiType": "llm",
    "LlmSpec": "llm",
    "LocalDateTime": "types",
    "OffsetDateTime": "types",
    "QueryHandlerResultFields": "query_handler",
    "QueryInfo": "query_handler",
    "QueryOutput": "query_handler",
    "Range": "types",
    "ServerSettings": "setting",
    "Settings": "setting",
    "SetupChangeBundle": "setup.bundle",
    "TransformFlow": "flow.transform_flow",
    "TransientAuthEntryReference": "auth",
    "TypeAttr": "types",
    "UpdateInfo": "engine.stats",
    "Vector": "types",
    "VectorIndexDef": "index",
    "VectorSimilarityMetric": "index",
    "add_auth_entry": "auth",
    "add_transient_auth_entry": "auth",
    "drop_all_flows": "lib",
    "flow_by_name": "lib",
    "flow_def": "flow.flow",
    "flow_names": "lib",
    "flow_names_with_setup": "lib",
    "flows": "lib",
    "get_app_namespace": "setting",
    "get_target_default_name": "lib",
    "init": "lib",
    "make_drop_bundle": "lib",
    "make_setup_bundle": "lib",
    "open_flow": "flow.flow",
    "ref_auth_entry": "auth",
    "remove_flow": "lib",
    "settings": "lib",
    "setup_all_flows": "lib",
    "start_server": "lib",
    "stop": "lib",
    "transform_flow": "flow.transform_flow",
    "update_all_flows": "lib",
    "update_all_flows_async": "lib",
}

# Packages and modules that users reach as attributes: coco_flow.sources.LocalFile(…).
_SUBMODULES = (
    "components", "errors", "functions", "index", "lib", "llm", "op", "query_handler", "reducers",
    "setting", "sources", "targets", "types",
)  # fmt: skip

__all__ = list(_MODULES) + list(_SUBMODULES)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
