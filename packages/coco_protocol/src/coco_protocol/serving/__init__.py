"""What every HTTP service of CoCo does alike: answers, errors, exchanges, event streams, reference.

Needs FastAPI and structlog (`coco-protocol[serving]`); clients import the models alone.
"""

__all__: list[str] = []
