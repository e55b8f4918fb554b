"""The map: what comes first, and what a budget leaves out."""

from __future__ import annotations

from coco_core.code.project_map import MapFile, MappedSymbol, choose, render, weight_of


def files_of(count: int) -> list[MapFile]:
    return [
        MapFile(
            f"src/part{number % 5}/file{number}.py",
            [MappedSymbol(f"f{number}_{each}", 1.0 + number, each) for each in range(4)],
        )
        for number in range(count)
    ]


def test_what_is_used_more_is_public_and_no_test_weighs_more() -> None:
    plain = weight_of("f", "function", 10, 1, apart=False)
    assert weight_of("f", "function", 100, 1, apart=False) > plain
    assert weight_of("f", "function", 10, 5, apart=False) < plain
    assert weight_of("_f", "function", 10, 1, apart=False) < plain
    assert weight_of("C._f.g", "function", 10, 1, apart=False) < plain
    assert weight_of("f", "function", 10, 1, apart=True) < plain
    assert weight_of("C", "class", 10, 1, apart=False) > plain


def test_a_small_budget_closes_directories_and_counts_them() -> None:
    lines = choose(files_of(40), 100)
    text = render(lines, {})
    assert "src/ (40 files)" in text
    assert len(text) / 3.2 <= 100
    assert "f39_0" in text


def test_a_large_budget_shows_everything_once() -> None:
    lines = choose(files_of(10), 5_000)
    text = render(lines, {("src/part0/file0.py", "f0_0"): "1 def f0_0()"})
    assert text.count("def f0_0()") == 1
    assert all(text.count(f"f{number}_3") == 1 for number in range(10))
    assert "more files" not in text
    assert [line.path for line in lines][:3] == ["src/", "src/part0/", "src/part0/file0.py"]


def test_hidden_files_and_definitions_are_counted() -> None:
    for tokens in (60, 90, 150, 300, 1_000):
        lines = choose(files_of(40), tokens)
        shown = sum(line.files for line in lines if not line.path.endswith("/"))
        folders = [line for line in lines if line.path.endswith("/")]
        paths = [line.path for line in lines]
        opened = {
            f.path for f in folders if any(p.startswith(f.path) and p != f.path for p in paths)
        }
        closed = sum(folder.files for folder in folders if folder.path not in opened)
        assert shown + closed == 40


def test_a_map_below_a_directory_starts_there() -> None:
    files = [file for file in files_of(10) if file.path.startswith("src/part1/")]
    lines = choose(files, 1_000, "src/part1/")
    assert [line.path for line in lines] == ["src/part1/file1.py", "src/part1/file6.py"]
    assert render(lines, {}, "src/part1/").startswith("file1.py\n  f1_0\n")


def test_nothing_gives_nothing() -> None:
    assert choose([], 100) == []
    assert render([], {}) == ""
