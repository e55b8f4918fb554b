"""Sums of what calls of language models cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["SUMMED", "sum_telemetry"]

SUMMED = ("llm_input_tokens", "llm_output_tokens", "llm_cost_usd", "llm_latency_ms")


def sum_telemetry(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the sums of tokens, cost (US dollars) and latency (milliseconds) over parts.

    `llm_calls` counts rows that a model was asked for; figures that no part has are left out.
    """
    totals: dict[str, Any] = {}
    for part in parts:
        for name in ("llm_calls", *SUMMED):
            value = part.get(name)
            if value is not None:
                totals[name] = totals.get(name, 0) + value
    return totals
