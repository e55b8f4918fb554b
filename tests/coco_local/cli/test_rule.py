from __future__ import annotations


def test_a_rule_is_tried_on_a_file_that_stays_as_it_is(coco, tmp_path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text('password = "hunter22"\nplain\n', encoding="utf-8")
    done = coco("rule", "run", "redact", str(notes))
    assert done.code == 0
    assert done.out == 'password = "[REDACTED]"\nplain\n'
    assert "hunter22" in notes.read_text(encoding="utf-8")
    told = coco("rule", "run", "redact", str(notes), "--json").data
    assert told["changed"] is True
    assert len(told["sha256"]) == 64


def test_what_is_no_rule_is_refused_with_a_reason(coco, tmp_path) -> None:
    broken = tmp_path / "broken.wasm"
    broken.write_bytes(b"not a module")
    done = coco("rule", "run", str(broken), str(broken))
    assert done.code != 0
    assert "not a valid WebAssembly module" in done.err
    missing = coco("rule", "run", str(tmp_path / "none.wasm"))
    assert missing.code != 0
    assert "cannot be read" in missing.err
