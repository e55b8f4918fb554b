"""Text splitters without a grammar: by blank lines, by separators, by fixed windows."""

from __future__ import annotations

from bisect import bisect_right

from coco_core.chunking.line_table import CharRange, LineTable

__all__ = [
    "split_fixed",
    "split_lines",
    "split_long",
    "split_recursive",
    "with_overlap",
    "without_blank",
]

# Where a line may be broken, best first; the piece ends behind the separator.
_SEPARATORS = (". ", "; ", ", ", " ", "\t", "\r", ";", ",", "}", ")", ">")

# What recursive_char looks for near the end of its window, best first.
_BREAKS = ("\n\n", "\r\n\r\n", "\n", ". ", "; ", ", ", " ")

# Below this share of the size a piece is a crumb: it costs a vector and says nothing.
_CRUMB = 8

# Long runs of white space have no tokens; text must not grow without end for it.
_MAX_CHARS_PER_TOKEN = 24


def split_lines(table: LineTable, first: int, last: int, size: int) -> list[CharRange]:
    """Cut lines ``first`` to ``last`` where the text itself has its gaps."""
    chars, marks = table.lines.chars, table.marks
    pieces: list[CharRange] = []
    at = first
    while at < last:
        rest = marks[last] - marks[at]
        if rest <= size:
            pieces.append((chars[at], chars[last]))
            break
        # The last two pieces share what is left rather than leave a crumb.
        goal = size if rest >= 2 * size else min(size, rest * 5 // 9)
        end = bisect_right(marks, marks[at] + goal, at, last + 1) - 1
        if end <= at:
            pieces += split_long(table, chars[at], chars[at + 1], size)
            at += 1
            continue
        if marks[end] - marks[at] < size // _CRUMB and end < last:
            # What stops here is one long line; the few words above it go with it.
            pieces += split_long(table, chars[at], chars[end + 1], size)
            at = end + 1
            continue
        end = _best_break(table, at + 1 + (end - at) // 2, end)
        pieces.append((chars[at], chars[end]))
        at = end
    return pieces


def _best_break(table: LineTable, low: int, high: int) -> int:
    """Return the line in ``low..high`` to begin a piece with: after a blank, least indented."""
    best, best_key = high, (2, 1 << 30)
    for number in range(high, min(low, high) - 1, -1):
        line = table.line(number)
        bare = line.lstrip()
        if not bare:
            continue
        after_blank = not table.line(number - 1).strip()
        # A closing bracket belongs to what it closes.
        closing = bare[0] in "})]" or bare.startswith("end")
        key = (0 if after_blank else 1, len(line) - len(bare) + (1 << 20) * closing)
        if key < best_key:
            best, best_key = number, key
    return best


def split_long(table: LineTable, start: int, end: int, size: int) -> list[CharRange]:
    """Cut a range of characters that no line end divides."""
    pieces: list[CharRange] = []
    while start < end:
        reach = min(table.counter.reach(start, size), start + size * _MAX_CHARS_PER_TOKEN, end)
        reach = max(reach, start + 1)
        if reach < end:
            reach = _break_at(table.text, start, reach, _SEPARATORS)
        pieces.append((start, reach))
        start = reach
    return pieces


def _break_at(text: str, start: int, reach: int, separators: tuple[str, ...]) -> int:
    low = start + (reach - start) * 3 // 4
    for separator in separators:
        found = text.rfind(separator, low, reach)
        if found > start:
            return found + len(separator)
    return reach


def split_fixed(table: LineTable) -> list[CharRange]:
    """Cut into windows of exactly the asked size and overlap; only the last may be shorter."""
    step = table.size - table.overlap
    if not table.counter.in_tokens:
        starts = list(range(0, len(table.text), step))
        ends = [min(start + table.size, len(table.text)) for start in starts]
    else:
        # White space between two tokens goes with the first; before the first token, with that.
        tokens = table.counter.token_starts
        total = len(tokens)
        if not total:
            return [(0, len(table.text))]
        edges = [0, *tokens[1:], len(table.text)]
        starts = [edges[at] for at in range(0, total, step)]
        ends = [edges[min(at + table.size, total)] for at in range(0, total, step)]
    # A window that ends inside the one before would only repeat it.
    count = next(i for i, end in enumerate(ends) if end == len(table.text)) + 1
    return list(zip(starts[:count], ends[:count], strict=True))


def split_recursive(table: LineTable) -> list[CharRange]:
    """Fill windows up to the asked size, break at the best separator, overlap exactly as asked."""
    text, counter = table.text, table.counter
    pieces: list[CharRange] = []
    start = covered = 0
    while True:
        reach = min(counter.reach(start, table.size), start + table.size * _MAX_CHARS_PER_TOKEN)
        if reach >= len(text):
            pieces.append((start, len(text)))
            return pieces
        # A window reaches beyond the one before, even where a separator stands in their overlap.
        covered = end = max(_break_at(text, start, reach, _BREAKS), covered + 1)
        pieces.append((start, end))
        start = max(counter.backtrack(end, table.overlap) if table.overlap else end, start + 1)


def without_blank(text: str, pieces: list[CharRange]) -> list[CharRange]:
    """Give pieces of nothing but white space to the one before."""
    kept: list[CharRange] = []
    for start, end in pieces:
        if kept and (text[start:end].isspace() or text[kept[-1][0] : kept[-1][1]].isspace()):
            kept[-1] = (kept[-1][0], end)
        else:
            kept.append((start, end))
    return kept


def with_overlap(table: LineTable, pieces: list[CharRange]) -> list[CharRange]:
    """Let every piece begin earlier by whole lines of at most the asked overlap."""
    if not table.overlap:
        return pieces
    chars = table.lines.chars
    grown: list[CharRange] = []
    for start, end in pieces:
        earliest = table.counter.backtrack(start, table.overlap)
        line = table.lines.line_of_char(earliest)
        begin = chars[line] if chars[line] >= earliest else chars[line + 1]
        grown.append((min(begin, start), end))
    return grown
