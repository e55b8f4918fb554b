"""The gRPC contract between the API service and its workers: generated stubs and the version.

Needs the extra ``rpc`` (``coco-protocol[rpc]``); nothing else of this package imports gRPC.
"""

from __future__ import annotations

__all__: list[str] = []
