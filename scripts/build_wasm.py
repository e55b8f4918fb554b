"""Assemble the WebAssembly text files of the core; ``--check`` only says whether they are current.

Needs nothing but wasmtime, which the core depends on.
"""

from __future__ import annotations

import sys
from pathlib import Path

import wasmtime

SOURCES = Path(__file__).resolve().parent.parent / "packages/coco_core/src/coco_core/wasm"


def stale(source: Path) -> bytes | None:
    """Return what the ``.wasm`` beside a ``.wat`` should hold, or None if it does."""
    built = bytes(wasmtime.wat2wasm(source.read_text(encoding="utf-8")))
    target = source.with_suffix(".wasm")
    return None if target.is_file() and target.read_bytes() == built else built


def main() -> int:
    """Assemble what is stale; with ``--check`` name it and fail."""
    check = "--check" in sys.argv[1:]
    found = 0
    for source in sorted(SOURCES.rglob("*.wat")):
        built = stale(source)
        if built is None:
            continue
        found += 1
        print(f"{source.with_suffix('.wasm').name}: {len(built)} bytes")
        if not check:
            source.with_suffix(".wasm").write_bytes(built)
    return found if check else 0


if __name__ == "__main__":
    sys.exit(main())
