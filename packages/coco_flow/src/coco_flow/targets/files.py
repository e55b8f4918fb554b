"""Target that writes one file for each row into a directory.

Each file is replaced in one step, and only files that the target has written are ever replaced or
removed.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from coco_flow.errors import DefinitionError, FlowConflict, FlowError
from coco_flow.op.spec import TargetSpec
from coco_flow.ports import Compatibility, ExportSchema, Key, Row, SetupChange, TargetBatch
from coco_flow.targets.files_manifest import Manifest
from coco_flow.targets.json_value import json_encoder, json_text, row_encoder
from coco_flow.targets.registry import register_target
from coco_flow.targets.table_state import default_table_name, final_rows, possible_states
from coco_flow.types.schema import FieldSchema

__all__ = ["Files", "FilesConnector"]

_CONTENT_KINDS = ("Str", "Bytes")


# Names that begin so are the targets' own.
_RESERVED = ".coco_flow."

# Begins the manifest's entry for a name that a row's file had before; keys begin with a bracket.
_MOVED = "moved:"


class Files(TargetSpec):
    """A directory with a file for each row.

    Attributes:
        directory: Made when it is not there.
        filename_field: Field with the path of the file, in the directory; by default it is made of
            the key, whose parts become folders.
        content_field: Field with the content, text or bytes; by default the only such field besides
            the file's name, else the row as JSON.
        suffix: Added to the path; by default ".json" if the row is written as JSON.
        overwrite: Whether files that are there, and not from this target, may be replaced.
    """

    directory: str
    filename_field: str | None = None
    content_field: str | None = None
    suffix: str | None = None
    overwrite: bool = False


class _Directory:
    """A directory that an update writes to."""

    def __init__(self, spec: Files, key: Any, schema: ExportSchema) -> None:
        self.root = Path(key["directory"])
        self.manifest = Manifest(self.root, key["name"])
        self.lock = threading.Lock()
        self.overwrite = spec.overwrite
        layout = _Layout.of(spec, schema)
        self._path, self._content = layout.path, layout.content
        self.key_text = _key_encoder(schema.key)
        # Processes that write to one directory must not share it.
        self._temporary = self.root / f"{_RESERVED}{os.getpid()}.tmp"
        self.delete(self.manifest.keys(_MOVED))

    def write(self, rows: Iterable[tuple[Key, Row]]) -> None:
        """Write the files of rows, and remove files that they had under other names."""
        planned = {}
        for key, row in rows:
            planned[self.key_text(key)] = (self._path(key, row), self._content(key, row))
        self._check(planned)
        current = self.manifest.path_of
        renamed = {key: old for key, (path, _) in planned.items() if (old := current(key)) != path}
        # Until its file is removed, an old name stays in the manifest, in a separate entry.
        left = [(_MOVED + key, old) for key, old in renamed.items() if old is not None]
        self.manifest.add([*left, *((key, planned[key][0]) for key in renamed)])
        for path, content in planned.values():
            self._replace(self.root / path, content)
        self.delete(key for key, _ in left)

    def delete(self, keys: Iterable[str]) -> None:
        """Remove the files of rows."""
        gone = [key for key in keys if self.manifest.path_of(key) is not None]
        for key in gone:
            path = self.manifest.path_of(key)
            if path is not None and self.manifest.owner_of(path) == key:
                _remove(self.root, path)
        self.manifest.add((key, None) for key in gone)

    def _check(self, planned: dict[str, tuple[str, bytes]]) -> None:
        """Raise if a path belongs to another row, or if its file is not the target's."""
        taken: dict[str, str] = {}
        for key, (path, _) in planned.items():
            other = taken.setdefault(path, key)
            owner = self.manifest.owner_of(path)
            if owner is not None and owner != key and owner not in planned:
                other = owner
            if other != key:
                raise FlowConflict(
                    f"The rows {other} and {key} would both be written to {self.root / path}.",
                    hint="Choose a filename_field that differs for every row.",
                )
            if owner is None and not self.overwrite and os.path.lexists(self.root / path):
                # Perhaps another process of this flow has written it meanwhile.
                self.manifest.reload()
                if self.manifest.owner_of(path) != key:
                    raise FlowConflict(
                        f"The file {self.root / path} is there already and not from this target.",
                        hint="Move it away, or pass Files(..., overwrite=True).",
                    )

    def _replace(self, path: Path, content: bytes) -> None:
        try:
            self._temporary.write_bytes(content)
        except FileNotFoundError:
            self.root.mkdir(parents=True, exist_ok=True)
            self._temporary.write_bytes(content)
        try:
            self._temporary.replace(path)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._temporary.replace(path)


