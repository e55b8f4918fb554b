"""Who the peers are and how each is started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.peers import coco
from bench.peers.environments import Environments
from bench.peers.measure import Start
from bench.peers.peer import Driver, Peer
from coco_local.search.ripgrep import ripgrep_path

PEERS = ("coco", "coco-instant", "semble", "ccc", "bm25s", "rg")


def starter(name: str, environments: Environments, models: Path | None) -> Start:
    """Return what starts a peer; its environment and its model are made now, off the clock.

    Raises:
        SystemExit: there is no such peer, or it needs a model that was not given.
    """
    if name == "coco" and models is None:
        raise SystemExit("coco needs --models DIR; coco-instant is CoCo without a model")
    if name in {"coco", "coco-instant"}:
        return _coco(models if name == "coco" else None)
    if name == "semble":
        return _semble(environments.python("semble"), environments.static_minilm())
    if name == "ccc":
        return _ccc(environments.python("ccc"), environments.minilm())
    if name == "bm25s":
        return _bm25s(environments.python("bm25s"))
    if name == "rg":
        # It needs the standard library alone, which every environment has.
        return _ripgrep(environments.python("bm25s"))
    raise SystemExit(f"there is no peer {name!r}; there are {', '.join(PEERS)}")


def _coco(models: Path | None) -> Start:
    @contextmanager
    def start(_: Path) -> Iterator[Peer]:
        with coco.running(models) as peer:
            yield peer

    return start


def _semble(python: Path, model: Path) -> Start:
    @contextmanager
    def start(scratch: Path) -> Iterator[Peer]:
        cache = scratch / "semble"
        environ = {"SEMBLE_CACHE_LOCATION": str(cache)}
        driver = Driver("semble", python, (str(model),), environ, index=cache)
        with driver.running(scratch / "semble.log") as peer:
            yield peer

    return start


def _ccc(python: Path, model: Path) -> Start:
    @contextmanager
    def start(scratch: Path) -> Iterator[Peer]:
        # Its index lies in the project; beside it stands nothing but the project's settings.
        databases = scratch / "ccc-databases"
        environ = {
            "COCOINDEX_CODE_DIR": str(scratch / "ccc"),
            "COCOINDEX_CODE_DB_PATH_MAPPING": f"{scratch}={databases}",
        }
        driver = Driver("ccc", python, (str(model),), environ, index=databases)
        with driver.running(scratch / "ccc.log") as peer:
            yield peer

    return start


def _bm25s(python: Path) -> Start:
    @contextmanager
    def start(scratch: Path) -> Iterator[Peer]:
        index = scratch / "bm25s"
        driver = Driver("bm25s", python, (ripgrep_path(), str(index)), index=index)
        with driver.running(scratch / "bm25s.log") as peer:
            yield peer

    return start


def _ripgrep(python: Path) -> Start:
    @contextmanager
    def start(scratch: Path) -> Iterator[Peer]:
        with Driver("ripgrep", python, (ripgrep_path(),)).running(scratch / "rg.log") as peer:
            yield peer

    return start
