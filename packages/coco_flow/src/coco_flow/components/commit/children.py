"""The components below a component, and those of them that must be removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coco_flow.components import store

if TYPE_CHECKING:
    from coco_flow.components.build import ChildTree
    from coco_flow.components.component import Component

__all__ = ["list_component", "reconcile_children", "remove_child", "tombstones"]


def list_component(component: Component) -> None:
    """Make sure that the state file lists a component, so that it can be found to be removed.

    It is written with the first thing that the component or one of its descendants stores.
    """
    if component.listed or component.parent is None:
        return
    list_component(component.parent)
    parent = component.parent.path
    for key in component.keys[:-1]:
        component.app.store.write(store.LIST_CHILD, parent, key, 0)
        parent += key
    component.app.store.write(store.LIST_CHILD, parent, component.keys[-1], 1)
    component.listed = True


def reconcile_children(component: Component, mounted: ChildTree) -> None:
    """Make the list of children equal to what was mounted, and mark the others as to be removed."""
    _reconcile(component, b"", mounted)


def _reconcile(component: Component, below: bytes, mounted: ChildTree) -> None:
    app, parent = component.app.store, component.path + below
    listed = dict(app.read(store.READ_CHILDREN, parent))
    for key, is_component in listed.items():
        if key not in mounted:
            app.write(store.DROP_CHILD, parent, key)
            _drop(component, below + key, is_component)
    for key, tree in mounted.items():
        is_component = listed.get(key)
        if is_component is None or bool(is_component) != (tree is None):
            app.write(store.WRITE_CHILD, parent, key, int(tree is None))
            if is_component is not None:
                # A component became a folder, or a folder a component.
                if tree is None:
                    _reconcile(component, below + key, {})
                else:
                    app.write(store.WRITE_TOMBSTONE, component.path, below + key)
        if tree is not None:
            _reconcile(component, below + key, tree)


def _drop(component: Component, relative: bytes, is_component: int) -> None:
    if is_component:
        component.app.store.write(store.WRITE_TOMBSTONE, component.path, relative)
    else:
        _reconcile(component, relative, {})


def remove_child(component: Component, keys: tuple[bytes, ...]) -> None:
    """Take one child off the list and mark it as to be removed."""
    app, relative = component.app.store, b"".join(keys)
    app.write(store.DROP_CHILD, component.path + b"".join(keys[:-1]), keys[-1])
    app.write(store.WRITE_TOMBSTONE, component.path, relative)


def tombstones(component: Component) -> list[bytes]:
    """Return the relative paths of children that are to be removed."""
    return [
        relative for (relative,) in component.app.store.read(store.READ_TOMBSTONES, component.path)
    ]