class FilesConnector:
    """Writes rows as files into directories."""

    def persistent_key(
        self, spec: Files, target_name: str, flow_name: str, namespace: str
    ) -> dict[str, str]:
        """Return the directory, and the name by which its files are known as this target's."""
        name = default_table_name(target_name, flow_name, namespace)
        return {"directory": str(spec.directory), "name": name}

    def setup_state(self, spec: Files, schema: ExportSchema) -> dict[str, Any]:
        """Return what decides the files' names and contents."""
        if schema.index.vector_indexes or schema.index.fts_indexes:
            raise DefinitionError(
                "A Files target has no indexes.", hint="Leave vector_indexes and fts_indexes out."
            )
        layout = _Layout.of(spec, schema)
        return {
            "key": [[field.name, str(field.value_type.type)] for field in schema.key],
            "name": layout.name_field,
            "content": layout.content_field,
            "suffix": layout.suffix,
        }

    def compatibility(self, desired: Any, existing: Any) -> Compatibility:
        """Compare the keys; other names or contents only mean that every file is written again."""
        if desired["key"] != existing["key"]:
            return Compatibility.NOT_COMPATIBLE
        if desired != existing:
            return Compatibility.PARTIALLY_COMPATIBLE
        return Compatibility.COMPATIBLE

    def apply_setup(self, changes: Sequence[SetupChange]) -> None:
        """Make the directories, or remove the files that are the targets' own."""
        for change in changes:
            root = Path(change.key["directory"])
            current, states = change.current, possible_states(change.previous)
            if current is None or any(state["key"] != current["key"] for state in states):
                manifest = Manifest(root, change.key["name"])
                for path in manifest.paths():
                    _remove(root, path)
                manifest.remove()
            if current is not None:
                root.mkdir(parents=True, exist_ok=True)
            elif root.is_dir():
                # What is not ours keeps the directory.
                with contextlib.suppress(OSError):
                    root.rmdir()

    def describe(self, key: Any) -> str:
        """Return the directory."""
        return f"files in {key['directory']}"

    def open(self, spec: Files, key: Any, schema: ExportSchema) -> _Directory:
        """Read which files are the target's own."""
        return _Directory(spec, key, schema)

    def group(self, target: _Directory) -> object:
        """Return the directory: files are written one by one anyway."""
        return id(target)

    def write(self, batches: Sequence[TargetBatch]) -> None:
        """Write the files, then remove those of deleted rows."""
        for batch in batches:
            directory: _Directory = batch.target
            upserts, deletes = final_rows(batch)
            try:
                # A deleted row may leave its name to a new one.
                with directory.lock:
                    directory.delete(map(directory.key_text, deletes))
                    directory.write(upserts)
            except OSError as error:
                raise FlowError(
                    f"Writing to {directory.root} failed: {error}",
                    hint="The batch may be written in part; the next update writes it again.",
                ) from error

    def close(self, target: _Directory) -> None:
        """Do nothing: no file is kept open."""


