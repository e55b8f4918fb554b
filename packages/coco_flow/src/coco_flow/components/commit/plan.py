"""The plan of a commit: actions from a component's recorded to its declared target states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from coco_flow.components.build import Declared
from coco_flow.components.commit.claims import Returned
from coco_flow.components.commit.record import Item, ItemKey, Items, decode_items
from coco_flow.components.paths import Symbol, decode_key, encode_key
from coco_flow.components.provider import DIGEST_BYTES, Generation, Provider, Registry
from coco_flow.components.sentinel import NON_EXISTENCE, NonExistenceType
from coco_flow.components.serde import serialize
from coco_flow.errors import FlowError

if TYPE_CHECKING:
    from coco_flow.components.engine import Engine
    from coco_flow.components.readiness import Completion
    from coco_flow.components.target_state import TargetActionSink, TargetReconcileOutput

__all__ = ["ActionList", "Busy", "InFlight", "Plan", "Planner"]

GENERATIONS = encode_key(Symbol("coco_flow/generation"))


class Busy(Exception):
    """Another component is changing a target state that this one declares now."""

    def __init__(self, done: Completion) -> None:
        super().__init__()
        self.done = done


class InFlight(NamedTuple):
    """A component whose actions are under way.

    Attributes:
        staged: Its record in the state file.
        final: Its record once the actions are done.
    """

    staged: Items
    final: Items
    done: Completion


class ActionList:
    """Actions for one sink, and the targets that some of them make."""

    __slots__ = ("actions", "children")

    def __init__(self) -> None:
        self.actions: list[Any] = []
        self.children: dict[int, Provider] = {}

    def add(self, action: Any, child: Provider | None) -> None:
        """Add an action, and the target that it makes or updates."""
        if child is not None:
            self.children[len(self.actions)] = child
        self.actions.append(action)


class Plan:
    """What a commit will do.

    Attributes:
        staged: The component's record while the actions are under way.
        final: Its record afterwards.
        claimed: Target states that it takes over or adds.
        released: Target states that it no longer has.
        robbed: Records of components that lose target states to it, and which they lose.
        returned: Target states that it gives up and others claim.
        generations: New generations of the targets that it declares.
    """

    def __init__(self) -> None:
        self.staged: Items = {}
        self.final: Items = {}
        self.actions: dict[TargetActionSink[Any, Any], ActionList] = {}
        self.claimed: list[bytes] = []
        self.released: set[bytes] = set()
        self.robbed: dict[bytes, tuple[Items, list[ItemKey]]] = {}
        self.returned: list[Returned] = []
        self.generations: list[tuple[Provider, Generation]] = []

    def names(self, declared: dict[bytes, Declared]) -> dict[bytes, bytes]:
        """Return names of path segments that only this process knows."""
        found: dict[bytes, bytes] = {}
        for provider in {each.provider for each in declared.values()}:
            provider.collect_names(found)
        return found


class Planner:
    """Makes the plan of one component's commit."""

    def __init__(
        self, engine: Engine, path: bytes, registry: Registry, *, full_reprocess: bool
    ) -> None:
        self._engine = engine
        self._path = path
        self._registry = registry
        self._full = full_reprocess
        self._plan = Plan()

    def plan(self, items: Items, declared: dict[bytes, Declared], contained: set[bytes]) -> Plan:
        """Compare the declared target states with the record.

        Raises:
            Busy: A target state has to be taken over from a component that is changing it.
        """
        known = {path for path, _ in items}
        taken = {
            path: self._find_elsewhere(path, each.provider)
            for path, each in declared.items()
            if path not in known
        }
        rest = dict(items)
        for path, each in declared.items():
            key = (path, _generation_id(each.provider))
            before = rest.pop(key, None) or taken.get(path)
            self._declare(key, each, before)
            if key not in items and key in self._plan.final:
                self._plan.claimed.append(path)
        for key, item in rest.items():
            self._leave(key, item, contained)
        kept = {path for path, _ in self._plan.final}
        self._plan.released = {path for path, _ in items} - kept
        return self._plan

    def _find_elsewhere(self, path: bytes, provider: Provider) -> Item | None:
        """Find a target state in the record of another component that owns it."""
        owner = self._engine.owner_of(path)
        if owner is None or owner == self._path:
            return None
        key = (path, _generation_id(provider))
        flight = self._engine.in_flight.get(owner)
        if flight is not None:
            staged, final = flight.staged.get(key), flight.final.get(key)
            if staged is not None and (final is None or staged.states != final.states):
                raise Busy(flight.done)
            record = flight.staged
        else:
            record = self._record_of(owner)
        # Those for earlier generations of the target go with it.
        found = [each for each in record if each[0] == path]
        if found:
            self._plan.robbed.setdefault(owner, (record, []))[1].extend(found)
        return record.get(key)

    def _record_of(self, owner: bytes) -> Items:
        if owner in self._plan.robbed:
            return self._plan.robbed[owner][0]
        row = self._engine.store.component(owner)
        return {} if row is None else decode_items(row.items)

    def _declare(self, key: ItemKey, declared: Declared, before: Item | None) -> None:
        """Reconcile a target state that is wanted."""
        provider = declared.provider
        schema = _schema(provider)
        output = self._reconcile(provider, declared.key, declared.value, before, schema)
        if output is None:
            if before is not None:
                self._keep(key, before, schema)
            return
        generation = None if before is None else before.generation
        if declared.child is not None:
            generation = self._next_generation(generation, output.child_invalidation)
            self._plan.generations.append((declared.child, generation))
        self._act(output, declared.child)
        if before is None:
            before = Item(encode_key(declared.key), [None])
        before = Item(before.key, before.states, before.schema, generation)
        self._change(key, before, output, schema)

    def _leave(self, key: ItemKey, item: Item, contained: set[bytes]) -> None:
        """Reconcile a target state of the record that was not declared."""
        path, number = key
        # Another component may declare the target, such as one that took it over.
        target = path[:-DIGEST_BYTES]
        provider = self._registry.get(target) or self._engine.declared.get(target)
        # A state of an earlier generation went with its target; so did one of a target that is
        # no longer there.
        if provider is None or (provider.calls is not None and number != _generation_id(provider)):
            self._plan.staged[key] = item
            return
        if provider.calls is None:
            raise FlowError(
                f"The target state with key {decode_key(item.key)!r} cannot be removed now, "
                f"because its target {provider.key!r} could not be applied in this update.",
                hint="The next update tries again.",
            )
        schema = _schema(provider)
        if path in contained:
            self._keep(key, item, schema)
            return
        claim = self._engine.claims.find(path, self._path)
        if claim is not None:
            self._plan.returned.append(Returned(*claim, key, item))
            return
        output = self._reconcile(provider, decode_key(item.key), NON_EXISTENCE, item, schema)
        if output is None:
            self._keep(key, item, schema)
            return
        self._act(output, None)
        self._change(key, item, output, schema)

    def _reconcile(
        self, provider: Provider, key: Any, desired: Any, before: Item | None, schema: int | None
    ) -> TargetReconcileOutput[Any, Any, Any] | None:
        if provider.calls is None:
            raise ValueError(
                f"The target of the state with key {key!r} is not applied yet; use the provider "
                "that use_mount() or mount_target() returns."
            )
        if before is None:
            return provider.calls.reconcile(key, desired, (), True)
        may_be_missing = (
            self._full or (schema is not None and before.schema != schema) or None in before.states
        )
        return provider.calls.reconcile(key, desired, before.records, may_be_missing)

    def _next_generation(self, before: Generation | None, invalidation: str | None) -> Generation:
        generation = before or Generation()
        if invalidation == "destructive":
            return Generation(self._engine.store.reserve(GENERATIONS, 1), 0)
        if invalidation == "lossy":
            return generation._replace(schema=generation.schema + 1)
        return generation

    def _act(self, output: TargetReconcileOutput[Any, Any, Any], child: Provider | None) -> None:
        actions = self._plan.actions.get(output.sink)
        if actions is None:
            actions = self._plan.actions[output.sink] = ActionList()
        actions.add(output.action, child)

    def _keep(self, key: ItemKey, item: Item, schema: int | None) -> None:
        """Keep a state that needs no action; the handler saw that none of its states is missing."""
        states: list[bytes | None] = list(item.records)
        self._plan.staged[key] = item
        if states:
            self._plan.final[key] = item.with_states(states, schema)

    def _change(
        self,
        key: ItemKey,
        before: Item,
        output: TargetReconcileOutput[Any, Any, Any],
        schema: int | None,
    ) -> None:
        """Record that a state will change: until it has, the target may be in either state."""
        record = output.tracking_record
        after = None if isinstance(record, NonExistenceType) else serialize(record)
        if after is None and before.states == [None]:
            return
        self._plan.staged[key] = before.with_states([*before.states, after])
        if after is not None:
            self._plan.final[key] = before.with_states([after], schema)


def _generation_id(provider: Provider) -> int:
    return 0 if provider.generation is None else provider.generation.id


def _schema(provider: Provider) -> int | None:
    return None if provider.generation is None else provider.generation.schema
