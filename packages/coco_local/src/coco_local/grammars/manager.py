"""Grammar manager: fetches a grammar when its language is first seen, and has files chunked again.

The grammars that a project was last chunked with are kept in ``applied.json``, so that neither a
crash nor an install while the daemon was down leaves files in old chunks.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from coco_core.errors import CocoError, Unavailable
from coco_core.languages import grammars
from coco_local.grammars.provider import GrammarProvider
from coco_local.grammars.store import GrammarStore
from coco_local.monitoring.activity import Activity
from coco_local.settings import Settings
from coco_protocol.system import GrammarBody

__all__ = ["GrammarManager"]

if TYPE_CHECKING:
    from coco_embed.progress import Progress
    from coco_local.indexing.indexer import ProjectIndexer

log = structlog.get_logger(__name__)

# How often the folder is looked at: `coco grammar install` works beside the daemon.
_LOOK_SECONDS = 2.0

# While files are being chunked again, or a project is still being loaded.
_BUSY_SECONDS = 0.25


class GrammarManager:
    """One thread that installs what is missing and brings projects up to date with it."""

    def __init__(
        self,
        settings: Settings,
        activity: Activity,
        projects: Callable[[], Sequence[ProjectIndexer]],
    ) -> None:
        self._settings = settings
        self._activity = activity
        self._projects = projects
        self._store = GrammarStore(settings.home.grammars)
        self._stamp = self._store.stamp()
        self._provider = GrammarProvider(
            self._store, on_missing=self._on_missing, on_failure=self._on_failure
        )
        self._applied_path = self._store.root / "applied.json"
        self._applied = _read(self._applied_path)
        self._pending: dict[str, dict[str, str]] = {}
        self._condition = threading.Condition()
        self._wanted: list[str] = []
        self._bodies: dict[str, GrammarBody] = {}
        self._logged: set[tuple[str, str]] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="coco-grammars", daemon=True)

    def start(self) -> None:
        """Offer the installed grammars to the chunker, and begin to look after them."""
        for project in self._projects():
            # Known from before, and never chunked with any grammar.
            self._applied.setdefault(project.index.index_id, {})
        grammars.register(self._provider)
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Give up a download that is under way."""
        self._stopping.set()
        with self._condition:
            self._condition.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout)
        grammars.unregister(self._provider)

    def bodies(self) -> list[GrammarBody]:
        """Return the state of every grammar that is installed, wanted or failing."""
        installed = {
            name: GrammarBody(
                language=name, state="installed", version=record.version, source=record.source
            )
            for name, record in self._provider.records.items()
        }
        with self._condition:
            return [body for _, body in sorted({**installed, **self._bodies}.items())]

    # --- called by the chunker -----------------------------------------------------------------

    def _on_missing(self, language: str) -> None:
        """Called with a language that is seen for the first time, in the middle of indexing."""
        with self._condition:
            if language in self._bodies:
                return
            if self._settings.offline or not self._settings.grammar_fetch:
                why = "COCO_OFFLINE" if self._settings.offline else "grammar_fetch"
                self._bodies[language] = GrammarBody(
                    language=language,
                    state="missing",
                    detail=f"{why} forbids fetching it; its files are chunked as text",
                )
                return
            self._bodies[language] = GrammarBody(language=language, state="waiting")
            self._wanted.append(language)
            self._condition.notify_all()

    def _on_failure(self, language: str, error: CocoError) -> None:
        """Called when a grammar failed on a file, which was chunked as text."""
        with self._condition:
            self._bodies[language] = GrammarBody(
                language=language, state="failing", detail=error.message
            )
            known = (language, error.message) in self._logged
            self._logged.add((language, error.message))
        if not known:
            self._activity.log("warning", f"{error.message} The file is chunked as text.")

    # --- the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            language = self._next()
            if language is not None:
                self._install(language)
            self._take_up()
            busy = self._bring_up_to_date()
            with self._condition:
                if not self._wanted and not self._stopping.is_set():
                    self._condition.wait(_BUSY_SECONDS if busy else _LOOK_SECONDS)

    def _next(self) -> str | None:
        with self._condition:
            return self._wanted.pop(0) if self._wanted else None

    def _install(self, language: str) -> None:
        # Archives, child processes and HTTP: nothing that a start should wait for.
        from coco_local.grammars.installer import Installer, InstallRequest

        self._activity.log("info", f"fetching the grammar of {language}")
        installer = Installer(self._store, self._settings.grammar_source)
        try:
            record = installer.install(
                InstallRequest(language),
                on_progress=lambda progress: self._on_progress(language, progress),
                cancelled=self._stopping.is_set,
            )
        except Unavailable as error:
            if not self._stopping.is_set():
                self._report_missing(language, error)
        except CocoError as error:
            self._report_missing(language, error)
        except OSError as error:  # a full disk must not end the thread
            log.exception("grammar_install_failed")
            self._report_missing(language, Unavailable(f"The grammar cannot be kept: {error}."))
        else:
            with self._condition:
                self._bodies.pop(language, None)
            self._activity.log("info", f"the grammar of {language} {record.version} is installed")

    def _on_progress(self, language: str, progress: Progress) -> None:
        share = None
        if progress.stage == "download" and progress.total_bytes:
            share = min(1.0, progress.done_bytes / progress.total_bytes)
        body = GrammarBody(
            language=language, state="fetching", source=progress.source, progress=share
        )
        with self._condition:
            self._bodies[language] = body

    def _report_missing(self, language: str, error: CocoError) -> None:
        log.warning("grammar_missing", language=language, reason=error.message)
        self._activity.log("warning", str(error))
        with self._condition:
            self._bodies[language] = GrammarBody(
                language=language, state="missing", detail=error.message
            )

    def _take_up(self) -> None:
        """Use what was installed or removed since the last look."""
        stamp = self._store.stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        changed = self._provider.reload()
        with self._condition:
            for language in changed:
                self._bodies.pop(language, None)
        grammars.forget(*changed)

    def _bring_up_to_date(self) -> bool:
        """Let projects chunk files again whose grammar changed; True while there is such work."""
        wanted = {
            name: f"{record.sha256}@{record.installed_at}"
            for name, record in self._provider.records.items()
        }
        busy = False
        for project in self._projects():
            if not project.backlog.wait_scanned(0):
                busy = True
                continue
            index_id = project.index.index_id
            if index_id not in self._applied:
                # It came later, and was chunked with what there was.
                self._applied[index_id] = wanted
                self._keep_applied()
            before = self._pending.get(index_id, self._applied[index_id])
            if before != wanted:
                names = before.keys() | wanted.keys()
                stale = {name for name in names if before.get(name) != wanted.get(name)}
                self._pending[index_id] = wanted
                project.backlog.report_stale(project.files.rechunk(stale))
                busy = True
            elif index_id in self._pending and project.files.rechunking:
                busy = True
            elif index_id in self._pending:
                self._applied[index_id] = self._pending.pop(index_id)
                self._keep_applied()
        return busy

    def _keep_applied(self) -> None:
        if not self._provider.records and not self._applied_path.exists():
            return
        known = {project.index.index_id for project in self._projects()}
        applied = {index: versions for index, versions in self._applied.items() if index in known}
        scratch = self._applied_path.with_suffix(".tmp")
        try:
            scratch.write_text(json.dumps(applied), encoding="utf-8")
            scratch.replace(self._applied_path)
        except OSError as error:
            log.warning("grammars_applied_not_kept", reason=str(error))


def _read(path: Path) -> dict[str, dict[str, str]]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(index): {str(name): str(version) for name, version in applied.items()}
            for index, applied in data.items()
        }
    except (OSError, ValueError, AttributeError):
        # Nothing is lost: the files are chunked once more.
        return {}
