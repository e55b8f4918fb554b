"""The worker process of runners; calls and results are pickled."""

from __future__ import annotations

import asyncio
import faulthandler
import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from coco_flow.components.runner import enter_subprocess
from coco_flow.components.serde import qualified_name
from coco_flow.errors import FlowError

__all__ = ["execute"]

# How soon the process notices that its parent is gone.
WATCH_SECONDS = 1.0
# How often a call is tried whose process ends.
ATTEMPTS = 3

_pool: ProcessPoolExecutor | None = None
_pool_lock = threading.Lock()


def _process_pool(broken: ProcessPoolExecutor | None = None) -> ProcessPoolExecutor:
    """Return the process, restarted if it is the broken one."""
    global _pool  # noqa: PLW0603 - one process for the program
    with _pool_lock:
        if _pool is None or _pool is broken:
            if _pool is not None:
                _pool.shutdown(cancel_futures=True)
            _pool = ProcessPoolExecutor(
                max_workers=1,
                initializer=_start,
                initargs=(os.getpid(),),
                mp_context=multiprocessing.get_context("spawn"),
            )
        return _pool


def _start(parent: int) -> None:
    enter_subprocess()
    faulthandler.enable()
    # Ctrl-C ends the parent, which ends this process in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    """End the process once its parent is gone."""
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os._exit(1)


def _call(payload: bytes) -> bytes:
    fn, args, kwargs = pickle.loads(payload)  # noqa: S301 - from this program's parent
    result = fn(*args, **kwargs)
    if asyncio.iscoroutine(result):
        result = asyncio.run(result)
    return pickle.dumps(result, protocol=pickle.HIGHEST_PROTOCOL)


async def execute(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function in the process and return its result."""
    payload = pickle.dumps((fn, args, kwargs), protocol=pickle.HIGHEST_PROTOCOL)
    loop = asyncio.get_running_loop()
    pool = _process_pool()
    for _ in range(ATTEMPTS):
        try:
            result = await loop.run_in_executor(pool, _call, payload)
        except BrokenProcessPool:
            # Another call in the process may have ended it.
            pool = _process_pool(broken=pool)
        else:
            return pickle.loads(result)  # noqa: S301 - from this program's child
    owner = getattr(fn, "__self__", None)
    name = qualified_name(owner if hasattr(owner, "run_body") else fn)
    raise FlowError(
        f"The runner's process ended {ATTEMPTS} times while it ran {name}().",
        hint="Look for a crash in native code, or for too little memory, in what it calls.",
    )
