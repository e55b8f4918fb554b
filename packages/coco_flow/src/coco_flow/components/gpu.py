"""The GPUs of the machine: how many there are, and how much of each is free."""

from __future__ import annotations

import asyncio
import os
import subprocess

from coco_flow.setting import environment_variable

__all__ = ["GPUPool", "detect_num_gpus"]

# nvidia-smi answers at once or hangs with a broken driver.
_QUERY_SECONDS = 5


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
    """The free capacity of several GPUs, each of which holds 1.0."""

    def __init__(self, num_gpus: int) -> None:
        if num_gpus < 1:
            raise ValueError(f"num_gpus must be >= 1, got {num_gpus}")
        self.num_gpus = num_gpus
        self._free = [1.0] * num_gpus
        self._waiting: asyncio.Condition | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def _condition(self) -> asyncio.Condition:
        loop = asyncio.get_running_loop()
        if self._waiting is None or self._loop is not loop:
            self._waiting, self._loop = asyncio.Condition(), loop
        return self._waiting

    async def acquire(self, fraction: float) -> int:
        """Take capacity of the GPU with the most room, waiting for some, and return its number."""
        condition = self._condition()
        async with condition:
            while True:
                number = max(range(self.num_gpus), key=self._free.__getitem__)
                if self._free[number] >= fraction:
                    self._free[number] -= fraction
                    return number
                await condition.wait()

    async def release(self, gpu_id: int, fraction: float) -> None:
        """Give capacity back."""
        condition = self._condition()
        async with condition:
            self._free[gpu_id] += fraction
            condition.notify_all()
