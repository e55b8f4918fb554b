"""Does the batches of a model in this process, some at a time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from coco_flow.models.processes import run_in_process

if TYPE_CHECKING:
    from coco_flow.models.execution import ModelWork

__all__ = ["run_batches"]


def run_batches(work: ModelWork, at_once: int) -> dict[str, Any]:
    """Do all batches of a model that are not done yet, and return the model's result.

    A model with `executor="process"` gets so many processes, each with its share of the batches.

    Args:
        work: The model in its run.
        at_once: Batches that are worked on at the same time.
    """
    recorded = work.recorded()
    if recorded is not None:
        return recorded
    count = work.plan_batches()
    stopped = threading.Event()
    shares = [range(first, count, at_once) for first in range(min(at_once, count))]
    with ThreadPoolExecutor(max(len(shares), 1), thread_name_prefix="coco-batches") as pool:
        pending = [pool.submit(_do_share, work, share, stopped) for share in shares]
        for one in pending:
            one.result()
    return work.finish()


def _do_share(work: ModelWork, share: range, stopped: threading.Event) -> None:
    """Do a share of the batches, until it is done or another share failed."""
    try:
        if work.declared.executor == "process":
            run_in_process(work.declared, work.database, work.context, work.overrides, list(share))
            return
        for number in share:
            if stopped.is_set():
                return
            work.context.check_cancelled()
            work.execute_batch(number)
            work.report_batches()
    except BaseException:
        stopped.set()
        raise
