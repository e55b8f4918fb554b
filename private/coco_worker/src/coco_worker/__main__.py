"""`python -m coco_worker`."""

from __future__ import annotations

from coco_worker.cli import main

__all__: list[str] = []

main()
