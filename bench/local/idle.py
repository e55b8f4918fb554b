"""What a daemon costs that has nothing to do: CPU with three projects, memory with the model.

Run: python -m bench.local.idle [--seconds 300] [--models DIR] [--chunks 10000]

The projects are written by the benchmark: one of about --chunks chunks and two small ones. CPU is
the process's own time, so a busy machine does not change it.
"""

from __future__ import annotations

import threading

import psutil

from bench.local.lab import arguments, begin, laboratory, resident, wait_ready
from bench.local.report import Report
from tests.daemon_process import wait_for
from tests.many_files import write_many

# What `write_many` makes of a file, on average.
_CHUNKS_PER_FILE = 9.5

_SMALL_FILES = 60


def main() -> None:
    parser = arguments(__doc__, repository=False)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--chunks", type=int, default=10_000)
    options = parser.parse_args()
    report = Report("idle", seconds=options.seconds, models=options.models is not None)
    embedded = options.models is not None
    with laboratory(options.models) as daemon:
        folder = daemon.home.parent
        roots = [folder / name for name in ("large", "second", "third")]
        counts = [round(options.chunks / _CHUNKS_PER_FILE), _SMALL_FILES, _SMALL_FILES]
        for number, (root, count) in enumerate(zip(roots, counts, strict=True)):
            write_many(root, count, seed=number)
        begin(daemon, *roots)
        with daemon.client as client:
            wait_for(lambda: len(client.projects().projects) == len(roots), "three projects")
            projects = client.projects().projects
        bodies = [wait_ready(daemon, embedded=embedded, only=p.project_id) for p in projects]
        report.title("three projects, everything indexed")
        report.add(files=sum(p.files for p in bodies), chunks=sum(p.chunks for p in bodies))
        report.add(largest_project_chunks=max(p.chunks for p in bodies))
        report.add(embedded=sum(p.embedded for p in bodies))
        report.add(resident_mib=round(resident(daemon), 1))
        assert daemon.process is not None
        process = psutil.Process(daemon.process.pid)
        report.title(f"nothing happens for {options.seconds:.0f} s")
        before = process.cpu_times()
        threading.Event().wait(options.seconds)
        after = process.cpu_times()
        spent = (after.user + after.system) - (before.user + before.system)
        report.add(cpu_seconds=round(spent, 2), cpu_percent=round(100 * spent / options.seconds, 3))
        report.add(threads=process.num_threads(), open_files=process.num_fds())
        report.add(idle_resident_mib=round(resident(daemon), 1))
        report.write()


if __name__ == "__main__":
    main()
