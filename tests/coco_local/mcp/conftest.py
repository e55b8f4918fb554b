"""A small daemon for these tests: real files, real lines, and a word count instead of an index."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from mcp.types import CallToolResult

from coco_core.errors import DocumentNotFound, PathRefused, ProjectNotFound
from coco_core.globs import compile_glob
from coco_local.api.app import create_app
from coco_local.settings import Settings, load_settings
from coco_protocol.docs import (
    ChunkBody,
    GrepData,
    GrepMatch,
    GrepRequest,
    Hit,
    HitMeta,
    OutlineData,
    OutlineSymbol,
    QueryData,
    QueryMeta,
    QueryRequest,
    ReadData,
    ReadRequest,
    RelatedRequest,
)
from coco_protocol.projects import ProjectBody, ProjectList
from coco_protocol.system import HealthData, ModelBody, QueueStats

LANGUAGES = {".py": "python", ".md": "markdown"}


class DirectoryService:
    """The daemon's reading operations over directories; whole files are the chunks."""

    def __init__(self, *roots: Path) -> None:
        self.roots = {root.name: root for root in roots}
        self.home = Path("home")
        self.pending = 0
        self.notice: str | None = None
        self.asked: list[QueryRequest] = []
        self.before_query: Callable[[], None] = lambda: None

    def health(self) -> HealthData:
        return HealthData(
            version="0.1.0",
            pid=1,
            started_at=time.time(),
            uptime_seconds=1.0,
            home=str(self.home),
            model=ModelBody(name="all-MiniLM-L6-v2", state="missing", hint="coco setup"),
            queues=QueueStats(),
            projects=len(self.roots),
        )

    def projects(self) -> ProjectList:
        return ProjectList(projects=[self._project(name) for name in sorted(self.roots)])

    def query(self, request: QueryRequest, project_id: str | None) -> tuple[QueryMeta, QueryData]:
        self.asked.append(request)
        self.before_query()
        words = re.findall(r"\w+", request.query.lower())
        return self._answer(words, request.filters.include, request, project_id)

    def related(
        self, request: RelatedRequest, project_id: str | None
    ) -> tuple[QueryMeta, QueryData]:
        text = self._file(project_id, request.doc_id or "").read_text(encoding="utf-8")
        words = re.findall(r"\w+", text.splitlines()[(request.line or 1) - 1].lower())
        return self._answer(words, request.filters.include, request, project_id)

    def outline(self, doc_id: str, project_id: str | None, path: str | None) -> OutlineData:
        file = self._file(project_id, doc_id)
        symbols = []
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            found = re.match(r"(def|class) (\w+)", line)
            if found:
                kind = "function" if found[1] == "def" else "class"
                symbols.append(
                    OutlineSymbol(
                        symbol=found[2],
                        kind=kind,
                        line=number,
                        end_line=number + 1,
                        signature=line.rstrip(":"),
                    )
                )
        return OutlineData(doc_id=doc_id, language=_language(file), symbols=symbols)

    def grep(self, request: GrepRequest, project_id: str | None) -> GrepData:
        pattern = re.compile(request.pattern if request.regex else re.escape(request.pattern))
        matches = []
        for name, file in self._files(project_id, request.include):
            lines = file.read_text(encoding="utf-8").splitlines()
            for number, line in enumerate(lines, 1):
                if pattern.search(line):
                    before = lines[max(0, number - 1 - request.context) : number - 1]
                    after = lines[number : number + request.context]
                    matches.append(
                        GrepMatch(path=name, line=number, text=line, before=before, after=after)
                    )
        return GrepData(matches=matches[: request.limit], truncated=len(matches) > request.limit)

    def read(self, request: ReadRequest, project_id: str | None) -> ReadData:
        file = self._file(project_id, request.doc_id)
        lines = file.read_text(encoding="utf-8").splitlines()
        end = min(request.end_line or len(lines), len(lines))
        return ReadData(
            doc_id=request.doc_id,
            start_line=request.start_line,
            end_line=end,
            total_lines=len(lines),
            language=_language(file),
            content="\n".join(lines[request.start_line - 1 : end]),
        )

    def _answer(
        self,
        words: list[str],
        include: list[str],
        request: QueryRequest | RelatedRequest,
        project_id: str | None,
    ) -> tuple[QueryMeta, QueryData]:
        hits = []
        for name, file in self._files(project_id, include):
            text = file.read_text(encoding="utf-8")
            score = sum(text.lower().count(word) for word in words)
            if score:
                chunk = ChunkBody(
                    chunk_id=name,
                    doc_id=name,
                    path=name,
                    start_line=1,
                    end_line=len(text.splitlines()),
                    language=_language(file),
                    kind="text",
                    symbol=file.stem,
                    content=text,
                )
                hits.append(Hit(meta=HitMeta(score=float(score)), chunk=chunk))
        hits.sort(key=lambda hit: (-hit.meta.score, hit.chunk.doc_id))
        offset, top = request.retrieval_config.offset, request.retrieval_config.top_k
        page = hits[offset : offset + top]
        more = offset + top < len(hits)
        meta = QueryMeta(
            project_id=project_id or "",
            status="stale" if self.pending else "fresh",
            pending_files=self.pending,
            notice=self.notice,
        )
        return meta, QueryData(
            results=page,
            next_offset=offset + top if more else None,
            empty_reason=None if page else "no_match",
        )

    def _project(self, name: str) -> ProjectBody:
        count = sum(1 for _ in self._files(f"id-{name}", []))
        return ProjectBody(
            project_id=f"id-{name}",
            name=name,
            root=str(self.roots[name]),
            state="ready",
            files=count,
            files_total=count,
            chunks=count,
        )

    def _files(self, project_id: str | None, include: list[str]) -> list[tuple[str, Path]]:
        root = self._root(project_id)
        found = []
        for file in sorted(path for path in root.rglob("*") if path.is_file()):
            name = file.relative_to(root).as_posix()
            if not include or any(compile_glob(g).fullmatch(name) for g in include):
                found.append((name, file))
        return found

    def _root(self, project_id: str | None) -> Path:
        for name, root in self.roots.items():
            if project_id == f"id-{name}":
                return root
        raise ProjectNotFound(f"There is no project {project_id!r}.")

    def _file(self, project_id: str | None, doc_id: str) -> Path:
        root = self._root(project_id).resolve()
        file = (root / doc_id).resolve()
        if not file.is_relative_to(root):
            raise PathRefused(f"{doc_id!r} is outside the project.")
        if not file.is_file():
            raise DocumentNotFound(
                f"There is no file {doc_id!r}.", hint="Use search or grep to find it."
            )
        return file


