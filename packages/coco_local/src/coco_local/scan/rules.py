"""All ignore rules that apply in one directory: forced rules first, then git's."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coco_local.git.worktree import Worktree
from coco_local.scan.rulefile import Rule, RuleFile, parse_rules

__all__ = ["OWN_NAMES", "RULE_NAMES", "Rules", "outermost_rules", "own_rules"]

OWN_NAMES: Final = (".cocoignore", ".ignore")
"""Written for search tools; they bind tracked files too. The first is the stronger."""

RULE_NAMES: Final = frozenset({*OWN_NAMES, ".gitignore"})

# Never sources, and not ignored where there is no .gitignore: metadata of other version control,
# installed dependencies, bytecode. A rule with ! brings one back; a tracked file is never lost.
_BUILT_IN: Final = b"""\
.hg/
.svn/
.bzr/
.jj/
CVS/
node_modules/
bower_components/
__pycache__/
.tox/
.nox/
.mypy_cache/
.pytest_cache/
.ruff_cache/
.DS_Store
"""

# An ignore file of more than this was not written by a person.
_MAX_RULE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a directory; most directories share those of their parent."""

    settings_rules: RuleFile
    """``exclude`` and ``include`` of the settings."""
    own: tuple[tuple[RuleFile, ...], ...]
    """For each of `OWN_NAMES` the files from here upwards."""
    git: tuple[RuleFile, ...]
    """.gitignore from here upwards, info/exclude, global excludes, built-in."""

    def forced_rule(self, name: str, path: str, *, directory: bool) -> Rule | None:
        """Return the rule that binds whatever git says."""
        rule = self.settings_rules.match(name, path, directory=directory)
        if rule is not None:
            return rule
        for files in self.own:
            for file in files:
                rule = file.match(name, path, directory=directory)
                if rule is not None:
                    return rule
        return None

    def git_rule(self, name: str, path: str, *, directory: bool) -> Rule | None:
        """Return git's rule; it does not bind tracked files."""
        for file in self.git:
            rule = file.match(name, path, directory=directory)
            if rule is not None:
                return rule
        return None

    def below(self, directory: str, base: str, present: Collection[str], fold: bool) -> Rules:
        """Return the rules inside ``directory``; ``present`` are the names that may be there."""
        found = RULE_NAMES.intersection(present)
        if not found:
            return self
        read = {
            name: _load(Path(directory, name), _shown(base, name), base, fold) for name in found
        }
        own = tuple(
            _with(read.get(name), files) for name, files in zip(OWN_NAMES, self.own, strict=True)
        )
        return Rules(self.settings_rules, own, _with(read.get(".gitignore"), self.git))


def outermost_rules(
    tree: Worktree, include: Sequence[str], exclude: Sequence[str], base: str
) -> Rules:
    """Return the rules that hold before any ignore file inside the tree was read."""
    fold = tree.ignore_case
    lines = [*exclude, *(f"!{pattern}" for pattern in include)]
    settings_rules = [
        Rule(rule.pattern, rule.negated, rule.directories_only, rule.basename, f"settings: {line}")
        for line in lines
        for rule in parse_rules(os.fsencode(line), "settings")
    ]
    git = [
        _load(tree.exclude_file, ".git/info/exclude", "", fold),
        _load(tree.global_excludes, str(tree.global_excludes), "", fold),
        RuleFile(parse_rules(_BUILT_IN, "built-in"), "", ignore_case=fold),
    ]
    return Rules(
        RuleFile(settings_rules, base, ignore_case=fold),
        tuple(() for _ in OWN_NAMES),
        tuple(file for file in git if file),
    )


def own_rules(rules: Rules, tree: Worktree, base: str) -> Rules:
    """Add the ignore files of the directories from the top of the tree to the project's own."""
    parts = base.split("/") if base else []
    for count in range(len(parts) + 1):
        parent = "/".join(parts[:count])
        rules = rules.below(str(tree.top / parent), parent, RULE_NAMES, tree.ignore_case)
    return rules


def _with(file: RuleFile | None, files: tuple[RuleFile, ...]) -> tuple[RuleFile, ...]:
    return (file, *files) if file else files


def _shown(base: str, name: str) -> str:
    return f"{base}/{name}" if base else name


def _load(path: Path | None, shown: str, base: str, fold: bool) -> RuleFile:
    return RuleFile(_read(path, shown), base, ignore_case=fold)


def _read(path: Path | None, shown: str) -> list[Rule]:
    # Git refuses to follow a link from .gitignore: it could lead anywhere.
    if path is None or (path.name in RULE_NAMES and path.is_symlink()) or not path.is_file():
        return []
    try:
        with path.open("rb") as file:
            return parse_rules(file.read(_MAX_RULE_BYTES), shown)
    except OSError:
        return []
