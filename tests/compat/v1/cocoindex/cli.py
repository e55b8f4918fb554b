"""The command line: `python -m cocoindex.cli update main.py`."""

from __future__ import annotations

import sys

from coco_flow.cli import main

__all__ = ["cli", "main"]

cli = main

if __name__ == "__main__":
    sys.exit(main())
