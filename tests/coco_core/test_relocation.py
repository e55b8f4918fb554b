from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coco_core.relocation import fingerprint, line_hashes, relocate

FILE = [f"line number {i} of the file\n" for i in range(1, 101)]
START, END = 40, 52
CHUNK = "".join(FILE[START - 1 : END])
PRINT = fingerprint(CHUNK)


def located(lines: list[str], start: int = START, end: int = END):
    """Find the chunk, which must be there."""
    found = relocate(lines, start, end, PRINT)
    assert found is not None
    return found


def test_four_bytes_per_line() -> None:
    assert len(PRINT) == 4 * (END - START + 1)
    assert len(fingerprint("")) == 4


def test_unchanged() -> None:
    found = located(FILE)
    assert (found.start_line, found.end_line, found.exact, found.similarity) == (40, 52, True, 1.0)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r", ""])
def test_line_ends_and_indentation_do_not_count(ending: str) -> None:
    lines = ["    " + line.rstrip("\n") + ending for line in FILE]
    assert located(lines).exact


@pytest.mark.parametrize("shift", [-39, -20, -1, 1, 7, 20, 300])
def test_moved(shift: int) -> None:
    lines = FILE[-shift:] if shift < 0 else ["new line\n"] * shift + FILE
    found = located(lines)
    assert found.exact
    assert (found.start_line, found.end_line) == (START + shift, END + shift)
    assert "".join(lines[found.start_line - 1 : found.end_line]) == CHUNK


def test_the_nearest_of_equal_places() -> None:
    lines = ["top of the file\n"] * 10 + CHUNK.splitlines(keepends=True) + FILE[60:80]
    lines += CHUNK.splitlines(keepends=True)
    assert located(lines, 15, 27).start_line == 11
    assert located(lines, 40, 52).start_line == 44


def test_edited_inside() -> None:
    lines = [*FILE[:44], "changed\n", "added one\n", "added two\n", *FILE[45:]]
    found = located(lines)
    assert not found.exact
    assert (found.start_line, found.end_line) == (START, END + 2)
    assert found.similarity == pytest.approx(12 / 13)


def test_edited_and_moved() -> None:
    lines = ["new line\n"] * 15 + FILE[:44] + FILE[46:]
    found = located(lines)
    assert (found.start_line, found.end_line) == (START + 15, END + 15 - 2)


def test_a_changed_first_and_last_line_still_belong() -> None:
    lines = list(FILE)
    lines[START - 1] = "renamed\n"
    lines[END - 1] = "other end\n"
    found = located(lines)
    assert (found.start_line, found.end_line) == (START, END)


def test_a_removed_end_does_not_drag_in_what_follows() -> None:
    body = ["def run():\n", "    first = 1 + 1\n", "    second = 2 + 2\n", "    third = 3\n", "}\n"]
    after = ["def next():\n", "    nothing = 0\n", "    return nothing\n"]
    found = relocate([*body[:3], body[4], *after], 1, 5, fingerprint("".join(body)))
    assert found is not None
    assert (found.start_line, found.end_line) == (1, 4)


def test_mostly_rewritten_is_gone() -> None:
    lines = [*FILE[:41], *[f"rewritten {i}\n" for i in range(11)], *FILE[52:]]
    assert relocate(lines, START, END, PRINT) is None


def test_deleted_is_gone() -> None:
    assert relocate(FILE[: START - 1] + FILE[END:], START, END, PRINT) is None
    assert relocate([], START, END, PRINT) is None


def test_far_away_nearly_all_of_it_must_be_there() -> None:
    chunk = CHUNK.splitlines(keepends=True)
    far = [f"something else {i}\n" for i in range(200)]
    assert relocate(far + chunk[:8], START, END, PRINT) is None
    assert located(far + chunk[:10]).start_line == 201


def test_braces_and_empty_lines_fit_nowhere_else() -> None:
    braces = fingerprint("}\n\n}\n")
    lines = ["a = 1\n", "}\n", "\n", "}\n"]
    assert relocate(lines, 2, 4, braces) is not None
    assert relocate(["b = 1\n", *lines], 2, 4, braces) is None


def test_hashes_can_be_shared() -> None:
    lines = ["x\n", *FILE]
    assert relocate(lines, START, END, PRINT, hashes=line_hashes(lines)) == relocate(
        lines, START, END, PRINT
    )


LINES = st.lists(
    st.sampled_from(["alpha one", "beta two", "gamma", "}", "", "delta four"]), max_size=30
)


@given(LINES, LINES, st.integers(1, 30), st.integers(0, 10))
def test_the_lines_always_exist(before: list[str], now: list[str], start: int, more: int) -> None:
    chunk = before[start - 1 : start + more]
    if not chunk:
        return
    found = relocate(
        now, start, start + len(chunk) - 1, fingerprint("".join(f"{line}\n" for line in chunk))
    )
    if found is not None:
        assert 1 <= found.start_line <= found.end_line <= len(now)
        assert 0 < found.similarity <= 1
    if found is not None and found.exact:
        assert now[found.start_line - 1 : found.end_line] == chunk


@example([39], [(0, 1), (46, 3), (46, 6)])
@given(
    st.lists(st.integers(0, 99), unique=True, max_size=3),
    st.lists(st.tuples(st.integers(0, 100), st.integers(1, 6)), max_size=4),
)
def test_a_few_edits_do_not_lose_it(removed: list[int], inserted: list[tuple[int, int]]) -> None:
    lines = [line for i, line in enumerate(FILE) if i not in removed]
    for at, count in inserted:
        lines[at:at] = [f"fresh {at} {i}\n" for i in range(count)]
    found = located(lines)
    left = [line for i, line in enumerate(FILE) if START - 1 <= i < END and i not in removed]
    shown = lines[found.start_line - 1 : found.end_line]
    # Most of what is left is shown, in order; far outliers after big insertions may be cut.
    assert sum(line in shown for line in left) >= 0.5 * len(left)


@pytest.mark.parametrize(
    "lines", [["same line here\n"] * 30_000, [f"row {i}\n" for i in range(30_000)]]
)
def test_long_files_cost_little(lines: list[str]) -> None:
    chunk = "".join(f"row {i} changed\n" if i % 3 else f"row {i}\n" for i in range(9_000, 9_060))
    start = time.process_time()
    relocate(lines, 200, 259, fingerprint(chunk))
    relocate(lines, 200, 2_199, fingerprint("same line here\n" * 1_999 + "end of it"))
    assert time.process_time() - start < 1.0
