"""What a query costs the processor, in one thread and without HTTP: for machines that are shared.

Run: python -m bench.local.stages HOME [--project ID] [--profile]

HOME is a CoCo home whose daemon is stopped; its largest project is asked. Wall times of a busy
machine say little; the time that the asking thread itself computes is inflated by a fifth at most.
With --profile the functions that take most of it are listed; profiling doubles what they take.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import itertools
import logging
import os
import pstats
import statistics
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path

from bench.local.lab import LONGEST
from bench.local.latency import questions
from bench.local.report import Report, percentiles
from coco_local.daemon.runtime import LocalDaemon
from coco_local.settings import load_settings
from coco_protocol.docs import QueryRequest
from coco_protocol.projects import ProjectBody
from coco_protocol.serving.answers import answer
from tests.daemon_process import wait_for

_WARM_UP = 40

# Functions that are listed.
_SHOWN = 40


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("home", type=Path, metavar="HOME")
    parser.add_argument("--project", metavar="ID", help="not the largest project")
    parser.add_argument("--profile", action="store_true", help="list the functions")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    environ = {**os.environ, "COCO_HOME": str(options.home.resolve()), "COCO_OFFLINE": "1"}
    with closing(LocalDaemon(load_settings(environ=environ))) as daemon:
        daemon.start()
        project = _ready(daemon, options.project)
        report = Report("stages", project=project.name, chunks=project.chunks)
        report.title(f"{project.name}: {project.chunks:,} chunks, {project.embedded:,} embedded")
        texts = list(questions())
        for text in texts[:_WARM_UP]:
            _ask(daemon, project, text)
        gc.collect()
        gc.freeze()
        profile = cProfile.Profile(time.thread_time)
        if options.profile:
            profile.enable()
        took = [_ask(daemon, project, text) for text in texts[_WARM_UP:]]
        profile.disable()
        report.add(questions=len(took), **percentiles("processor", [cpu for cpu, _ in took]))
        stages: dict[str, list[float]] = defaultdict(list)
        for name, milliseconds in itertools.chain.from_iterable(s.items() for _, s in took):
            stages[name].append(milliseconds)
        for name, values in stages.items():
            report.add(**{f"{name}_wall_p50_ms": round(statistics.median(values), 2)})
        report.write()
        if options.profile:
            pstats.Stats(profile).sort_stats("tottime").print_stats(_SHOWN)


def _ready(daemon: LocalDaemon, project_id: str | None) -> ProjectBody:
    """Wait until all projects are as they were when the home was left; return the one to ask."""

    def settled() -> bool:
        return all(p.state in {"ready", "empty", "missing"} for p in daemon.projects().projects)

    wait_for(settled, "the projects' indexes", LONGEST)
    found = [p for p in daemon.projects().projects if project_id in (None, p.project_id)]
    return max(found, key=lambda project: project.chunks)


def _ask(daemon: LocalDaemon, project: ProjectBody, text: str) -> tuple[float, dict[str, float]]:
    """Return the seconds that this thread computed, and the stages' milliseconds."""
    before = time.thread_time()
    found = daemon.query(QueryRequest(query=text, project_id=project.project_id))
    answer(found.data, "bench", found.meta)
    return time.thread_time() - before, found.meta.took_ms


if __name__ == "__main__":
    main()
