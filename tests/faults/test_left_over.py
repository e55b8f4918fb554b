"""Changes that one query could not finish are finished without a second one."""

from __future__ import annotations

from pathlib import Path

from tests.daemon_process import running_daemon, wait_for
from tests.many_files import write_many
from tests.sources import write_project


def test_what_a_query_leaves_over_is_indexed_soon(tmp_path: Path) -> None:
    project = write_project(tmp_path / "shop")
    with running_daemon(tmp_path / "home", project) as daemon:
        before = daemon.wait_indexed()
        for seed in range(3):
            # Fewer than a storm, more than one query has time for; asked before they have settled.
            write_many(project / "more", 150, seed=seed)
            # The answer holds none of them, so that nothing but the query itself tells of them.
            meta, _ = daemon.query("parcels leave the warehouse every evening")
            assert meta.pending_files > 0
            wait_for(lambda: daemon.project().pending_files == 0, "an index that is up to date")
        assert daemon.project().files == before.files + 150
