from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coco_flow import components as coco
from coco_flow.components import runner, runner_process
from coco_flow.errors import FlowError
from tests.coco_flow.components import remote_functions
from tests.waiting import until


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two GPUs, by name only."""
    monkeypatch.setattr(runner, "_default_gpu_pool", None)
    coco.configure_gpu_pool(2)


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have GPU functions run in the runner's process, which ends with the test."""
    monkeypatch.setattr(runner, "_default_gpu_pool", None)
    coco.configure_gpu_pool(1)
    monkeypatch.setattr(coco.GPU, "_use_subprocess", True)
    yield
    if runner_process._pool is not None:
        runner_process._pool.shutdown()
        runner_process._pool = None


def test_as_many_calls_run_as_there_are_gpus(gpus: None) -> None:
    running: set[int] = set()
    seen: list[int] = []
    most = 0

    @coco.fn.as_async(runner=coco.GPU)
    async def call(number: int) -> int | None:
        nonlocal most
        gpu = coco.current_gpu()
        assert gpu is not None
        assert gpu not in running
        assert coco.current_gpu_fraction() == 1.0
        running.add(gpu)
        most = max(most, len(running))
        for _ in range(5):
            await asyncio.sleep(0)
        running.remove(gpu)
        seen.append(number)
        return gpu

    async def main() -> list[int | None]:
        return await asyncio.gather(*(call(number) for number in range(8)))

    assert set(asyncio.run(main())) == {0, 1}
    assert (most, sorted(seen)) == (2, list(range(8)))
    assert coco.current_gpu() is None


def test_fractions_share_a_gpu(gpus: None) -> None:
    running = 0
    most = 0

    @coco.fn.as_async(runner=coco.GPU(fraction=0.5))
    async def call() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(5):
            await asyncio.sleep(0)
        running -= 1

    async def main() -> None:
        await asyncio.gather(*(call() for _ in range(12)))

    asyncio.run(main())
    assert most == 4
    with pytest.raises(ValueError, match="fraction must be in"):
        coco.GPU(fraction=1.5)


def test_a_gpu_goes_from_one_loop_to_another(gpus: None) -> None:
    coco.configure_gpu_pool(1)
    held, waiting, release = threading.Event(), threading.Event(), threading.Event()

    @coco.fn.as_async(runner=coco.GPU)
    def hold() -> None:
        held.set()
        assert release.wait(30)

    @coco.fn.as_async(runner=coco.GPU)
    def take() -> int | None:
        return coco.current_gpu()

    async def second() -> int | None:
        taking = asyncio.create_task(take())
        await asyncio.sleep(0)
        waiting.set()
        return await taking

    results: list[int | None] = []
    threads = [
        threading.Thread(target=lambda: asyncio.run(hold())),
        threading.Thread(target=lambda: results.append(asyncio.run(second()))),
    ]
    threads[0].start()
    assert held.wait(30)
    threads[1].start()
    assert waiting.wait(30)
    release.set()
    for thread in threads:
        thread.join(30)
    assert results == [0]


def test_fractions_add_up_to_a_whole_gpu() -> None:
    async def main() -> None:
        pool = coco.GPUPool(1)
        for fractions in ([0.1] * 7, [0.3, 0.3, 0.3], [1 / 3] * 3):
            for fraction in fractions:
                await pool.acquire(fraction)
            for fraction in reversed(fractions):
                await pool.release(0, fraction)
        async with asyncio.timeout(10):
            await pool.acquire(1.0)

    asyncio.run(main())


def test_functions_share_one_process_of_their_own(in_process: None) -> None:
    async def main() -> None:
        results = await asyncio.gather(*(remote_functions.pids(number) for number in range(3)))
        assert [number for number, _ in results] == [0, 1, 2]
        processes = {pid for _, pid in results} | {await remote_functions.pid_async()}
        assert len(processes) == 1
        assert os.getpid() not in processes
        with pytest.raises(LookupError, match="no such text"):
            await remote_functions.fail("no such text")

    asyncio.run(main())


def test_a_call_whose_process_ends_is_tried_again(in_process: None, tmp_path: Path) -> None:
    async def main() -> tuple[int, int]:
        _, before = await remote_functions.pids(1)
        return before, await remote_functions.die_once(tmp_path / "mark")

    before, after = asyncio.run(main())
    assert after not in {before, os.getpid()}
    assert not _lives(before)


@pytest.mark.slow
def test_a_call_that_always_ends_its_process_fails(in_process: None, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(FlowError, match=r"ended 3 times while it ran .*die\(\)"):
        asyncio.run(remote_functions.die(mark))
    assert mark.read_text() == "xxx"

    async def main() -> Any:
        return await remote_functions.pids(7)

    # Other calls go on in a new process.
    assert asyncio.run(main())[0] == 7


def test_the_process_ends_with_its_parent() -> None:
    program = (
        "import asyncio, sys\n"
        "from tests.coco_flow.components import remote_functions as functions\n"
        "async def main():\n"
        "    print((await functions.pids(1))[1], flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "if __name__ == '__main__':\n"
        "    asyncio.run(main())\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"COCO_FLOW_RUN_GPU_IN_SUBPROCESS": "1", "COCO_FLOW_NUM_GPUS": "1"},
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert child != parent.pid
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    until(lambda: not _lives(child))


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
