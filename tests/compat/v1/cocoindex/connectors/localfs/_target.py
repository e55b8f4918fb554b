"""The target under the public engine's names."""

from __future__ import annotations

from coco_flow.components.connectors.localfs.target import (
    DirSpec,
    DirTarget,
    EntryAction,
    EntrySpec,
    declare_dir_target,
    declare_file,
    dir_target,
    execute_entry_action,
    get_base_dir_key,
    mount_dir_target,
)

__all__ = ["DirTarget", "declare_dir_target", "declare_file", "dir_target", "mount_dir_target"]

_DirSpec = DirSpec
_EntryAction = EntryAction
_EntrySpec = EntrySpec
_execute_entry_action = execute_entry_action
_get_base_dir_key = get_base_dir_key
