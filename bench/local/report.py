"""What every benchmark prints and keeps: a small table, and the same as JSON in bench/results/."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

RESULTS = Path(__file__).resolve().parent.parent / "results"


class Report:
    """Figures of one run, in the order in which they were measured."""

    def __init__(self, name: str, **about: object) -> None:
        self._name = name
        self._about = about
        self._figures: dict[str, object] = {}
        self._load = os.getloadavg()[0]

    def add(self, **figures: object) -> None:
        """Take figures up and print each as a row."""
        for name, value in figures.items():
            self._figures[name] = value
            print(f"  {name.replace('_', ' '):<42} {_shown(value)}", flush=True)

    def keep(self, **figures: object) -> None:
        """Take figures up for the file alone."""
        self._figures.update(figures)

    def title(self, text: str) -> None:
        """Begin a part of the table."""
        print(f"\n{text}", flush=True)

    def write(self) -> Path:
        """Write the JSON file and return its path."""
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{self._name}-{time.strftime('%Y%m%d-%H%M%S')}.json"
        machine = {
            "system": platform.platform(),
            "python": platform.python_version(),
            "cores": psutil.cpu_count(),
            "load_before": round(self._load, 2),
            "load_after": round(os.getloadavg()[0], 2),
        }
        document = {"benchmark": self._name, **self._about, "machine": machine}
        text = json.dumps({**document, "figures": self._figures}, indent=2, default=str)
        path.write_text(text, encoding="utf-8")
        print(f"\nload {machine['load_before']} before, {machine['load_after']} after; {path}")
        return path


def percentiles(name: str, seconds: Sequence[float]) -> dict[str, float]:
    """Return p50 and p95 in milliseconds under names that begin with ``name``."""
    if len(seconds) < 2:
        return {}
    cuts = statistics.quantiles(seconds, n=20, method="inclusive")
    return {
        f"{name}_p50_ms": round(cuts[9] * 1000, 2),
        f"{name}_p95_ms": round(cuts[18] * 1000, 2),
    }


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 10 else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
