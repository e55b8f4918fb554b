"""Parsed files: what code intelligence knows of a project's files as they are on disk now."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection

from coco_core.code import Modules, Unit, family_of, modules_of, parse_unit
from coco_local.source.reader import SourceReader

__all__ = ["DiskSources", "ParsedFiles"]

# A tree takes about thirty times its source: this much source is about 60 MB.
_MOST_BYTES = 2 * 1024 * 1024


class ParsedFiles:
    """Parsed files of all projects, the last used ones; thread-safe.

    A file counts as unchanged only if its bytes are: an editor can save twice within one tick of
    a file system's clock.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._lock = threading.Lock()
        self._most_bytes = most_bytes
        self._bytes = 0
        self._units: OrderedDict[tuple[str, str], tuple[bytes, Unit | None]] = OrderedDict()
        self._modules: dict[tuple[str, str], tuple[frozenset[str], tuple[bytes, ...], Modules]] = {}

    def parsed(self, project_id: str, path: str, data: bytes) -> Unit | None:
        """Return the parsed file, parsed now unless its bytes are the last ones."""
        key = project_id, path
        with self._lock:
            known = self._units.get(key)
            if known is not None and known[0] == data:
                self._units.move_to_end(key)
                return known[1]
        unit = parse_unit(path, data)
        with self._lock:
            before = self._units.pop(key, None)
            self._bytes += len(data) - (len(before[0]) if before is not None else 0)
            self._units[key] = data, unit
            while self._bytes > self._most_bytes and len(self._units) > 1:
                _, (old, _) = self._units.popitem(last=False)
                self._bytes -= len(old)
        return unit

    def modules(
        self,
        project_id: str,
        family: str,
        files: frozenset[str],
        read: Callable[[str], bytes],
    ) -> Modules:
        """Return what resolves imports among these files."""
        key = project_id, family
        known = self._modules.get(key)
        if known is not None and known[0] == files:
            configs = tuple(read(name) for name in known[2].configs)
            if configs == known[1]:
                return known[2]
        modules = modules_of(family, files, read)
        self._modules[key] = files, tuple(read(name) for name in modules.configs), modules
        return modules


class DiskSources:
    """The files of one project for one answer: each is read at most once."""

    def __init__(
        self, parsed: ParsedFiles, project_id: str, reader: SourceReader, files: Collection[str]
    ) -> None:
        self._parsed = parsed
        self._project_id = project_id
        self._reader = reader
        self.files = frozenset(files)
        self._data: dict[str, bytes] = {}
        self._units: dict[str, Unit | None] = {}
        self._modules: dict[str, Modules] = {}

    def data(self, path: str) -> bytes:
        """Return a file's bytes; nothing for one that is gone or no part of the project."""
        known = self._data.get(path)
        if known is None:
            file = self._reader.open(path, "") if path in self.files else None
            known = self._data[path] = file.data if file is not None else b""
        return known

    def unit(self, path: str) -> Unit | None:
        """Return the parsed file; None when it is gone or no code that can be parsed."""
        if path not in self._units:
            data = self.data(path)
            self._units[path] = self._parsed.parsed(self._project_id, path, data) if data else None
        return self._units[path]

    def modules(self, language: str) -> Modules:
        """Return what resolves the imports of a language."""
        family = family_of(language)
        known = self._modules.get(family)
        if known is None:
            known = self._modules[family] = self._parsed.modules(
                self._project_id, family, self.files, self.data
            )
        return known

    def holds(self, path: str, name: str) -> bool:
        """Whether a name stands in a file's bytes; those of UTF-16 count as holding it."""
        data = self.data(path)
        return name.encode("utf-8", "surrogatepass") in data or data[:2] in {
            b"\xff\xfe",
            b"\xfe\xff",
        }
