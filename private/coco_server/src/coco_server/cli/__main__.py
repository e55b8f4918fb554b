"""`python -m coco_server.cli`, for an installation whose scripts are not on the PATH."""

from __future__ import annotations

import sys

from coco_server.cli import main

if __name__ == "__main__":
    sys.exit(main())