def _language(file: Path) -> str:
    return LANGUAGES.get(file.suffix, "text")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of three files."""
    root = tmp_path / "shop"
    (root / "src").mkdir(parents=True)
    (root / "src" / "cart.py").write_text(
        "class Cart:\n    pass\n\ndef add_item(cart, item):\n    cart.append(item)\n",
        encoding="utf-8",
    )
    (root / "src" / "pay.py").write_text("def pay(cart):\n    return sum(cart)\n", encoding="utf-8")
    (root / "README.md").write_text("# Shop\n\nPut an item into the cart.\n", encoding="utf-8")
    return root


@pytest.fixture
def service(project: Path, tmp_path: Path) -> DirectoryService:
    service = DirectoryService(project)
    service.home = tmp_path / "coco-home"
    return service


@pytest.fixture
def text_of() -> Callable[[CallToolResult], str]:
    def text(result: CallToolResult) -> str:
        assert len(result.content) == 1
        content: Any = result.content[0]
        return str(content.text)

    return text


@contextmanager
def serve(app: Any, port: int = 0) -> Iterator[str]:
    """Run an ASGI application on a (free) port of this machine and yield its address."""
    # Without the protocol named, asyncio leaves Nagle on and every answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        assert time.monotonic() < deadline, "the server did not start in time"
        thread.join(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
        assert not thread.is_alive(), "the server did not stop"


@pytest.fixture
def serving() -> Callable[..., AbstractContextManager[str]]:
    return serve


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(environ={"COCO_HOME": str(tmp_path / "coco-home")})


@pytest.fixture
def daemon_url(service: DirectoryService, settings: Settings) -> Iterator[str]:
    """The address of the whole API over the small daemon, served for real."""
    app = create_app(service, settings)  # type: ignore[arg-type]  # its reading half is enough
    with serve(app) as url:
        yield url


@pytest.fixture
def http_url(daemon_url: str) -> str:
    return f"{daemon_url}/mcp"
