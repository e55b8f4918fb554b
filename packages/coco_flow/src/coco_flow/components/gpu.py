"""The GPUs of the machine: how many there are, and how much of each is free."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading

from coco_flow.setting import environment_variable

__all__ = ["GPUPool", "detect_num_gpus"]

# nvidia-smi answers immediately or hangs with a broken driver.
_QUERY_SECONDS = 5
# Fractions that were taken and given back may not add up to 1.0 exactly.
_ROUNDING = 1e-6


def detect_num_gpus() -> int:
    """Return the number of GPUs: as set, as visible, as nvidia-smi says, or 1."""
    configured = os.environ.get(environment_variable("NUM_GPUS"))
    if configured is not None:
        return max(1, int(configured))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return max(1, sum(1 for device in visible.split(",") if device.strip()))
    try:
        answer = subprocess.run(
            ["nvidia-smi", "--query-gpu=count", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=_QUERY_SECONDS,
            check=True,
        )
        return max(1, int(answer.stdout.split()[0]))
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        # No driver: one place, so that functions for GPUs still run one at a time.
        return 1


class GPUPool:
    """The free capacity of several GPUs, each of which holds 1.0; for calls of any loop."""

    def __init__(self, num_gpus: int) -> None:
        if num_gpus < 1:
            raise ValueError(f"num_gpus must be >= 1, got {num_gpus}")
        self.num_gpus = num_gpus
        self._free = [1.0] * num_gpus
        self._lock = threading.Lock()
        self._waiting: list[asyncio.Future[None]] = []

    async def acquire(self, fraction: float = 1.0) -> int:
        """Take capacity of the GPU with the most room, waiting for some, and return its number."""
        while True:
            with self._lock:
                number = max(range(self.num_gpus), key=self._free.__getitem__)
                if self._free[number] >= fraction - _ROUNDING:
                    self._free[number] -= fraction
                    return number
                waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiting.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                with self._lock:
                    if waiter in self._waiting:
                        self._waiting.remove(waiter)
                raise

    async def release(self, gpu_id: int, fraction: float = 1.0) -> None:
        """Release capacity; all waiting calls check whether there is enough for them."""
        with self._lock:
            self._free[gpu_id] += fraction
            waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            loop = waiter.get_loop()
            if not loop.is_closed():
                loop.call_soon_threadsafe(_wake, waiter)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
