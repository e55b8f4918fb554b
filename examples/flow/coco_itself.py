"""Feed CoCo with CoCo: its documentation and the history of its commits.

    coco-flow update examples/flow/coco_itself.py                into the local daemon (coco start)
    TARGET=server coco-flow update examples/flow/coco_itself.py  into a server (COCO, COCO_KEY)

Then `coco query --project coco-itself "why is a lease fenced?"` answers from both. Run the update
again after a commit: only the new commit and the edited pages are written.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import coco_flow
from coco_flow import op, sources, targets

REPOSITORY = Path(os.environ.get("REPOSITORY", Path(__file__).resolve().parents[2]))
PROJECT = os.environ.get("PROJECT", "coco-itself")


@op.function(behavior_version=1)
def page_title(content: str, filename: str) -> str:
    """Return a page's first heading, or its path."""
    headings = (line[2:].strip() for line in content.splitlines() if line.startswith("# "))
    return next(headings, filename)


@op.function(behavior_version=1)
def commit_path(hash: str, committed_at: datetime) -> str:
    """Return the path of a commit's page: by year, so that no folder grows without limit."""
    return f"commits/{committed_at.year}/{hash[:12]}.md"


@op.function(behavior_version=1)
def commit_page(subject: str, body: str, files: dict[str, dict[str, Any]]) -> str:
    """Return a commit as a page: what it says, and what it touched."""
    touched = "\n".join(f"- `{path}`" for path in list(files)[:50])
    return f"# {subject}\n\n{body}\n\n## Files\n\n{touched}\n"


@coco_flow.flow_def(name="CocoItself")
def flow(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
    """Collect pages and commits as documents of one project."""
    documents = scope.add_collector()
    scope["pages"] = builder.add_source(
        sources.LocalFile(
            path=str(REPOSITORY), included_patterns=["*.md"], excluded_patterns=["**/.*"]
        )
    )
    with scope["pages"].row() as page:
        page["title"] = page["content"].transform(page_title, page["filename"])
        documents.collect(path=page["filename"], title=page["title"], content=page["content"])
    scope["commits"] = builder.add_source(sources.GitCommits(path=str(REPOSITORY)))
    with scope["commits"].row() as commit:
        commit["path"] = commit["hash"].transform(commit_path, commit["committed_at"])
        commit["page"] = commit["subject"].transform(commit_page, commit["body"], commit["files"])
        documents.collect(path=commit["path"], title=commit["subject"], content=commit["page"])
    target = (
        targets.CocoServer(project=PROJECT)
        if os.environ.get("TARGET") == "server"
        else targets.CocoLocal(project=PROJECT)
    )
    documents.export("documents", target, primary_key_fields=["path"])