class _Layout:
    """How a row becomes a path and a content."""

    def __init__(
        self, schema: ExportSchema, name_field: str | None, content_field: str | None, suffix: str
    ) -> None:
        self.name_field, self.content_field, self.suffix = name_field, content_field, suffix
        self.path = self._path_maker(schema)
        self.content = self._content_maker(schema)

    @staticmethod
    def of(spec: Files, schema: ExportSchema) -> _Layout:
        fields = {field.name: field for field in (*schema.key, *schema.value)}
        for what, name in (
            ("filename_field", spec.filename_field),
            ("content_field", spec.content_field),
        ):
            if name is not None and name not in fields:
                raise DefinitionError(
                    f"The {what} {name!r} of the files in {spec.directory} is not exported.",
                    hint=f"The fields are {', '.join(fields)}.",
                )
        content = spec.content_field
        if content is None:
            # Every field besides the file's name is content.
            rest = [field for field in schema.value if field.name != spec.filename_field]
            if len(rest) == 1 and rest[0].value_type.type.kind in _CONTENT_KINDS:
                content = rest[0].name
        suffix = spec.suffix
        if suffix is None:
            plain = content and fields[content].value_type.type.kind in _CONTENT_KINDS
            suffix = "" if plain else ".json"
        return _Layout(schema, spec.filename_field, content, suffix)

    def _path_maker(self, schema: ExportSchema) -> Callable[[Key, Row], str]:
        suffix, name_field = self.suffix, self.name_field
        if name_field is None and len(schema.key) > 1:
            encoders = [json_encoder(field.value_type.type) for field in schema.key]

            def of_parts(key: Key, row: Row) -> str:  # noqa: ARG001 - the others need it
                values = [
                    value if encode is None else encode(value)
                    for encode, value in zip(encoders, key, strict=True)
                ]
                texts = [each if isinstance(each, str) else json_text(each) for each in values]
                # A part with a slash would be two folders, and two keys could have one path.
                return _checked("/".join(map(_part, texts)) + suffix)

            return of_parts
        names = [field.name for field in (*schema.key, *schema.value)]
        place = 0 if name_field is None else names.index(name_field)

        def of_field(key: Key, row: Row) -> str:
            return _checked(f"{(*key, *row)[place]}{suffix}")

        return of_field

    def _content_maker(self, schema: ExportSchema) -> Callable[[Key, Row], bytes]:
        fields = [*schema.key, *schema.value]
        if self.content_field is None:
            as_object = row_encoder(fields)
            return lambda key, row: _json_bytes(as_object((*key, *row)))
        names = [field.name for field in fields]
        place = names.index(self.content_field)
        kind = fields[place].value_type.type.kind
        encode = json_encoder(fields[place].value_type.type)

        def of_field(key: Key, row: Row) -> bytes:
            value = (*key, *row)[place]
            if value is None:
                return b""
            if kind == "Bytes":
                return bytes(value)
            if kind == "Str":
                return str(value).encode("utf-8", "replace")
            return _json_bytes(value if encode is None else encode(value))

        return of_field


def _json_bytes(value: Any) -> bytes:
    # Through the text, which has no NaN.
    pretty = json.dumps(json.loads(json_text(value)), ensure_ascii=False, indent=2)
    return (pretty + "\n").encode("utf-8", "replace")


def _key_encoder(fields: Sequence[FieldSchema]) -> Callable[[Key], str]:
    encode = row_encoder(fields)
    return lambda key: json_text(list(encode(key).values()))


def _part(text: str) -> str:
    quoted = quote(text, safe="[], -+@=")
    # Names of folders that are no names of folders.
    return {"": "%", ".": "%2E", "..": "%2E%2E"}.get(quoted, quoted)


def _checked(path: str) -> str:
    pure = PurePosixPath(path)
    unfit = pure.is_absolute() or not pure.name or ".." in pure.parts or "\0" in path
    if unfit or str(pure).startswith(_RESERVED):
        raise FlowError(
            f"{path!r} cannot be the name of a file in the directory.",
            hint="A row needs a relative path without '..' in its filename_field.",
        )
    return str(pure)


def _remove(root: Path, path: str) -> None:
    """Remove a file, and the folders that it leaves empty."""
    file = root / path
    file.unlink(missing_ok=True)
    for folder in file.parents:
        if folder == root:
            return
        try:
            folder.rmdir()
        except OSError:
            # It has other files, or is gone already.
            return


register_target(Files, FilesConnector())
