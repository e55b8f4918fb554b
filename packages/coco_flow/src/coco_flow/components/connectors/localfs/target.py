"""Files and directories of this machine as target states."""

from __future__ import annotations

import os
import pathlib
import shutil
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, cast

import msgspec

from coco_flow import components as coco
from coco_flow.components.connectorkits.fingerprint import fingerprint_bytes
from coco_flow.components.connectors.localfs.path import FilePath, to_file_path
from coco_flow.components.datatype import TypeChecker

__all__ = ["DirTarget", "declare_dir_target", "declare_file", "dir_target", "mount_dir_target"]

_NAME = TypeChecker(str)
_ROOT_KEY = TypeChecker(tuple[str | None, str])


class EntryAction(NamedTuple):
    """A file or directory to write (`content` of a directory is empty), or to remove (None).

    The path is absolute, or relative to the context key's value. With `replaces_other`,
    a directory may be where a file is to be written, or the reverse.
    """

    base_dir_key: str | None
    path: str
    entry_type: Literal["file", "dir"]
    content: bytes | None
    create_parents: bool
    replaces_other: bool = False


@dataclass(frozen=True, slots=True)
class DirSpec:
    """Says that an entry is a directory."""


@dataclass(frozen=True, slots=True)
class EntrySpec:
    """What an entry is to be: content of a file, or a directory."""

    entry_spec: bytes | DirSpec
    create_parent_dirs: bool


class EntryRecord(msgspec.Struct, frozen=True):
    """What was written: the fingerprint of a file, None for a directory."""

    fingerprint: bytes | None


def execute_entry_action(path: pathlib.Path, action: EntryAction) -> pathlib.Path | None:
    """Write or remove one entry, and return the path of a directory that is there now."""
    if action.content is None:
        _remove(path, action.entry_type)
        return None
    if action.replaces_other:
        _remove(path, "dir" if action.entry_type == "file" else "file")
    if action.create_parents:
        path.parent.mkdir(parents=True, exist_ok=True)
    if action.entry_type == "file":
        _write(path, action.content)
        return None
    path.mkdir(exist_ok=True)
    return path


def _remove(path: pathlib.Path, entry_type: Literal["file", "dir"]) -> None:
    """Remove an entry if it is what it is taken for."""
    if path.is_dir() and not path.is_symlink():
        if entry_type == "dir":
            shutil.rmtree(path)
    elif entry_type == "file":
        path.unlink(missing_ok=True)


def _write(path: pathlib.Path, content: bytes) -> None:
    """Replace a file atomically, so that no reader and no crash sees half of it."""
    # What is no ordinary file, such as a device or a link, is written through.
    if path.is_symlink() or (path.exists() and not path.is_file()):
        path.write_bytes(content)
        return
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(content)
        # The temporary file is private; the new one gets the rights of the old one.
        pathlib.Path(name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_UMASK)
        pathlib.Path(name).replace(path)
    except BaseException:
        pathlib.Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    # There is no way to read it without setting it.
    mask = os.umask(0)
    os.umask(mask)
    return mask


# Read when the module is imported: later, another thread might make a file meanwhile.
_UMASK = _umask()


def _path_of(context_provider: coco.ContextProvider, action: EntryAction) -> pathlib.Path:
    path = pathlib.Path(action.path)
    if action.base_dir_key is None:
        return path
    return (context_provider.get(action.base_dir_key, pathlib.Path) / path).resolve()


def _apply(context_provider: coco.ContextProvider, actions: Sequence[EntryAction], /) -> None:
    for action in actions:
        execute_entry_action(_path_of(context_provider, action), action)


def _child_handler(
    context_provider: coco.ContextProvider, action: EntryAction
) -> _EntryHandler | None:
    if action.entry_type == "file" or action.content is None:
        return None
    return _EntryHandler(_path_of(context_provider, action))


_SINK: coco.TargetActionSink[EntryAction] = coco.TargetActionSink.from_fn(
    _apply, child_handler=_child_handler
)

_Output = coco.TargetReconcileOutput[EntryAction, EntryRecord, "_EntryHandler"]


def _reconcile(
    base_dir_key: str | None,
    path: str,
    desired: EntrySpec | coco.NonExistenceType,
    previous: Collection[EntryRecord],
    may_be_missing: bool,
) -> _Output | None:
    if coco.is_non_existence(desired):
        was_dir = any(record.fingerprint is None for record in previous)
        kind: Literal["file", "dir"] = "dir" if was_dir else "file"
        action = EntryAction(base_dir_key, path, kind, None, False)
        return coco.TargetReconcileOutput(action, _SINK, coco.NON_EXISTENCE)
    spec, parents = desired.entry_spec, desired.create_parent_dirs
    is_dir = isinstance(spec, DirSpec)
    replaces = any((record.fingerprint is None) != is_dir for record in previous)
    if isinstance(spec, DirSpec):
        action = EntryAction(base_dir_key, path, "dir", b"", parents, replaces)
        return coco.TargetReconcileOutput(action, _SINK, EntryRecord(None))
    record = EntryRecord(fingerprint_bytes(spec))
    if not may_be_missing and all(each == record for each in previous):
        return None
    action = EntryAction(base_dir_key, path, "file", spec, parents, replaces)
    return coco.TargetReconcileOutput(action, _SINK, record)


