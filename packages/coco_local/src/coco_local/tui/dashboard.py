"""Main screen: panels of the daemon's activity, or search results and code."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Input, OptionList, Static

from coco_local.tui.actions import AppActions
from coco_local.tui.choice import first_choice
from coco_local.tui.dialogs import ImportDialog, PickDialog
from coco_local.tui.found import Found
from coco_local.tui.help import HelpDialog
from coco_local.tui.history import History
from coco_local.tui.lookup import LookupKind
from coco_local.tui.messages import ConnectionLost, DaemonStatus, ProjectChosen, StatusArrived
from coco_local.tui.panels.embedding import Embedding, EmbeddingState
from coco_local.tui.panels.files import Files
from coco_local.tui.panels.latency import Latency
from coco_local.tui.panels.log import Log
from coco_local.tui.panels.machine import Machine
from coco_local.tui.panels.project_state import ProjectsState
from coco_local.tui.panels.projects import Projects
from coco_local.tui.panels.queries import Queries
from coco_local.tui.search import SearchView
from coco_local.tui.search_box import SearchBox, SearchInput
from coco_local.tui.status import Banner, TopBar
from coco_protocol.projects import ProjectBody

__all__ = ["DashboardScreen"]

# AppActions on a letter: while a query is typed the letter belongs to it.
_LETTERS = {"pick", "rescan", "import", "view", "log", "help", "theme", "close", "search"}
# Time to read why the repository around the user is not the one that is searched, and the remedy.
_PROBLEM_SECONDS = 30.0
# Actions on what the search lists.
_SEARCHING = {"switch_kind", "look_from", "copy_place", "pick_anywhere", "leave"}
# What the lower left shows in turn where there is room for one panel only.
_VIEWS = ("files", "queries", "log")


class DashboardScreen(Screen[bool]):
    """Spreads what arrives over the panels and turns keys into actions."""

    AUTO_FOCUS = "#projects"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", key_display="/"),
        Binding("p", "pick", "Project"),
        Binding("r", "rescan", "Rescan"),
        Binding("i", "import", "Import"),
        Binding("v", "view", "View"),
        Binding("l", "log", "Log"),
        Binding("t", "theme", "Theme", show=False),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("q", "close", "Quit"),
        Binding("f1", "help_anywhere", "Help", show=False),
        Binding("ctrl+t", "switch_kind", "Text"),
        Binding("ctrl+r", "look_from('related')", "Related"),
        Binding("ctrl+o", "look_from('symbols')", "Symbols"),
        Binding("ctrl+g", "look_from('uses')", "Uses"),
        Binding("ctrl+y", "copy_place", "Copy", show=False),
        Binding("ctrl+p", "pick_anywhere", "Project"),
        Binding("escape", "leave", "Back", key_display="Esc"),
        Binding("tab", "app.focus_next", "Next", show=False),
        Binding("shift+tab", "app.focus_previous", "Previous", show=False),
    ]

    def __init__(self, address: str, actions: AppActions, place: Path) -> None:
        """Take the daemon's address, what the keys do, and where the user works."""
        super().__init__()
        self._place = place
        self._address = address
        self._actions = actions
        self._history = History()
        self._projects: tuple[ProjectBody, ...] = ()
        self._chosen: str | None = None
        self._problem: str | None = None
        self._view = _VIEWS[0]

    def compose(self) -> ComposeResult:
        """All panels; the style sheet arranges them by the size of the terminal."""
        yield TopBar(self._address, id="top")
        yield Banner(id="banner")
        yield SearchBox(id="search-box")
        with Container(id="board"):
            with Horizontal(id="upper"):
                yield Projects(id="projects")
                with Vertical(id="figures"):
                    yield Latency(id="latency")
                    yield Embedding(id="embedding")
                    yield Machine(id="machine")
            with Horizontal(id="recent"):
                yield Files(id="files")
                yield Queries(id="queries")
            yield Log(id="log")
        yield SearchView(self._actions.client, id="search")
        yield Static(id="offline")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Letters are actions until one turns to the search box."""
        self.add_class(f"-view-{self._view}", "-waiting")

    @on(StatusArrived)
    def _show_status(self, event: StatusArrived) -> None:
        status = event.status
        stats = status.stats
        self.remove_class("-waiting", "-stale")
        self._show_projects(status.projects)
        self._history.add(stats)
        self.query_one(TopBar).online(stats.health)
        self.query_one(Banner).model(stats.health.model)
        self.query_one(Banner).grammars(stats.grammars)
        self.query_one(Latency).show(stats.latency)
        self.query_one(Embedding).show(_embedding(status))
        self.query_one(Machine).show(self._history.machine(stats))
        self.query_one(Files).show(tuple(stats.recent_files))
        self.query_one(Queries).show(tuple(stats.recent_queries))
        self.query_one(Log).show(stats.log)

    @on(ConnectionLost)
    def _show_loss(self, event: ConnectionLost) -> None:
        self.query_one(TopBar).offline()
        if self.has_class("-waiting"):
            self.add_class("-offline")
            self.query_one("#offline", Static).update(_offline(self._address, event))
        else:
            self.add_class("-stale")
            self.query_one(Banner).lost(event.reason, event.hint)

    def _show_projects(self, projects: tuple[ProjectBody, ...]) -> None:
        self.remove_class("-offline")
        self._projects = projects
        if self._chosen not in {project.project_id for project in projects}:
            chosen, problem = first_choice(projects, self._place)
            if problem and problem != self._problem:
                self.notify(problem, severity="warning", timeout=_PROBLEM_SECONDS, markup=False)
            self._problem = problem
            self._choose(chosen.project_id if chosen else None)
        self.query_one(Projects).show(ProjectsState(projects, self._chosen))

    @property
    def chosen(self) -> ProjectBody | None:
        """The project that searches and rescans go to."""
        return next((p for p in self._projects if p.project_id == self._chosen), None)

    def _choose(self, project_id: str | None) -> None:
        self._chosen = project_id
        self.query_one(Projects).show(ProjectsState(self._projects, project_id))
        self._show_scope()
        if self.has_class("-searching"):
            self._ask()

    def _show_scope(self) -> None:
        kind = self.query_one(SearchView).typed_kind
        self.query_one(SearchBox).scope(self.chosen.name if self.chosen else None, kind)

    @on(ProjectChosen)
    def _follow_cursor(self, event: ProjectChosen) -> None:
        self._choose(event.project_id)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys that would not act now, so that the footer is right."""
        typing = isinstance(self.focused, Input)
        searching = self.has_class("-searching")
        if action in _LETTERS and typing:
            return False
        if action in _SEARCHING:
            return searching or self.has_class("-log") if action == "leave" else searching
        board = not searching and not self.has_class("-log")
        if action == "view":
            return self.has_class("-narrow") and board
        if action in ("rescan", "import", "pick"):
            return board
        if action == "log":
            return not searching
        return super().check_action(action, parameters)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Show search as soon as its box has the focus."""
        if isinstance(event.widget, SearchInput) and not self.has_class("-searching"):
            self.remove_class("-log")
            self.add_class("-searching")
            self._ask()
        self.refresh_bindings()

    def action_search(self) -> None:
        """Turn to the search box."""
        self.query_one(SearchInput).focus()

    def action_leave(self) -> None:
        """From places like one, or symbols, to the results; from these or the log to the board."""
        if self.has_class("-searching") and self.query_one(SearchView).back():
            return
        self.remove_class("-log", "-searching")
        self.query_one(SearchInput).clear()
        self.query_one(Projects).focus()
        self.refresh_bindings()

    def action_view(self) -> None:
        """Show the next panel in the place that several share."""
        following = _VIEWS[(_VIEWS.index(self._view) + 1) % len(_VIEWS)]
        self.remove_class(f"-view-{self._view}").add_class(f"-view-{following}")
        self._view = following

    def action_log(self) -> None:
        """Give the log all the room, or take it back."""
        if self.has_class("-log"):
            self.action_leave()
            return
        self.add_class("-log")
        self.query_one(Log).focus()
        self.refresh_bindings()

    def action_theme(self) -> None:
        """Light or dark."""
        self._actions.switch_theme()

    def action_help(self) -> None:
        """All keys."""
        self.app.push_screen(HelpDialog())

    def action_help_anywhere(self) -> None:
        """The same while a query is typed."""
        self.action_help()

    def action_close(self) -> None:
        """Close the dashboard."""
        self._actions.action_close()

    def action_rescan(self) -> None:
        """Look for changes that the watcher missed."""
        if self.chosen is None:
            self.notify("There is no project to rescan. Press i to import one.", severity="warning")
        else:
            self._actions.rescan(self.chosen)

    def action_import(self) -> None:
        """Ask for a directory and import it."""

        def take(answer: tuple[str, bool] | None) -> None:
            if answer is not None:
                self._actions.import_path(*answer)

        self.app.push_screen(ImportDialog(), take)

    def action_pick(self) -> None:
        """Ask which project to turn to."""
        if not self._projects:
            self.notify("There is no project yet. Press i to import one.", severity="warning")
            return

        def take(answer: str | None) -> None:
            if answer is not None:
                self._choose(answer)

        self.app.push_screen(PickDialog(self._projects, self._chosen), take)

    def action_pick_anywhere(self) -> None:
        """The same while a query is typed."""
        self.action_pick()

    # Searching

    @on(Input.Changed, "#query")
    def _ask(self) -> None:
        if self.has_class("-searching"):
            self.query_one(SearchView).ask(self.query_one(SearchInput).value, self._chosen)

    @on(OptionList.OptionSelected, "#results")
    def action_open_place(self) -> None:
        """Open the chosen place where the user edits."""
        found = self._found()
        if found is not None and self.chosen is not None:
            self._actions.open_place(self.chosen, found)

    def action_copy_place(self) -> None:
        """Copy the chosen place."""
        found = self._found()
        if found is not None and self.chosen is not None:
            self._actions.copy_place(self.chosen, found)

    def action_switch_kind(self) -> None:
        """Look for the typed text in the files instead of searching, and back."""
        self.query_one(SearchView).switch_kind()
        self._show_scope()

    def action_look_from(self, kind: LookupKind) -> None:
        """List what belongs to the chosen place."""
        self.query_one(SearchView).look_from(kind)

    def action_move_choice(self, step: int) -> None:
        """Choose another place."""
        self.query_one(SearchView).results.move(step)

    def action_scroll_code(self, direction: int) -> None:
        """Scroll the preview."""
        code = self.query_one(SearchView).code
        (code.scroll_page_down if direction > 0 else code.scroll_page_up)(animate=False)

    def action_scroll_sideways(self, direction: int) -> None:
        """Scroll the preview to the left or right."""
        self.query_one(SearchView).code.action_sideways(direction)

    def _found(self) -> Found | None:
        return self.query_one(SearchView).results.chosen


def _embedding(status: DaemonStatus) -> EmbeddingState:
    """All projects together."""
    stats = status.stats
    embedded = sum(project.embedded for project in status.projects)
    chunks = sum(project.chunks for project in status.projects)
    waiting = stats.health.queues.chunks
    rate = stats.embedding_rate
    eta = waiting / rate if waiting and rate > 0 else None
    current = next((job.current for job in status.jobs if job.state == "running"), "")
    files = stats.health.queues.files
    return EmbeddingState(embedded, chunks, waiting, files, rate, eta, current)


def _offline(address: str, event: ConnectionLost) -> Content:
    return Content("\n").join(
        [
            Content.styled("CoCo does not answer", "$strong bold"),
            Content.styled(address, "$muted"),
            Content.empty(),
            Content(event.reason),
            Content.styled(event.hint, "$accent"),
            Content.empty(),
            Content.styled("This window connects as soon as it does.", "$muted"),
        ]
    )
