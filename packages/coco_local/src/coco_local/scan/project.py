"""Project scan: lists all files, or decides about one path by the same rules."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from coco_core.errors import InvalidConfig
from coco_local.git.worktree import (
    BARE_NAMES,
    Tracked,
    Worktree,
    find_worktree,
    is_repository,
    read_tracked,
)
from coco_local.scan.content import refuse_content
from coco_local.scan.entry import PathEntry, is_junction, is_unicode
from coco_local.scan.kinds import refuse_noise
from coco_local.scan.listing import FileStat, Listing, pass_by
from coco_local.scan.reasons import Decision, Reason
from coco_local.scan.rulefile import Rule
from coco_local.scan.rules import RULE_NAMES, Rules, outermost_rules, own_rules
from coco_local.scan.secrets import JUDGED_BYTES, refuse_secret_file
from coco_local.settings import PROJECT_FILE, Settings, for_project

__all__ = ["ProjectScan"]

# Left by `python -m venv` and its kin in the directory that they fill with other people's code.
_ENVIRONMENT_MARK = "pyvenv.cfg"


class _Directory(NamedTuple):
    """A directory that is looked into."""

    doc: str
    """Relative to the project, with a slash at the end, ``""`` for its root."""
    path: str
    """Relative to the top of the work tree, likewise."""
    rules: Rules
    hidden: Rule | None = None
    """Git ignores the directory by this rule: only what is tracked counts."""


class _RuleResult(NamedTuple):
    excluded: bool
    rule: Rule | None
    requested: bool = False
    """A rule that binds whatever git says asks for it."""


@dataclass(slots=True)
class _ScanContext:
    """Everything that was read before the first directory is opened."""

    settings: Settings
    tree: Worktree
    folder: _Directory
    home: str | None
    """CoCo's own directory, when it lies in the project."""
    problem: str | None
    folders: dict[str, tuple[tuple[int, int, int], _Directory | Decision]] = field(
        default_factory=dict
    )


