"""Parts shared by CoCo's HTTP services: answers, errors, exchanges, event streams.

Needs FastAPI and structlog (`coco-protocol[serving]`); clients import the models alone.
"""

__all__: list[str] = []
