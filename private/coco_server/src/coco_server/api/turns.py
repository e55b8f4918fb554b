"""Shares of the service: threads of each lane, and exports, streams and imports at once."""

from __future__ import annotations

import os
from dataclasses import dataclass

from coco_protocol.operations import Lane
from coco_protocol.serving.fairness import FairLimiter
from coco_protocol.serving.pools import ThreadPools

__all__ = ["KEY_CHECKS", "Turns", "thread_pools"]

KEY_CHECKS = 2
"""Checks of keys at once, each with a connection of its own: they take a millisecond."""

# More than any client library opens; what a client has beyond that it could as well send later.
_WAITING = 200

# Clients give up after 30 seconds and more; a refusal should come before.
_PATIENCE_SECONDS = 15.0

# Uploads keep two parts of 8 MiB in memory each.
_IMPORTS = 16
_IMPORTS_OF_ONE = 8

# Each looks into the database every two seconds.
_STREAMS = 512
_STREAMS_OF_ONE = 64


@dataclass(frozen=True, slots=True)
class Turns:
    """What takes long without a thread; by org."""

    exports: FairLimiter
    imports: FairLimiter
    streams: FairLimiter

    @classmethod
    def for_exports(cls, most: int) -> Turns:
        """Return the turns of a service that runs ``most`` exports at once."""
        return cls(
            # Half at most: another org finds a place, however slowly one reads.
            exports=FairLimiter(
                most,
                per_owner=max(1, most // 2),
                waiting=_WAITING,
                patience=_PATIENCE_SECONDS,
                name="exports",
            ),
            imports=FairLimiter(
                _IMPORTS,
                per_owner=_IMPORTS_OF_ONE,
                waiting=_WAITING,
                patience=_PATIENCE_SECONDS,
                name="imports",
            ),
            # A stream does not end soon: waiting for one helps no client.
            streams=FairLimiter(_STREAMS, per_owner=_STREAMS_OF_ONE, waiting=0, name="streams"),
        )


def thread_pools(connections: int, exports: int) -> ThreadPools:
    """Give each lane a share of the database's connections, of which there are two at least."""
    # Half for queries, which never wait for other lanes; a quarter each for what changes something
    # and for what only looks. Authorization is short and shares the queries' part.
    quarter, half = max(1, connections // 4), max(1, connections // 2)
    lanes: dict[Lane, FairLimiter] = {
        "query": _lane(half),
        # Reranking waits for a model and holds no connection: it has threads of its own, so that a
        # slow model keeps no one from searching.
        "rerank": _lane(half),
        "change": _lane(quarter),
        "status": _lane(quarter),
        "key": _lane(KEY_CHECKS),
        "export": _lane(exports),
    }
    return ThreadPools(lanes)


def _lane(threads: int) -> FairLimiter:
    # What runs shares the cores: several orgs together get no more turns than there are cores, so
    # that one with many clients does not slow the single query of another.
    return FairLimiter(
        threads,
        contended=os.cpu_count() or 1,
        waiting=_WAITING,
        patience=_PATIENCE_SECONDS,
    )
