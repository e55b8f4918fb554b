"""What a user asks, and what must come back: always what is on disk at that moment."""

from __future__ import annotations

import random
from pathlib import Path

from coco_protocol.docs import (
    DocumentRequest,
    DocumentsRequest,
    FiltersBody,
    Hit,
    QueryRequest,
    RetrievalBody,
)
from tests.daemon_process import Daemon, wait_for
from tests.sources import commit, git


def assert_true(project: Path, hits: list[Hit]) -> None:
    """Every hit must be on disk, in the lines that it names."""
    for hit in hits:
        assert hit.chunk.path is not None
        assert hit.chunk.start_line is not None
        text = (project / hit.chunk.path).read_text(encoding="utf-8")
        lines = text.splitlines(keepends=True)
        shown = "".join(lines[hit.chunk.start_line - 1 : hit.chunk.end_line])
        assert hit.chunk.content.strip() in shown


def test_a_question_finds_the_function(daemon: Daemon, project: Path) -> None:
    meta, data = daemon.query("call again with growing delay when the connection fails")
    assert data.results[0].chunk.symbol == "retry_with_backoff"
    assert data.results[0].chunk.path == "shop/retry.py"
    assert meta.status == "fresh"
    assert meta.tier in {"keyword", "static"}
    assert meta.notice is not None
    assert "coco setup" in meta.notice
    assert_true(project, data.results)


def test_static_vectors_answer_without_a_model(daemon: Daemon, project: Path) -> None:
    question = "how much does a customer have to pay"
    wait_for(lambda: daemon.query(question)[0].tier == "static", "static vectors")
    meta, data = daemon.query(question)
    assert meta.vector_coverage == 0.0
    assert data.results[0].meta.vector is not None
    with daemon.client as client:
        vectors_alone = RetrievalBody(retrieval_mode="vector")
        data = client.query(QueryRequest(query=question, retrieval_config=vectors_alone)).data
    assert "shop/cart.py" in {hit.chunk.path for hit in data.results[:3]}
    assert_true(project, data.results)


def test_the_model_joins_in(full_daemon: Daemon, project: Path) -> None:
    meta, data = full_daemon.query("how much does a customer have to pay")
    assert meta.tier == "transformer"
    assert meta.vector_coverage == 1.0
    assert meta.notice is None
    assert data.results[0].meta.vector is not None
    assert {hit.chunk.path for hit in data.results[:3]} & {"shop/cart.py", "README.md"}
    assert_true(project, data.results)


def test_definitions_come_before_uses(daemon: Daemon) -> None:
    found = daemon.chunks("total_price")[0]
    assert found.path == "shop/cart.py"
    assert "def total_price" in found.content


def test_documents_answer_with_their_headings(daemon: Daemon) -> None:
    hit = daemon.chunks("when do parcels leave the warehouse")[0]
    assert hit.path == "README.md"
    assert hit.heading_trail[-1] == "Shipping"


def test_ignored_files_and_secrets_are_nowhere(daemon: Daemon) -> None:
    for text in ("generated_symbol", "very-secret", "SECRET_TOKEN", "a line of the log"):
        assert not {"build/output.py", ".env", "debug.log"} & set(daemon.paths(text))


def test_filters_hold_before_the_cut(daemon: Daemon) -> None:
    with daemon.client as client:
        request = QueryRequest(query="total price", filters=FiltersBody(languages=["typescript"]))
        data = client.query(request).data
    assert {hit.chunk.language for hit in data.results} <= {"typescript"}
    with daemon.client as client:
        request = QueryRequest(query="total price", filters=FiltersBody(include=["nowhere/**"]))
        data = client.query(request).data
    assert data.results == []
    assert data.empty_reason == "no_such_path"


def test_quoted_text_matches_literally(daemon: Daemon) -> None:
    assert daemon.paths('"delay *= 2"') == ["shop/retry.py"]
    meta, data = daemon.query('"delay *= 3"')
    assert data.results[0].chunk.path == "shop/retry.py"
    assert "holds “delay *= 3” as written" in (meta.notice or "")
    _, data = daemon.query("<=>")
    assert (data.results, data.empty_reason) == ([], "no_match")


def test_a_saved_file_is_found_by_the_very_next_query(daemon: Daemon, project: Path) -> None:
    rng = random.Random(11)
    path = project / "shop" / "cart.py"
    for number in range(100):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        at = rng.choice([0, 3, len(lines)])
        word = f"zebra{number}crossing"
        lines[at:at] = [f"def {word}():\n", f"    return {number}\n", "\n"]
        path.write_text("".join(lines), encoding="utf-8")
        meta, data = daemon.query(word)
        assert any(word in hit.chunk.content for hit in data.results), (number, meta)
        assert_true(project, data.results)
        _, data = daemon.query("apply_discount")
        assert data.results[0].chunk.symbol == "apply_discount"
        assert_true(project, data.results)


def test_deleted_and_renamed_files_leave_at_once(daemon: Daemon, project: Path) -> None:
    (project / "shop" / "retry.py").rename(project / "shop" / "again.py")
    found = daemon.chunks("retry_with_backoff")
    assert [each.path for each in found if each.symbol == "retry_with_backoff"] == ["shop/again.py"]
    (project / "shop" / "again.py").unlink()
    assert all("again" not in (path or "") for path in daemon.paths("retry_with_backoff"))


def test_a_new_directory_is_seen(daemon: Daemon, project: Path) -> None:
    deep = project / "new" / "deep"
    deep.mkdir(parents=True)
    (deep / "quokka.py").write_text("def feed_quokka():\n    pass\n", encoding="utf-8")
    assert daemon.paths("feed_quokka")[0] == "new/deep/quokka.py"
    (project / "new").rename(project / "old")
    assert daemon.paths("feed_quokka")[:1] == ["old/deep/quokka.py"]