class ProjectScan:
    """Says which files below ``root`` are indexed."""

    def __init__(
        self,
        root: Path,
        settings: Settings,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.root = root
        self._prefix = str(root).rstrip(os.sep) + os.sep
        self._given = settings
        self._environ = os.environ if environ is None else environ
        self._lock = threading.Lock()
        self._context: _ScanContext | None = None
        self._tracked_read: tuple[object, Tracked] | None = None
        self._tracked_then: frozenset[str] = frozenset()

    # --- what is known -------------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """The settings with what the project's own file says."""
        return self._ready().settings

    @property
    def problem(self) -> str | None:
        """What is wrong with the project's own settings; the daemon's hold meanwhile."""
        return self._ready().problem

    def refresh(self) -> None:
        """Forget what was read from ignore files, git and the project's settings."""
        with self._lock:
            self._context = None

    def is_rule_file(self, path: Path) -> bool:
        """Tell whether a change of this file can change what is indexed."""
        if path.name in RULE_NAMES or (path.name == PROJECT_FILE and path.parent == self.root):
            return True
        tree = self._ready().tree
        if path == tree.index:
            # What is tracked in an ignored directory is indexed, and the directory watched.
            return not self._tracked().directories <= self._tracked_then
        return path in {tree.exclude_file, tree.global_excludes}

    # --- all files -----------------------------------------------------------------------------

    def list_files(self, enter: Callable[[Path], object] = pass_by) -> Listing:
        """Walk the project with fresh rules; what cannot be read is counted, never raised.

        ``enter`` is called with each directory before it is looked into.
        """
        self.refresh()
        context = self._ready()
        listing = Listing()
        self._tracked_then = self._tracked().directories
        self._walk(context, context.folder, listing, enter)
        return listing

    def list_below(self, directory: Path, enter: Callable[[Path], object] = pass_by) -> Listing:
        """Walk one directory and everything below it."""
        context = self._ready()
        doc = self._doc(directory)
        found = self._find(context, doc) if doc else context.folder
        listing = Listing()
        if doc is not None and not isinstance(found, Decision):
            self._walk(context, found, listing, enter)
        return listing

    def _walk(
        self,
        context: _ScanContext,
        start: _Directory,
        listing: Listing,
        enter: Callable[[Path], object],
    ) -> None:
        stack = [start]
        while stack:
            folder = stack.pop()
            directory = self._prefix + folder.doc
            enter(Path(directory))
            try:
                with os.scandir(directory) as entries:
                    found = {entry.name: entry for entry in entries}
            except FileNotFoundError:
                continue
            except OSError:
                listing.leave_out(folder.doc, Reason.UNREADABLE)
                continue
            inside = self._inside(context, folder, directory, found) if folder.doc else folder
            if isinstance(inside, Decision):
                listing.leave_out(folder.doc, inside.reason)
                continue
            for name, entry in found.items():
                if name == ".git":
                    continue
                try:
                    if entry.is_dir(follow_symlinks=False) and not is_junction(entry):
                        child = self._child(context, inside, name)
                        if isinstance(child, _Directory):
                            stack.append(child)
                            continue
                        reason: str = child.reason
                    else:
                        file = self._file(context, inside, name, entry)
                        if isinstance(file, FileStat):
                            listing.files[file.doc_id] = file
                            continue
                        reason = file.reason
                except FileNotFoundError:
                    continue
                except OSError:
                    reason = Reason.UNREADABLE
                listing.leave_out(inside.doc + name, reason)

    # --- one path ------------------------------------------------------------------------------

    def decide(self, path: Path) -> Decision:
        """Decide whether a path is indexed, from its name and its place.

        It opens only a file that is called like one with secrets.
        """
        doc = self._doc(path)
        if doc is None:
            return Decision(False, Reason.OUTSIDE)
        if not doc:
            return Decision(False, Reason.DIRECTORY)
        context = self._ready()
        parent, _, name = doc.rpartition("/")
        found = self._find(context, parent) if parent else context.folder
        if isinstance(found, Decision):
            return found
        if name == ".git":
            return Decision(False, Reason.GIT)
        entry = PathEntry(self._prefix + doc)
        try:
            if entry.is_dir():
                child = self._find(context, doc)
                return Decision(False, Reason.DIRECTORY) if isinstance(child, _Directory) else child
            file = self._file(context, found, name, entry)
        except (FileNotFoundError, NotADirectoryError):
            return Decision(False, Reason.MISSING)
        except OSError:
            return Decision(False, Reason.UNREADABLE)
        return file if isinstance(file, Decision) else Decision(True, Reason.INDEXED)

    def explain(self, path: Path) -> Decision:
        """Decide as an indexer does that has also seen the head of the file."""
        decision = self.decide(path)
        if not decision.indexed:
            return decision
        try:
            with (self.root / path).open("rb") as file:
                reason = refuse_content(path.name, file.read(JUDGED_BYTES))
        except OSError as error:
            return Decision(False, Reason.UNREADABLE, error.strerror)
        return Decision(False, reason) if reason is not None else decision

    def _doc(self, path: Path) -> str | None:
        """Return the path relative to the project, None when outside; links are not followed."""
        given = os.fspath(path)
        text = os.path.normpath(given if path.is_absolute() else self._prefix + given)
        if text == os.fspath(self.root):
            return ""
        if not text.startswith(self._prefix):
            return None
        return text[len(self._prefix) :].replace(os.sep, "/")

    def _find(self, context: _ScanContext, doc: str) -> _Directory | Decision:
        """Go down to a directory, through the same checks as a walk."""
        folder = context.folder
        for name in doc.split("/"):
            if name == ".git":
                return Decision(False, Reason.GIT)
            directory = self._prefix + folder.doc + name
            try:
                status = os.lstat(directory)
            except OSError:
                return Decision(False, Reason.MISSING)
            if stat.S_ISLNK(status.st_mode):
                return self._link(directory)
            if not stat.S_ISDIR(status.st_mode):
                return Decision(False, Reason.MISSING)
            # A file that comes or goes changes its directory's time: rules, .git, pyvenv.cfg.
            signature = (status.st_dev, status.st_ino, status.st_mtime_ns)
            key = folder.doc + name
            known = context.folders.get(key)
            if known is None or known[0] != signature:
                entered = self._child(context, folder, name)
                if isinstance(entered, _Directory):
                    entered = self._inside(context, entered, directory, _here(directory))
                known = context.folders[key] = (signature, entered)
            if isinstance(known[1], Decision):
                return known[1]
            folder = known[1]
        return folder

    # --- the checks ----------------------------------------------------------------------------

    def _apply_rules(self, folder: _Directory, name: str, *, directory: bool) -> _RuleResult:
        path = folder.path + name
        forced = folder.rules.forced_rule(name, path, directory=directory)
        if forced is not None and not forced.negated:
            return _RuleResult(True, forced)
        ignoring = folder.hidden
        if ignoring is None:
            if forced is not None:
                return _RuleResult(False, forced, requested=True)
            ignoring = folder.rules.git_rule(name, path, directory=directory)
            if ignoring is None or ignoring.negated:
                return _RuleResult(False, None)
        tracked = self._tracked()
        known = path in (tracked.directories if directory else tracked.files)
        return _RuleResult(not known, ignoring)

    def _child(self, context: _ScanContext, folder: _Directory, name: str) -> _Directory | Decision:
        """Decide about a directory by its name and its place."""
        doc = folder.doc + name
        if doc == context.home:
            return Decision(False, Reason.HOME)
        result = self._apply_rules(folder, name, directory=True)
        rule = result.rule
        if result.excluded:
            return Decision(False, Reason.IGNORED, rule.origin if rule else None)
        if not is_unicode(name):
            return Decision(False, Reason.NAME)
        hidden = None if rule is None or rule.negated else rule
        return _Directory(doc + "/", folder.path + name + "/", folder.rules, hidden)

    def _inside(
        self, context: _ScanContext, folder: _Directory, directory: str, present: Collection[str]
    ) -> _Directory | Decision:
        """Decide about a directory by what is in it, and add its own rules."""
        if ".git" in present and is_repository(Path(directory, ".git")):
            return Decision(False, Reason.REPOSITORY)
        path = folder.path.removesuffix("/")
        foreign = None
        if _ENVIRONMENT_MARK in present:
            foreign = Reason.ENVIRONMENT
        elif all(name in present for name in BARE_NAMES):
            foreign = Reason.GIT
        if foreign is not None and path not in self._tracked().directories:
            return Decision(False, foreign)
        rules = folder.rules.below(directory, path, present, context.tree.ignore_case)
        return folder if rules is folder.rules else folder._replace(rules=rules)

    def _file(
        self,
        context: _ScanContext,
        folder: _Directory,
        name: str,
        entry: os.DirEntry[str] | PathEntry,
    ) -> FileStat | Decision:
        result = self._apply_rules(folder, name, directory=False)
        if result.excluded:
            return Decision(
                False, Reason.IGNORED, result.rule.origin if result.rule is not None else None
            )
        if not is_unicode(name):
            return Decision(False, Reason.NAME)
        if entry.is_symlink() or is_junction(entry):
            return self._link(entry.path)
        status = entry.stat(follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            return Decision(False, Reason.SPECIAL)
        refused = refuse_secret_file(entry.path, name)
        if refused is None and not result.requested:
            refused = refuse_noise(name)
        if refused is None and status.st_size > context.settings.max_file_bytes:
            refused = Reason.TOO_LARGE
        if refused is not None:
            return Decision(False, refused)
        return FileStat(folder.doc + name, status.st_size, status.st_mtime_ns)

    def _link(self, path: str) -> Decision:
        target = os.path.realpath(path)
        root = os.path.realpath(self.root)
        inside = target == root or target.startswith(root.rstrip(os.sep) + os.sep)
        return Decision(False, Reason.LINK_IN if inside else Reason.LINK_OUT)

    # --- reading -------------------------------------------------------------------------------

    def _ready(self) -> _ScanContext:
        with self._lock:
            if self._context is None:
                self._context = self._read()
            return self._context

    def _read(self) -> _ScanContext:
        problem = None
        try:
            settings = for_project(self._given, self.root)
        except InvalidConfig as error:
            settings, problem = self._given, str(error)
        tree = find_worktree(self.root, self._environ)
        below = self.root.relative_to(tree.top).as_posix()
        base = "" if below == "." else below
        rules = outermost_rules(tree, settings.include, settings.exclude, base)
        rules = own_rules(rules, tree, base)
        folder = _Directory("", f"{base}/" if base else "", rules)
        return _ScanContext(settings, tree, folder, self._doc(self._given.home.root), problem)

    def _tracked(self) -> Tracked:
        """Return what git tracks, read again when the index was written."""
        tree = self._ready().tree
        try:
            status = tree.index.stat() if tree.index is not None else None
        except OSError:
            status = None
        signature = status and (status.st_mtime_ns, status.st_size, status.st_ino)
        read = self._tracked_read
        if read is None or read[0] != (tree.index, signature):
            read = ((tree.index, signature), Tracked.of(read_tracked(tree) if status else set()))
            self._tracked_read = read
        return read[1]


def _here(directory: str) -> list[str]:
    names = (".git", _ENVIRONMENT_MARK, *BARE_NAMES, *RULE_NAMES)
    return [name for name in names if os.path.lexists(f"{directory}/{name}")]
