"""What `coco-flow show` prints of an app: its stable paths and its target states."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from coco_flow.cli.stored_apps import app_reader
from coco_flow.components.paths import StablePath, Symbol
from coco_flow.components.state_reader import (
    AppReader,
    StablePathDetail,
    StablePathInfo,
    StablePathNodeType,
    TargetStateEntry,
)

if TYPE_CHECKING:
    from coco_flow.cli.terminal import Terminal

__all__ = ["AppView", "show_app"]


@dataclass(frozen=True, slots=True)
class AppView:
    """How an app is shown.

    Attributes:
        path: Show this path in detail, instead of all.
        tree: Indent instead of writing whole paths.
        long: Show all that is stored about each path.
        recursive: With `path`: what is below it, too.
        parents: With `path`: what is above it, too.
        target_states: Show target states and their owners instead of paths.
        fingerprints: Show the paths of target states as they are stored.
    """

    path: str | None = None
    tree: bool = False
    long: bool = False
    recursive: bool = False
    parents: bool = False
    target_states: bool = False
    fingerprints: bool = False

    def check(self) -> None:
        """Refuse what does not go together.

        Raises:
            UsageError: Two options contradict each other.
        """
        if (self.recursive or self.parents) and self.path is None:
            raise click.UsageError("--recursive and --parents need a PATH.")
        if self.target_states and (
            self.path is not None or self.long or self.recursive or self.parents
        ):
            raise click.UsageError(
                "--target-states cannot be combined with PATH, --long, --recursive or --parents."
            )


def show_app(terminal: Terminal, folder: Path, name: str, view: AppView) -> None:
    """Print what is stored about an app."""
    view.check()
    with app_reader(folder, name) as reader:
        if terminal.json:
            terminal.document(_document(reader, view))
            return
        for line in _lines(reader, view):
            terminal.line(line)


def _lines(reader: AppReader | None, view: AppView) -> Iterator[str]:
    yield "Target states:" if view.target_states else "Stable paths:"
    number = 0
    for line in () if reader is None else _body(reader, view):
        number += 1
        yield line
    if not number:
        yield "  (none)"


def _body(reader: AppReader, view: AppView) -> Iterator[str]:
    if view.target_states:
        entries = reader.target_states()
        yield from (
            _state_tree(entries, view.fingerprints)
            if view.tree
            else _state_list(entries, view.fingerprints)
        )
    elif view.path is not None or view.long:
        for detail in _details(reader, view):
            yield from _detail_lines(detail, view.fingerprints)
    elif view.tree:
        yield from _path_tree(reader.infos())
    else:
        for info in reader.infos():
            yield f"  {info.path}"


def _details(reader: AppReader, view: AppView) -> Iterator[StablePathDetail]:
    if view.path is None:
        return reader.details()
    path = _parsed_path(view.path)
    return reader.query(path.encoded, view.recursive, view.recursive, view.parents)


def _parsed_path(text: str) -> StablePath:
    """Return the path that a text such as ``/@files/"a.txt"`` or ``/@files/a.txt`` means."""
    path = StablePath()
    for part in text.strip("/").split("/"):
        if part.startswith("@"):
            path = path.concat(Symbol(part[1:]))
        elif len(part) >= 2 and part.startswith('"') and part.endswith('"'):
            path = path.concat(part[1:-1])
        elif part:
            path = path.concat(part)
    return path


def _detail_lines(detail: StablePathDetail, fingerprints: bool) -> Iterator[str]:
    remembered = "true" if detail.has_memoization else "false"
    yield f"  {detail.path}"
    yield (
        f"    type:{detail.node_type.value} version:{detail.version} "
        f"processor:{detail.processor_name or '-'}"
    )
    yield f"    has_memoization:{remembered} target_state_count:{detail.target_state_count}"
    if detail.target_state_items:
        yield "    Target states:"
    for item in detail.target_state_items:
        states = ", ".join(f"{state.version}:{state.state}" for state in item.states)
        generation = item.provider_generation
        shown = None if generation is None else ".".join(map(str, generation))
        yield f"      - path:{item.fingerprint_path if fingerprints else item.target_state_path}"
        yield (
            f"        states:{states or '-'} schema_version:{item.provider_schema_version} "
            f"generation:{shown}"
        )
    yield ""


def _path_tree(infos: Iterable[StablePathInfo]) -> Iterator[str]:
    before: list[Any] = []
    for info in infos:
        parts = info.path.parts()
        mark = " [component]" if info.node_type is StablePathNodeType.COMPONENT else ""
        if not parts:
            yield f"- /{mark}"
        else:
            yield from _missing_ancestors(before, parts, str)
            yield f"{_indent(len(parts) - 1)}- {parts[-1]}{mark}"
        before = parts


def _state_list(entries: Iterable[TargetStateEntry], fingerprints: bool) -> Iterator[str]:
    for entry in entries:
        path = entry.fingerprint_path if fingerprints else entry.readable_path
        yield f"  {path}{_dangling(entry)}"
        yield f"    owner:{entry.owner_component_path}"


def _state_tree(entries: Iterable[TargetStateEntry], fingerprints: bool) -> Iterator[str]:
    before: list[str] = []
    for entry in entries:
        steps = entry.fingerprint_path.lstrip("/").split("/")
        labels = dict(zip(steps, steps if fingerprints else entry.readable_segments, strict=True))
        yield from _missing_ancestors(before, steps, labels.__getitem__)
        label = f"{labels[steps[-1]]}{_dangling(entry)}"
        yield f"{_indent(len(steps) - 1)}- {label} owner:{entry.owner_component_path}"
        before = steps


def _missing_ancestors(
    before: list[Any], steps: list[Any], label: Callable[[Any], str]
) -> Iterator[str]:
    """Yield lines for steps above that have no entry of their own."""
    same = 0
    while same < min(len(before), len(steps) - 1) and before[same] == steps[same]:
        same += 1
    for depth in range(same, len(steps) - 1):
        yield f"{_indent(depth)}- {label(steps[depth])}"


def _indent(depth: int) -> str:
    return "  " * depth


def _dangling(entry: TargetStateEntry) -> str:
    return " [dangling]" if entry.dangling else ""


def _document(reader: AppReader | None, view: AppView) -> dict[str, Any]:
    if reader is None:
        return {"paths": []}
    if view.target_states:
        return {
            "target_states": [
                {
                    "path": entry.fingerprint_path if view.fingerprints else entry.readable_path,
                    "owner": str(entry.owner_component_path),
                    "dangling": entry.dangling,
                }
                for entry in reader.target_states()
            ]
        }
    if view.path is not None or view.long:
        return {"paths": [_detail_json(detail) for detail in _details(reader, view)]}
    return {
        "paths": [{"path": str(info.path), "type": info.node_type.value} for info in reader.infos()]
    }


def _detail_json(detail: StablePathDetail) -> dict[str, Any]:
    return {
        "path": str(detail.path),
        "type": detail.node_type.value,
        "processor": detail.processor_name,
        "has_memoization": detail.has_memoization,
        "target_states": [
            {
                "path": item.target_state_path,
                "states": [state.state for state in item.states],
                "schema_version": item.provider_schema_version,
            }
            for item in detail.target_state_items
        ],
    }
