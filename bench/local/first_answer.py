"""From `coco start` to the first answer, to all keywords, to all vectors; memory and disk.

Run: python -m bench.local.first_answer REPO [--models DIR] [--keywords-only]

Afterwards the daemon is stopped and started again with nothing changed. REPO is only read.
"""

from __future__ import annotations

import time

from bench.local.lab import (
    PeakMemory,
    arguments,
    ask,
    begin,
    disk_size,
    first_answer,
    laboratory,
    resident,
    stores,
    wait_ready,
)
from bench.local.report import Report, percentiles


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--query", default="where is the configuration loaded")
    parser.add_argument("--keywords-only", action="store_true", help="do not wait for vectors")
    options = parser.parse_args()
    embedded = options.models is not None and not options.keywords_only
    repository = options.repository.resolve()
    report = Report("first_answer", repository=repository.name, models=options.models is not None)
    with laboratory(options.models) as daemon:
        report.title(f"first start on {repository.name}")
        began = time.perf_counter()

        def since() -> float:
            return round(time.perf_counter() - began, 2)

        begin(daemon, repository)
        report.add(port_answers_s=since())
        assert daemon.process is not None
        with PeakMemory(daemon.process.pid) as peak:
            asked = first_answer(daemon, options.query)
            report.add(first_answer_s=since(), questions_until_then=asked)
            project = wait_ready(daemon, embedded=False)
            report.add(all_keywords_s=since(), files=project.files, chunks=project.chunks)
            report.add(skipped=project.skipped, peak_keywords_mib=round(peak.mib, 1))
            if embedded:
                project = wait_ready(daemon, embedded=True)
                report.add(all_vectors_s=since(), embedded=project.embedded)
            report.add(peak_mib=round(peak.mib, 1), resident_mib=round(resident(daemon), 1))
        report.add(**percentiles("query", ask(daemon)))
        report.add(**{f"store_{name}": value for name, value in stores(daemon).items()})
        before = time.perf_counter()
        daemon.stop()
        report.add(stop_s=round(time.perf_counter() - before, 2))
        report.add(index_mib=round(disk_size(daemon), 1))
        report.title("second start, nothing changed")
        began = time.perf_counter()
        begin(daemon)
        report.add(again_port_answers_s=since())
        first_answer(daemon, options.query)
        report.add(again_first_answer_s=since())
        wait_ready(daemon, embedded=embedded)
        report.add(again_ready_s=since(), again_resident_mib=round(resident(daemon), 1))
    report.write()


if __name__ == "__main__":
    main()
