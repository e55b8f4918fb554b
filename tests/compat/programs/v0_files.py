"""Programs of v0 over local files, without a model."""

from __future__ import annotations

from tests.compat.programs.program import Run, program
from tests.waiting import until


@program("v0", "custom_output_files")
def custom_output_files(run: Run) -> None:
    """A target of the program's own: a page for each file."""
    run.own_database()
    pages = run.folder / "output_html"
    run.cocoindex("setup", "-f", "main.py")
    run.cocoindex("update", "main.py")
    assert {page.name for page in pages.iterdir()} == {
        "bizarre_animals.md.html",
        "chunk_norris.md.html",
    }
    run.write("data/new.md", "# New\n\nA *new* page.\n")
    (run.folder / "data/chunk_norris.md").unlink()
    run.cocoindex("update", "main.py")
    assert {page.name for page in pages.iterdir()} == {"bizarre_animals.md.html", "new.md.html"}
    new = pages / "new.md.html"
    assert new.read_text("utf-8") == "<h1>New</h1>\n<p>A <em>new</em> page.</p>\n"
    written = new.stat().st_mtime_ns
    run.cocoindex("update", "main.py")
    assert new.stat().st_mtime_ns == written
    with run.started("-m", "cocoindex.cli", "update", "-L", "main.py"):
        run.write("data/new.md", "# Newer\n")
        until(lambda: new.read_text("utf-8") == "<h1>Newer</h1>\n")
        (run.folder / "data/new.md").unlink()
        until(lambda: not new.exists())
    run.cocoindex("drop", "-f", "main.py")
    assert not pages.exists()


@program("v0", "live_updates")
def live_updates(run: Run) -> None:
    """The live updater, ended by Ctrl-C."""
    run.own_database()

    def contents() -> dict[str, str]:
        found = run.rows("SELECT to_regclass('liveupdates__documents_index')")
        if found == [(None,)]:
            return {}
        return dict(run.rows("SELECT filename, content FROM liveupdates__documents_index"))

    texts = {path.name: path.read_text("utf-8") for path in (run.folder / "data").iterdir()}
    with run.started("main.py") as log:
        until(lambda: contents() == texts, 60)
        run.write("data/new.md", "new")
        until(lambda: contents() == {**texts, "new.md": "new"}, 60)
        run.write("data/new.md", "newer")
        until(lambda: contents() == {**texts, "new.md": "newer"}, 60)
        (run.folder / "data/new.md").unlink()
        until(lambda: contents() == texts, 60)
        assert "Live updater started." in log.read_text("utf-8")
    assert "Stopping live updater..." in log.read_text("utf-8")
