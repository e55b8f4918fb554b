"""Kill updates at random moments, many times, for each kind of target.

Run: python -m bench.flow.kills [--kills 40] [--kinds sqlite files lancedb postgres qdrant]
     [--state sqlite|postgres] [--seed N]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.coco_flow.engine.killed_flow import TARGET_KINDS
from tests.flow_kills import kill_updates


@contextmanager
def targets_of(kind: str, folder: Path) -> Iterator[Callable[[str], str]]:
    """Yield what makes an empty target of a name."""
    if kind == "postgres":
        from tests.postgres_server import running_postgres

        server = running_postgres()
        yield lambda name: server.create_database(f"kill_{name}_{folder.name}".lower())
    elif kind == "qdrant":
        from tests.qdrant_server import qdrant_server

        with qdrant_server() as url:
            yield lambda name: f"{url}|{name}"
    else:
        suffix = {"sqlite": ".db", "files": "_files", "lancedb": "_lance"}[kind]
        yield lambda name: str(folder / f"{name}{suffix}")


def _state_database(place: str, name: str) -> str:
    from tests.postgres_server import running_postgres

    return running_postgres().create_database(f"state_{name}_{place}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=40, help="for each kind of target")
    parser.add_argument("--files", type=int, default=120)
    parser.add_argument("--kinds", nargs="+", default=list(TARGET_KINDS))
    parser.add_argument("--state", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for kind in options.kinds:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            targets = folder / "targets"
            targets.mkdir()
            state = None
            if options.state == "postgres":
                place = f"{kind}_{folder.name}".lower()
                state = partial(_state_database, place)

            with targets_of(kind, targets) as new_target:
                report = kill_updates(
                    folder,
                    kind,
                    kills=options.kills,
                    files=options.files,
                    seed=options.seed,
                    new_target=new_target,
                    state=state,
                )
        print(
            f"{kind}: {report.kills} kills ({report.staged} left rows staged; "
            f"{report.ended_before} updates ended before), {len(report.differences)} differences"
        )
        for line in report.differences[:10]:
            print("  ", line)


if __name__ == "__main__":
    main()
