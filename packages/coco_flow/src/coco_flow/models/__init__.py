"""Table models: functions from tables to a table, wired by references, run as durable pipelines."""

from __future__ import annotations

import importlib
from typing import Any

_MODULES = {
    "ColumnTest": "column_tests",
    "ConfigParam": "config",
    "Database": "database",
    "Document": "documents",
    "DocumentFilters": "filters",
    "Event": "events",
    "ItemResult": "dspy_calls",
    "LLMTelemetryMixin": "rows",
    "Log": "context",
    "Model": "declaration",
    "ModelConfig": "config",
    "ModelContext": "context",
    "ModelGraph": "graph",
    "ModelRegistry": "registry",
    "Overrides": "config",
    "PipelineConfig": "pipeline",
    "PipelineModelBase": "rows",
    "Reference": "reference",
    "Retry": "declaration",
    "Run": "runs",
    "Sink": "sinks",
    "TableReader": "reader",
    "TableWriter": "writer",
    "accepted_values": "column_tests",
    "apply_dspy_on_df": "dspy_frames",
    "apply_dspy_telemetry": "rows",
    "apply_field_renames": "rows",
    "build_graph": "graph",
    "cancel_run": "runs",
    "check": "column_tests",
    "configure": "database",
    "current_database": "database",
    "display": "progress_display",
    "drop_sink": "sinks",
    "execute_model_sync": "pipeline",
    "flow_export": "flow_tables",
    "fork_run": "runs",
    "get_dspy_lm": "dspy_lm",
    "get_pipeline": "pipeline",
    "listening": "events",
    "model": "declaration",
    "not_null": "column_tests",
    "parse_json_columns": "dspy_frames",
    "pipelines": "pipeline",
    "read_config_file": "config",
    "read_events": "event_streams",
    "relationships": "column_tests",
    "resume_run": "runs",
    "run_batch": "dspy_calls",
    "run_of": "runs",
    "run_pipeline": "pipeline",
    "run_pipeline_sync": "pipeline",
    "runs_of": "runs",
    "scan_documents": "documents",
    "serialize": "rows",
    "shutdown": "engine",
    "sql": "column_tests",
    "to_dict": "dspy_frames",
    "to_list": "dspy_frames",
    "unique": "column_tests",
}

__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
