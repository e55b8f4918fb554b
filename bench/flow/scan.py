"""How fast a folder is listed and read, and how soon a change is noticed.

    python bench/flow/scan.py [--files 100000] [--saves 100]

Prints CPU per listed file, the growth of memory over a listing that is thrown away, CPU per file
read, and the time from the end of a save to the key's arrival.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import tempfile
import time
from pathlib import Path

from coco_flow.sources import LocalFile
from coco_flow.sources.registry import open_source

FILES_PER_FOLDER = 100
TEXT = "A line of text that stands for the content of a document.\n" * 60


def make_files(root: Path, number: int) -> None:
    """Write files of some 3.5 kB in folders of a hundred; a third of them are not wanted."""
    for index in range(number):
        folder = root / f"part{index // FILES_PER_FOLDER % 100:02}" / f"{index // FILES_PER_FOLDER}"
        if index % FILES_PER_FOLDER == 0:
            folder.mkdir(parents=True, exist_ok=True)
        suffix = "txt" if index % 3 == 0 else "md"
        (folder / f"document-{index}.{suffix}").write_text(TEXT, encoding="utf-8")


def bench_listing(root: Path, number: int) -> list[tuple[str]]:
    """List the folder a few times and read a part of it once."""
    patterns = {"all files": None, "*.md": ["*.md"], "{*.md,docs/**/*.rst}": ["*.md", "d/**/*.rst"]}
    for title, included in patterns.items():
        source = open_source(LocalFile(path=str(root), included_patterns=included))
        seconds = []
        rows = 0
        for _ in range(5):
            started = time.process_time()
            rows = sum(len(batch) for batch in source.list_rows())
            seconds.append(time.process_time() - started)
        best = min(seconds)
        each = best / number * 1e6
        print(f"list {title}: {rows} rows, {best * 1000:.1f} ms CPU, {each:.2f} µs a file")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in source.list_rows():
        pass
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"memory: {growth} KiB more after another listing; {before // 1024} MiB in all")
    return [row.key for batch in source.list_rows() for row in batch]


def bench_reading(root: Path, keys: list[tuple[str]]) -> None:
    source = open_source(LocalFile(path=str(root)))
    chosen = keys[:10_000]
    started = time.process_time()
    for start in range(0, len(chosen), 256):
        source.read(chosen[start : start + 256])
    seconds = time.process_time() - started
    print(f"read: {seconds / len(chosen) * 1e6:.1f} µs CPU a file")


async def bench_watch(root: Path, keys: list[tuple[str]], saves: int) -> None:
    source = open_source(LocalFile(path=str(root), watch_changes=True))
    started = time.perf_counter()
    watch = source.watch()
    assert watch is not None
    print(f"watch: {(time.perf_counter() - started) * 1000:.0f} ms to establish")
    await asyncio.sleep(1)
    idle = time.process_time()
    await asyncio.sleep(3)
    print(f"watch: {(time.process_time() - idle) / 3 * 100:.2f} % of a core when idle")
    waits = []
    for index in range(saves):
        key = keys[index * 37 % len(keys)]
        await asyncio.to_thread((root / key[0]).write_text, f"{TEXT}{index}", "utf-8")
        saved = time.perf_counter()
        seen: set[tuple[str]] = set()
        while key not in seen:
            changed = await anext(watch)
            assert changed is not None
            seen.update(changed)
        waits.append((time.perf_counter() - saved) * 1000)
        await asyncio.sleep(0.03)
    cuts = statistics.quantiles(waits, n=20)
    p50, p95 = cuts[9], cuts[18]
    print(f"watch: save to key p50 {p50:.1f} ms, p95 {p95:.1f} ms, max {max(waits):.1f} ms")
    source.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--saves", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_files(root, given.files)
        keys = bench_listing(root, given.files)
        bench_reading(root, keys)
        asyncio.run(bench_watch(root, keys, given.saves))


if __name__ == "__main__":
    main()
