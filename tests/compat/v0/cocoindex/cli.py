"""The command line: `python -m cocoindex.cli update main.py`."""

import sys

from cocoindex._lazy import names_of

__getattr__ = names_of("coco_flow.cli", "coco_flow.cli.program", cli="coco_flow.cli:main")

if __name__ == "__main__":
    import cocoindex  # noqa: F401 - reads CocoIndex's variables from now on
    from coco_flow.cli import main

    sys.exit(main())
