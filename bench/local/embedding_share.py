"""What share of the model's own speed is left once the product has read, embedded and stored.

Run: python -m bench.local.embedding_share REPO --models DIR [--rounds 2]

In each round the daemon, in this process, indexes REPO by keywords; then it is given the model, and
the time until every chunk has its vector is taken. After that the same texts go through a bare
loop: one single-threaded session for each core, a thread each, nothing read, kept or stored. Both
run in turn and at the same low priority, so that what else the machine does troubles both; the
processor time is told beside, which it troubles least.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from bench.local.lab import LONGEST, arguments
from bench.local.report import Report
from coco_core.types import FloatMatrix
from coco_embed.onnx import OnnxEmbedder
from coco_embed.session import open_session, run_one
from coco_embed.store import InstalledModel, ModelStore
from coco_embed.tokenizer import WordPieces
from coco_local.daemon.runtime import LocalDaemon
from coco_local.indexing.worker import lower_priority
from coco_local.settings import load_settings
from coco_protocol.projects import RegisterRequest

_WINDOW = 128
_GROUP = 8
_POLL = 0.02


class _Recording(OnnxEmbedder):
    """The product's embedder; it also notes which texts it was given."""

    def __init__(self, model: InstalledModel, before_work: Callable[[], None]) -> None:
        super().__init__(model, max_tokens=_WINDOW, before_work=before_work)
        self.texts: list[str] = []

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        self.texts += texts
        return super().embed_documents(texts)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    if options.models is None:
        parser.error("--models is needed")
    model = ModelStore(options.models).find()
    if model is None:
        parser.error(f"there is no model in {options.models}")
    words = WordPieces(model.tokenizer)
    report = Report("embedding_share", repository=options.repository.resolve().name)
    shares: list[tuple[float, float]] = []
    for number in range(options.rounds):
        report.title(f"round {number + 1}")
        texts, product = _product(model, options.repository.resolve())
        tokens = sum(map(len, words.ids(texts, _WINDOW)))
        bare = _bare(model, words, texts)
        report.add(
            **{f"round_{number + 1}_texts": len(texts), f"round_{number + 1}_tokens": tokens}
        )
        for name, (seconds, processor) in (("product", product), ("bare", bare)):
            report.add(
                **{
                    f"round_{number + 1}_{name}_tokens_per_s": round(tokens / seconds),
                    f"round_{number + 1}_{name}_tokens_per_cpu_s": round(tokens / processor),
                }
            )
        shares.append((bare[0] / product[0], bare[1] / product[1]))
    report.title("the product's share of the bare speed")
    report.add(share=round(sum(s for s, _ in shares) / len(shares), 3))
    report.add(share_by_processor_time=round(sum(s for _, s in shares) / len(shares), 3))
    report.write()


def _product(model: InstalledModel, repository: Path) -> tuple[list[str], tuple[float, float]]:
    """Return the texts that were embedded, and the seconds and processor seconds it took."""
    with tempfile.TemporaryDirectory(prefix="coco-bench-") as home:
        daemon = LocalDaemon(load_settings(environ={"COCO_HOME": home, "COCO_OFFLINE": "1"}))
        daemon.start()
        try:
            daemon.register(RegisterRequest(path=str(repository)))
            _wait(lambda: daemon.projects().projects[0].state == "ready")
            embedder = _Recording(model, daemon._gate.wait_until_idle)
            embedder.embed_query("open the session")
            clock = time.perf_counter(), time.process_time()
            # As `ModelService` does when it has found the model.
            daemon._models.use_main(embedder)
            _wait(lambda: _has_all_vectors(daemon))
            took = time.perf_counter() - clock[0], time.process_time() - clock[1]
            return embedder.texts, took
        finally:
            daemon.close()


def _has_all_vectors(daemon: LocalDaemon) -> bool:
    project = daemon.projects().projects[0]
    return project.embedded == project.chunks


def _wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST
    while not done():
        if time.monotonic() > deadline:
            raise AssertionError("it took too long")
        time.sleep(_POLL)


def _bare(model: InstalledModel, words: WordPieces, texts: Sequence[str]) -> tuple[float, float]:
    """Embed in a loop with nothing around it; return seconds and processor seconds."""
    waiting = iter(texts)
    taking = threading.Lock()

    def groups() -> Iterator[list[str]]:
        while True:
            with taking:
                group = list(islice(waiting, _GROUP))
            if not group:
                return
            yield group

    def work() -> None:
        lower_priority()
        session = open_session(model.onnx)
        ready.wait()
        for group in groups():
            for ids in words.ids(group, _WINDOW):
                run_one(session, ids)

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    ready = threading.Barrier((cores or 1) + 1)
    threads = [threading.Thread(target=work) for _ in range(cores or 1)]
    for thread in threads:
        thread.start()
    ready.wait()
    clock = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.join()
    return time.perf_counter() - clock[0], time.process_time() - clock[1]


if __name__ == "__main__":
    main()
