"""What the flows of a process share: settings, the state store, limits, the registry of flows."""

from __future__ import annotations

import difflib
import threading
from typing import TYPE_CHECKING

from coco_flow.engine.limits import Limiter
from coco_flow.errors import DefinitionError, FlowNotFound
from coco_flow.setting import Settings, current_settings, reset_settings, sqlite_path

if TYPE_CHECKING:
    from coco_flow.flow.flow import Flow
    from coco_flow.state.store import StateStore

__all__ = ["context", "stop"]


class Context:
    """Opened at first use, once, whichever thread comes first."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._store: StateStore | None = None
        self._limiter: Limiter | None = None
        self._flows: dict[str, Flow] = {}

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return current_settings()

    @property
    def store(self) -> StateStore:
        """The state store that the settings name."""
        from coco_flow.state.store import open_store

        with self._lock:
            if self._store is None:
                database = self.settings.database
                self._store = open_store(
                    database.url if database else None,
                    database.user if database else None,
                    database.password if database else None,
                    self.settings.db_schema_name,
                )
            return self._store

    def state_exists(self) -> bool:
        """Say whether there may be state, without creating any; a server is not asked."""
        path = sqlite_path(self.settings.database)
        return path is None or path.exists()

    def look_only(self) -> None:
        """If there is no state yet, keep it in memory, so that reading creates no file."""
        from coco_flow.state.store import open_store

        with self._lock:
            if self._store is None and not self.state_exists():
                self._store = open_store(":memory:")

    @property
    def limiter(self) -> Limiter:
        """The limit on rows and bytes in flight over all sources of all flows."""
        with self._lock:
            if self._limiter is None:
                options = self.settings.global_execution_options
                self._limiter = Limiter(
                    options.source_max_inflight_rows if options else 1024,
                    options.source_max_inflight_bytes if options else None,
                )
            return self._limiter

    def add_flow(self, flow: Flow) -> None:
        """Register a flow under its name; defining the same flow again replaces it.

        Raises:
            DefinitionError: Another open flow has that name.
        """
        with self._lock:
            known = self._flows.get(flow.name)
            if known is not None and flow.is_redefinition_of(known):
                known.close()
            elif known is not None:
                raise DefinitionError(
                    f"There is already a flow called {flow.name!r}.",
                    hint="Close the other one first, or choose another name.",
                )
            self._flows[flow.name] = flow

    def remove_flow(self, flow: Flow) -> None:
        """Unregister a flow."""
        with self._lock:
            if self._flows.get(flow.name) is flow:
                del self._flows[flow.name]

    def flows(self) -> dict[str, Flow]:
        """Return all open flows by name."""
        with self._lock:
            return dict(self._flows)

    def flow(self, name: str) -> Flow:
        """Return the open flow of that name.

        Raises:
            FlowNotFound: There is none; the message lists what there is.
        """
        flows = self.flows()
        if name not in flows:
            near = difflib.get_close_matches(name, flows, n=1)
            guess = f" Did you mean {near[0]!r}?" if near else ""
            raise FlowNotFound(
                f"There is no flow {name!r}.{guess}",
                hint=f"Flows here: {', '.join(sorted(flows)) or 'none'}.",
            )
        return flows[name]

    def stop(self) -> None:
        """Close the store and reset settings; the next use initializes them again."""
        with self._lock:
            if self._store is not None:
                self._store.close()
            self._store = None
            self._limiter = None
        reset_settings()


context = Context()
"""The one context of this process."""


def stop() -> None:
    """Release what the flows of this process share; safe to call at any time."""
    context.stop()