def test_a_branch_switch_shows_no_text_of_the_other_branch(daemon: Daemon, project: Path) -> None:
    git(project, "switch", "--quiet", "--create", "other")
    for number in range(500):
        path = project / "many" / f"module_{number}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"def other_branch_{number}():\n    return {number}\n", encoding="utf-8")
    (project / "shop" / "retry.py").unlink()
    commit(project, "other")
    daemon_sees(daemon, "other_branch_499", "many/module_499.py")
    git(project, "switch", "--quiet", "main")
    meta, data = daemon.query("other_branch_250")
    assert all(not (hit.chunk.path or "").startswith("many/") for hit in data.results), meta
    assert_true(project, data.results)
    git(project, "switch", "--quiet", "other")
    _, data = daemon.query("retry_with_backoff")
    assert all(hit.chunk.path != "shop/retry.py" for hit in data.results)
    assert_true(project, data.results)


def daemon_sees(daemon: Daemon, word: str, path: str) -> None:
    wait_for(lambda: path in daemon.paths(word)[:1], f"{path} at the top")


def test_edits_while_the_daemon_is_down(daemon: Daemon, project: Path) -> None:
    daemon.stop()
    path = project / "shop" / "cart.py"
    text = path.read_text(encoding="utf-8")
    path.write_text("# one\n# two\n# three\n" + text.replace("apply_discount", "lower_price"))
    (project / "shop" / "retry.py").unlink()
    (project / "shop" / "fresh.py").write_text("def brand_new_thing():\n    pass\n")
    daemon.start()
    _, data = daemon.query("lower_price")
    assert data.results[0].chunk.symbol == "lower_price"
    assert_true(project, data.results)
    assert daemon.paths("brand_new_thing")[0] == "shop/fresh.py"
    assert "shop/retry.py" not in daemon.paths("retry_with_backoff")


def test_nothing_is_embedded_twice(full_daemon: Daemon, project: Path) -> None:
    def cached() -> int:
        with full_daemon.client as client:
            return client.stats().stores["cached_embeddings"]

    before = cached()
    (project / "shop" / "cart.py").rename(project / "shop" / "basket.py")
    (project / "copy.py").write_bytes((project / "shop" / "retry.py").read_bytes())
    full_daemon.query("anything")
    full_daemon.wait_indexed(embedded=True)
    assert cached() == before


def test_pages_do_not_overlap(daemon: Daemon) -> None:
    _, first = daemon.query("cart price item", top_k=2)
    assert first.next_offset == 2
    _, second = daemon.query("cart price item", top_k=2, offset=2)
    ids = [hit.chunk.chunk_id for hit in (*first.results, *second.results)]
    assert len(ids) == len(set(ids))


def test_documents_come_in_pages_with_what_tells_a_change(daemon: Daemon, project: Path) -> None:
    with daemon.client as client:
        first = client.documents(DocumentsRequest())
        assert first.next_after is None
        names = [document.doc_id for document in first.documents]
        assert names == sorted(names)
        assert "shop/cart.py" in names
        assert not any(name.startswith((".git/", "build/")) or name == ".env" for name in names)
        pages, after = [], ""
        while True:
            page = client.documents(DocumentsRequest(after=after, limit=2))
            pages += page.documents
            if page.next_after is None:
                break
            after = page.next_after
        assert pages == first.documents
        # A saved file is told at once.
        cart = project / "shop/cart.py"
        before = cart.read_bytes()
        cart.write_bytes(before + b"\n# one more line\n")
        after_save = {
            document.doc_id: document for document in client.documents(DocumentsRequest()).documents
        }
        cart.write_bytes(before)
    known = {document.doc_id: document for document in first.documents}
    changed = {name for name in known if after_save[name] != known[name]}
    assert changed == {"shop/cart.py"}
    assert known["shop/cart.py"].language == "python"
    assert known["shop/cart.py"].size == len(before)
    assert after_save["shop/cart.py"].content_hash != known["shop/cart.py"].content_hash


def test_chunks_are_those_of_the_index(daemon: Daemon, project: Path) -> None:
    with daemon.client as client:
        cut = client.chunks(DocumentRequest(doc_id="shop/cart.py"))
        listed = {
            document.doc_id: document for document in client.documents(DocumentsRequest()).documents
        }
        found = client.query(QueryRequest(query="total_price")).data
    assert cut.language == "python"
    assert len(cut.chunks) == listed["shop/cart.py"].chunks
    lines = (project / "shop/cart.py").read_text(encoding="utf-8").splitlines(keepends=True)
    for chunk in cut.chunks:
        assert chunk.start_line is not None
        assert chunk.content.strip() in "".join(lines[chunk.start_line - 1 : chunk.end_line])
    by_id = {chunk.chunk_id: chunk for chunk in cut.chunks}
    hits = [hit.chunk for hit in found.results if hit.chunk.doc_id == "shop/cart.py"]
    assert hits
    assert all(by_id[hit.chunk_id] == hit for hit in hits)


def test_the_outline_spans_whole_definitions(daemon: Daemon) -> None:
    with daemon.client as client:
        code = client.outline(DocumentRequest(doc_id="shop/cart.py"))
        document = client.outline(DocumentRequest(doc_id="README.md"))
    spans = {symbol.symbol: (symbol.line, symbol.end_line) for symbol in code.symbols}
    assert spans["Cart"] == (6, 19)
    assert spans["Cart.add_item"] == (12, 14)
    headings = {symbol.symbol: (symbol.line, symbol.end_line) for symbol in document.symbols}
    assert headings == {"Shop": (1, 11), "Payment": (5, 8), "Shipping": (9, 11)}