class _EntryHandler(coco.TargetHandler[EntrySpec, EntryRecord, "_EntryHandler"]):
    """Reconciles what is in one directory."""

    __slots__ = ("_folder",)

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder

    def reconcile(
        self,
        key: coco.StableKey,
        desired: EntrySpec | coco.NonExistenceType,
        previous: Collection[EntryRecord],
        may_be_missing: bool,
        /,
    ) -> _Output | None:
        """Return what to do for one entry."""
        path = str(self._folder / _NAME.check(key))
        return _reconcile(None, path, desired, previous, may_be_missing)


class _RootHandler(coco.TargetHandler[EntrySpec, EntryRecord, _EntryHandler]):
    """Reconciles entries that are declared by their own path."""

    def reconcile(
        self,
        key: coco.StableKey,
        desired: EntrySpec | coco.NonExistenceType,
        previous: Collection[EntryRecord],
        may_be_missing: bool,
        /,
    ) -> _Output | None:
        """Return what to do for one entry."""
        base_dir_key, path = _ROOT_KEY.check(key)
        if base_dir_key is None:
            path = str(pathlib.Path(path).resolve())
        return _reconcile(base_dir_key, path, desired, previous, may_be_missing)


_provider: coco.TargetStateProvider[EntrySpec, _EntryHandler] = (
    coco.register_root_target_states_provider("cocoindex/localfs", _RootHandler())
)


def get_base_dir_key(file_path: FilePath) -> str | None:
    """Return the name of the context key that a path is relative to."""
    return None if file_path.base_dir is None else file_path.base_dir.key


def _root_state(
    path: FilePath | pathlib.Path | coco.ContextKey[pathlib.Path], spec: EntrySpec
) -> coco.TargetState[_EntryHandler]:
    file_path = to_file_path(path)
    return _provider.target_state((get_base_dir_key(file_path), file_path.as_posix()), spec)


def _bytes(content: bytes | str) -> bytes:
    return content.encode() if isinstance(content, str) else content


class DirTarget(Generic[coco.MaybePendingS], coco.ResolvesTo["DirTarget"]):
    """A directory whose files are those that are declared; files no longer declared are removed."""

    _provider: coco.TargetStateProvider[EntrySpec, _EntryHandler, Any]

    def __init__(
        self,
        provider: coco.TargetStateProvider[EntrySpec, _EntryHandler, coco.MaybePendingS],
    ) -> None:
        self._provider = provider

    def declare_file(
        self: DirTarget[Any],
        filename: str | pathlib.PurePath,
        content: bytes | str,
        *,
        create_parent_dirs: bool = False,
    ) -> None:
        """Declare a file by its path in the directory."""
        spec = EntrySpec(_bytes(content), create_parent_dirs)
        state = self._provider.target_state(str(filename), spec)
        # Only the state of a directory has children.
        coco.declare_target_state(cast("coco.TargetState[None]", state))

    def declare_dir_target(
        self: DirTarget[Any],
        path: str | pathlib.PurePath,
        *,
        create_parent_dirs: bool = False,
    ) -> DirTarget[coco.PendingS]:
        """Declare a directory inside."""
        spec = EntrySpec(DirSpec(), create_parent_dirs)
        state = self._provider.target_state(str(path), spec)
        return DirTarget(coco.declare_target_state_with_child(state))

    def __coco_memo_key__(self) -> object:
        """Identify the directory."""
        return self._provider.memo_key


def dir_target(
    path: FilePath | pathlib.Path | coco.ContextKey[pathlib.Path],
    *,
    create_parent_dirs: bool = True,
) -> coco.TargetState[_EntryHandler]:
    """Return the state of a directory, for `mount_target`."""
    return _root_state(path, EntrySpec(DirSpec(), create_parent_dirs))


@coco.fn
def declare_dir_target(
    path: FilePath | pathlib.Path | coco.ContextKey[pathlib.Path],
    *,
    create_parent_dirs: bool = True,
) -> DirTarget[coco.PendingS]:
    """Declare a directory; it can be filled once the component that declares it is done."""
    state = dir_target(path, create_parent_dirs=create_parent_dirs)
    return DirTarget(coco.declare_target_state_with_child(state))


async def mount_dir_target(
    path: FilePath | pathlib.Path | coco.ContextKey[pathlib.Path],
    *,
    create_parent_dirs: bool = True,
) -> DirTarget[coco.ResolvedS]:
    """Make a directory and return it, ready to be filled."""
    state = dir_target(path, create_parent_dirs=create_parent_dirs)
    return DirTarget(await coco.mount_target(state))


@coco.fn
def declare_file(
    path: FilePath | pathlib.Path | coco.ContextKey[pathlib.Path],
    content: bytes | str,
    *,
    create_parent_dirs: bool = False,
) -> None:
    """Declare one file by its path."""
    state = _root_state(path, EntrySpec(_bytes(content), create_parent_dirs))
    coco.declare_target_state(cast("coco.TargetState[None]", state))
