"""Dry run of indexing: the files that the service's scan would index."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coco_core.quantities import byte_count, count
from coco_local.cli.connection import read_settings
from coco_local.cli.place import Place
from coco_local.scan import ProjectScan
from coco_protocol.projects import ProjectBody

__all__ = ["Preview", "preview"]

# Kinds of files that are told one by one; the others are summed up.
_KINDS_SHOWN = 8
# Left-out files that are named; all of them are counted.
_NAMED = 20


@dataclass(frozen=True, slots=True)
class Preview:
    """The files of a project as they are on disk now."""

    project: ProjectBody
    files: dict[str, int]
    """Size of each file that belongs into the index."""
    left_out: dict[str, int]
    """How many were left out, by reason."""
    named: dict[str, str]
    """Paths that one might expect in the index, with the reason why they are not."""

    def document(self) -> dict[str, Any]:
        """Return the preview as JSON."""
        return {
            "project_id": self.project.project_id,
            "root": self.project.root,
            "indexed_files": self.project.files,
            "files": [{"path": path, "size": size} for path, size in self.files.items()],
            "left_out": self.left_out,
            "named": [{"path": path, "reason": reason} for path, reason in self.named.items()],
        }

    def lines(self) -> list[str]:
        """Return the preview for people."""
        size = byte_count(sum(self.files.values()))
        lines = [
            f"{self.project.name} ({self.project.root})",
            f"{count(len(self.files), 'file')}, {size}, belong into the index; "
            f"{self.project.files:,} are in it now",
        ]
        kinds = Counter(Path(path).suffix or "(no suffix)" for path in self.files)
        shown = kinds.most_common(_KINDS_SHOWN)
        rest = len(self.files) - sum(number for _, number in shown)
        parts = [f"{kind} {number:,}" for kind, number in shown]
        parts += [f"others {rest:,}"] if rest else []
        lines += [f"  {', '.join(parts)}"] if parts else []
        for reason, number in sorted(self.left_out.items(), key=lambda item: -item[1]):
            lines.append(f"left out: {number:,} ({reason})")
        for path, reason in list(self.named.items())[:_NAMED]:
            lines.append(f"  {path}: {reason}")
        if len(self.named) > _NAMED:
            lines.append(f"  and {len(self.named) - _NAMED:,} more; all of them: --json")
        return lines


def preview(place: Place) -> Preview:
    """Scan a project as the service does."""
    scan = ProjectScan(Path(place.project.root), read_settings())
    listing = scan.list_files()
    files: dict[str, int] = {}
    left_out = Counter(listing.counts)
    for path, stat in sorted(listing.files.items()):
        decision = scan.explain(Path(path))
        if decision.indexed:
            files[path] = stat.size
        else:
            left_out[str(decision.reason)] += 1
    counted = {str(reason): number for reason, number in left_out.items()}
    return Preview(place.project, files, counted, dict(sorted(listing.skipped.items())))
