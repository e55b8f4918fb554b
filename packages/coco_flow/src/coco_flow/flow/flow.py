"""The class of flows: set-up, updates, queries, drop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from coco_flow.errors import FlowError, SetupNeeded
from coco_flow.flow.builder import FlowBuilder, build_graph
from coco_flow.flow.context import context
from coco_flow.flow.slices import DataScope
from coco_flow.query_handler import QueryHandler, QueryHandlerResultFields
from coco_flow.setup.bundle import SetupChangeBundle
from coco_flow.setup.plan import Action, plan_setup
from coco_flow.validation import validate_flow_name

if TYPE_CHECKING:
    from coco_flow.engine.runner import FlowRunner
    from coco_flow.engine.stats import UpdateInfo
    from coco_flow.graph.model import FlowGraph
    from coco_flow.setting import Settings
    from coco_flow.state.store import StateStore

__all__ = ["EvaluateAndDumpOptions", "Flow", "flow_def", "open_flow"]

FlowDefinition = Callable[[FlowBuilder, DataScope], None]
H = TypeVar("H", bound=Callable[..., Any])


@dataclass
class EvaluateAndDumpOptions:
    """Where an evaluation is dumped, and whether results of the memo may be used."""

    output_dir: str
    use_cache: bool = True


class Flow:
    """A named pipeline: sources, operations on their rows, exports to targets.

    The definition runs at first need, once. All methods that do work come in two forms: plain, and
    `…_async` for use inside an event loop.
    """

    def __init__(self, name: str, definition: FlowDefinition) -> None:
        validate_flow_name(name)
        self._name = name
        self._definition = definition
        self._lock = threading.RLock()
        self._graph: FlowGraph | None = None
        self._closed = False
        self._handlers: dict[str, QueryHandler] = {}
        self._running = threading.Lock()
        self._waiting: dict[tuple[bool, bool, bool], Future[UpdateInfo]] = {}

    # Names and parts ------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name without the namespace."""
        return self._name

    @property
    def namespace(self) -> str:
        """The application's namespace, empty by default."""
        return self.settings.app_namespace

    @property
    def full_name(self) -> str:
        """The name with the namespace before it."""
        return f"{self.namespace}.{self._name}" if self.namespace else self._name

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return context.settings

    @property
    def store(self) -> StateStore:
        """Where the flow's state is kept."""
        return context.store

    @property
    def graph(self) -> FlowGraph:
        """The flow's graph, built at first use."""
        with self._lock:
            self._check_open()
            if self._graph is None:
                self._graph = build_graph(self._name, self._definition)
            return self._graph

    def describe(self) -> dict[str, Any]:
        """Return the flow's definition as JSON: sources, operations with types, exports."""
        from coco_flow.graph.describe import described_graph

        return described_graph(self.graph)

    # Set-up ---------------------------------------------------------------------------------------

    def setup(self, report_to_stdout: bool = False) -> None:
        """Create or alter targets so that they match the definition; no-op when they do."""
        self._check_open()
        SetupChangeBundle([self], "setup").describe_and_apply(report_to_stdout)

    async def setup_async(self, report_to_stdout: bool = False) -> None:
        """Do what `setup` does, without blocking the loop."""
        await asyncio.to_thread(self.setup, report_to_stdout)

    def drop(self, report_to_stdout: bool = False) -> None:
        """Remove the flow's targets and state; the object stays usable."""
        self._check_open()
        SetupChangeBundle([self], "drop").describe_and_apply(report_to_stdout)

    async def drop_async(self, report_to_stdout: bool = False) -> None:
        """Do what `drop` does, without blocking the loop."""
        await asyncio.to_thread(self.drop, report_to_stdout)

    def close(self) -> None:
        """Unregister the flow in this process; targets and state stay as they are."""
        from coco_flow.runtime import run_maybe_async

        with self._lock:
            if self._closed:
                return
            self._closed = True
            context.remove_flow(self)
            graph, self._graph = self._graph, None
        for source in graph.sources if graph else ():
            run_maybe_async(source.connector.close)

    # Updates --------------------------------------------------------------------------------------

    def update(
        self,
        /,
        *,
        reexport_targets: bool = False,
        full_reprocess: bool = False,
        print_stats: bool = False,
        allow_empty: bool = False,
    ) -> UpdateInfo:
        """Bring the targets in step with the sources, doing only what changed.

        Args:
            reexport_targets: Write all rows again, even those that did not change.
            full_reprocess: Recompute everything, memoized results included.
            print_stats: Print the statistics at the end.
            allow_empty: Let a source that lists nothing any more delete all its rows.

        Raises:
            SetupNeeded: The targets are not set up for this definition.
        """
        info = self._coalesced((reexport_targets, full_reprocess, allow_empty))
        if print_stats:
            import sys

            sys.stdout.write(f"{info}\n")
        return info

    async def update_async(
        self,
        /,
        *,
        reexport_targets: bool = False,
        full_reprocess: bool = False,
        print_stats: bool = False,
        allow_empty: bool = False,
    ) -> UpdateInfo:
        """Do what `update` does, without blocking the loop."""
        return await asyncio.to_thread(
            lambda: self.update(
                reexport_targets=reexport_targets,
                full_reprocess=full_reprocess,
                print_stats=print_stats,
                allow_empty=allow_empty,
            )
        )

    def update_shared(self, *, lease_seconds: float | None = None) -> UpdateInfo:
        """Take part in an update that several processes share, each running this.

        One of them lists the sources; all process rows. Needs state that all reach: PostgreSQL, or
        one SQLite file on one machine. Returns when the whole update has ended, with the statistics
        of this process's part.

        Args:
            lease_seconds: How long the rows of a process that died wait for another one.
        """
        runner = self.runner()
        try:
            return runner.update_shared(lease_seconds)
        finally:
            runner.close()

    def runner(
        self, *, reexport: bool = False, full_reprocess: bool = False, allow_empty: bool = False
    ) -> FlowRunner:
        """Return the flow ready to run; the caller closes it.

        Raises:
            SetupNeeded: The targets are not set up for this definition.
        """
        from coco_flow.engine.runner import FlowRunner
        from coco_flow.engine.source_update import PassOptions

        self._check_open()
        return FlowRunner(
            self.graph,
            self.full_name,
            store=self.store,
            flow_id=self._checked_flow_id(),
            options=PassOptions(reexport, full_reprocess, allow_empty),
            global_limiter=context.limiter,
        )

    def evaluate_and_dump(self, options: EvaluateAndDumpOptions) -> UpdateInfo:
        """Compute all rows and write them to files; targets and state stay as they are."""
        from coco_flow.flow.evaluation import evaluate_and_dump

        self._check_open()
        return evaluate_and_dump(self, options)

    def _coalesced(self, options: tuple[bool, bool, bool]) -> UpdateInfo:
        """Run an update; calls that come while one waits for its turn share that one."""
        with self._lock:
            self._check_open()
            waiting = self._waiting.get(options)
            if waiting is None:
                mine: Future[UpdateInfo] = Future()
                self._waiting[options] = mine
        if waiting is not None:
            return waiting.result()
        with self._running:
            with self._lock:
                # From here on a call needs another pass: this one may miss its changes.
                del self._waiting[options]
            try:
                mine.set_result(self._update_once(*options))
            except BaseException as error:  # noqa: BLE001 - every waiting call shall raise it
                mine.set_exception(error)
        return mine.result()

    def _update_once(self, reexport: bool, full_reprocess: bool, allow_empty: bool) -> UpdateInfo:
        runner = self.runner(
            reexport=reexport, full_reprocess=full_reprocess, allow_empty=allow_empty
        )
        try:
            return runner.update_all()
        finally:
            runner.close()

    def _checked_flow_id(self) -> int:
        flow_id = self.store.flow_id(self.full_name)
        changes = plan_setup(self.store, flow_id, self.graph, self.name, self.namespace)
        pending = [change for change in changes if change.action is not Action.KEEP]
        if flow_id is None or pending:
            shown = "; ".join(str(change) for change in pending) or "nothing is set up yet"
            raise SetupNeeded(
                f"Setup for flow `{self.full_name}` is not up-to-date: {shown}.",
                hint="Please run `coco-flow setup` (or call flow.setup()) to update the setup.",
            )
        return flow_id

    # Queries --------------------------------------------------------------------------------------

    def add_query_handler(
        self,
        name: str,
        handler: Callable[..., Any],
        /,
        *,
        result_fields: QueryHandlerResultFields | None = None,
    ) -> None:
        """Register a function that answers questions about the targets, by name."""
        self._check_open()
        self._handlers[name] = QueryHandler(name, handler, result_fields)

    def query_handler(
        self, name: str | None = None, result_fields: QueryHandlerResultFields | None = None
    ) -> Callable[[H], H]:
        """Register the decorated function as a query handler, by default under its own name."""

        def decorate(handler: H) -> H:
            self.add_query_handler(name or handler.__name__, handler, result_fields=result_fields)
            return handler

        return decorate

    @property
    def query_handlers(self) -> dict[str, QueryHandler]:
        """The registered query handlers by name."""
        return dict(self._handlers)

    def is_redefinition_of(self, other: Flow) -> bool:
        """Say whether this is the other flow's definition run again, as a notebook's cell is.

        That is so for functions of one name at the top level of one module.
        """
        mine, theirs = self._definition, other._definition
        name = getattr(mine, "__qualname__", "<>")
        return (
            "<" not in name
            and name == getattr(theirs, "__qualname__", "")
            and mine.__module__ == theirs.__module__
        )

    def __repr__(self) -> str:
        return f"Flow({self._name!r})"

    def _check_open(self) -> None:
        if self._closed:
            raise FlowError(f"Flow {self._name!r} is closed.", hint="Open it again with open_flow.")


def open_flow(name: str, fl_def: FlowDefinition) -> Flow:
    """Register and return a flow; several can share one definition function."""
    flow = Flow(name, fl_def)
    context.add_flow(flow)
    return flow


def flow_def(
    name: str | FlowDefinition | None = None,
) -> Any:
    """Make a flow of the decorated function, by default under the function's name."""
    if callable(name):
        return open_flow(name.__name__, name)

    def decorate(fl_def: FlowDefinition) -> Flow:
        return open_flow(name or fl_def.__name__, fl_def)

    return decorate
