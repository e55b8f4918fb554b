"""Section of the page on the cost of the indexes, and the work they shared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coco_core.configs import IndexingConfig
from coco_core.quantities import byte_count, duration
from coco_experiments import IndexResult
from coco_experiments.report.merging import Comparison
from coco_experiments.report.plots.shares import share_bar

__all__ = ["index_section"]

_HEADS = ("Documents", "Chunks", "Time", "Size")


def index_section(comparison: Comparison, colors: Mapping[str, str]) -> dict[str, Any]:
    """Return a row for each index."""
    configs: dict[str, tuple[IndexingConfig, IndexResult | None]] = {}
    for strategy in comparison.strategies:
        for config in strategy.source.results.experiment.indexes:
            if config.config_id == strategy.metrics.index_id:
                configs[strategy.index] = (config, strategy.metrics.index)
    rows = [
        {
            "name": name,
            "color": colors[name],
            "chunking": _chunking(config),
            "embedding": f"{config.embedding.model_name}, {config.embedding.max_tokens} tokens",
            "cells": _cells(result),
            "shares": _shares(result),
        }
        for name, (config, result) in configs.items()
    ]
    return {"index_heads": _HEADS, "indexes": rows}


def _chunking(config: IndexingConfig) -> str:
    chunking = config.chunking
    overlap = f", overlap {chunking.chunk_overlap}" if chunking.chunk_overlap else ""
    return f"{chunking.strategy_name}, {chunking.chunk_size} {chunking.unit}{overlap}"


def _cells(result: IndexResult | None) -> list[dict[str, str]]:
    if result is None:
        return [{"value": "NaN", "text": "-"}] * len(_HEADS)
    seconds, size = result.seconds, result.bytes
    return [
        {"value": str(result.documents), "text": f"{result.documents:,}"},
        {"value": str(result.chunks), "text": f"{result.chunks:,}"},
        {
            "value": "NaN" if seconds is None else f"{seconds:.9g}",
            "text": "was there" if seconds is None else duration(seconds),
        },
        {
            "value": "NaN" if size is None else str(size),
            "text": "-" if size is None else byte_count(size),
        },
    ]


def _shares(result: IndexResult | None) -> list[dict[str, Any]]:
    """Return a bar for the documents and one for the vectors, where both numbers are known."""
    if result is None:
        return []
    shares = []
    for done, spared, names in (
        (result.parsed, result.copied, ("parsed", "taken over")),
        (result.embedded, result.reused, ("embedded", "known")),
    ):
        if done is None or spared is None:
            continue
        text = f"{done:,} {names[0]}, {spared:,} {names[1]}"
        shares.append({"bar": share_bar((("done", done), ("spared", spared)), text), "text": text})
    return shares
