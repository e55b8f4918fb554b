"""`python -m coco_flow.cli`, for an installation whose scripts are not on the PATH."""

from __future__ import annotations

import sys

from coco_flow.cli import main

if __name__ == "__main__":
    sys.exit(main())
