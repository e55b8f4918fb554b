"""The lines that are shown of a document: those that answer, in order, within the budget."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from coco_core.search.pieces import Lines, Place, QueryTerms, arranged, best_lines
from coco_core.tokens import analyze


def cost(line: str) -> int:
    return len(line) // 3 + 1


def terms(query: str) -> QueryTerms:
    return QueryTerms.of(analyze(query), {})


def shown(source: str, query: QueryTerms, budget: int, start: int = 1) -> list[Lines]:
    lines = source.splitlines()
    text = dict(enumerate(lines, start))
    return arranged(best_lines([Place(start, lines)], query, budget, cost), text, budget, cost)


BODY = "\n".join(f"    step_{n} = {n}" for n in range(40))


def test_a_short_place_is_shown_whole() -> None:
    assert shown("def run():\n\n    return 1", terms("other"), 100, start=7) == [Lines(7, 9)]


def test_the_lines_around_a_match_are_shown_of_a_long_one() -> None:
    source = f"def run():\n{BODY}\n    token = sign(cookie)\n{BODY}"
    pieces = shown(source, terms("cookie sign"), 60)
    (piece,) = [piece for piece in pieces if piece.first <= 42 <= piece.last]
    assert piece.first < 42 < piece.last
    assert piece.last - piece.first < 15


def test_what_stands_below_a_match_counts_for_more_than_what_stands_above() -> None:
    source = f"{BODY}\n    # sign the cookie\n{BODY}"
    piece = shown(source, terms("cookie sign"), 50)[-1]
    assert 41 - piece.first < piece.last - 41


def test_code_comes_before_the_docstring_that_repeats_the_question() -> None:
    words = "\n".join(
        "    The session cookie is signed and the signed cookie is sent." for _ in "123"
    )
    source = f'def save():\n    """Sign.\n\n{words}\n    """\n    cookie.sign(session)\n{BODY}'
    lines = [n for first, last in shown(source, terms("cookie sign session"), 40)
             for n in range(first, last + 1)]  # fmt: skip
    assert 8 in lines
    assert 4 not in lines


def test_a_docstring_that_began_above_is_recognized() -> None:
    source = f'    The cookie is signed.\n    """\n    cookie.sign(session)\n{BODY}'
    assert shown(source, terms("cookie sign"), 30)[0].first == 3


def test_prose_has_no_comments() -> None:
    lines = ["# Cookies", "", "* The cookie is signed.", *(f"* Other {n}." for n in range(30))]
    best = best_lines([Place(1, lines, prose=True)], terms("cookie sign"), 20, cost)
    assert best[0] == 3


def test_a_better_place_of_the_document_gets_the_lines() -> None:
    good = Place(1, ["good = sign(cookie)"] * 10, 1.0)
    poor = Place(50, ["poor = sign(cookie)"] * 10, 0.6)
    best = best_lines([poor, good], terms("cookie sign"), 70, cost)
    assert set(range(1, 11)) <= set(best)
    assert best[0] == 1


def test_words_are_compared_as_the_keyword_search_does() -> None:
    query = terms("session_cookie query")
    assert query.found_in("x = SESSION_COOKIE") > 0
    assert query.found_in("self.sessionCookies()") > 0
    assert query.found_in("queries") > 0
    assert query.found_in("İ session") > 0
    assert query.found_in("cook = quit") == 0


def test_rare_words_count_for_more() -> None:
    query = QueryTerms.of(["the", "cooki"], {"the": 0.1, "cooki": 4.0})
    assert query.found_in("cookie") > 10 * query.found_in("the")
    assert abs(query.found_in("the cookie") - 1) < 1e-9


def test_a_single_letter_says_nothing_beside_words() -> None:
    query = terms("view s")
    assert query.found_in("s = 1") == 0
    assert terms("s").found_in("s = 1") == 1


def test_a_huge_line_leaves_room_for_the_others() -> None:
    lines = ["key = find(table)", "table = '" + "x" * 3000 + "'", "return key"]
    assert best_lines([Place(1, lines)], terms("table"), 100, cost) == [1, 3]
    assert best_lines([Place(1, lines[1:2])], terms("table"), 100, cost) == [1]


PLACES = st.lists(
    st.builds(
        Place,
        st.integers(1, 40),
        st.lists(st.sampled_from(["", "  ", "}", "sign cookie", "def run():", "# cookie", '"""',
                                  "a long line that says nothing of it at all"]),
                 min_size=1, max_size=30),
        st.floats(0, 1),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)  # fmt: skip


@given(PLACES, st.integers(1, 200), st.lists(st.integers(1, 80), max_size=3))
def test_pieces_lie_in_the_document_in_order_apart_and_within_the_budget(
    places: list[Place], budget: int, heads: list[int]
) -> None:
    text: dict[int, str] = {}
    for place in places:
        text.update(enumerate(place.lines, place.start_line))
    # Overlapping places are parts of one document: equal lines at equal numbers.
    same = [
        Place(p.start_line, [text[p.start_line + n] for n in range(len(p.lines))], p.worth, p.prose)
        for p in places
    ]
    chosen = best_lines(same, terms("cookie sign"), budget, cost)
    known = [line for line in heads if line in text]
    pieces = arranged(chosen, text, budget, cost, lambda _: known)
    assert pieces
    numbers = [n for first, last in pieces for n in range(first, last + 1)]
    assert all(first <= last for first, last in pieces)
    assert all(number in text for number in numbers)
    assert all(a.last + 1 < b.first for a, b in pairwise(pieces))
    spent = sum(cost(text[number]) for number in numbers)
    least = 1 + len(set(known))
    assert spent <= budget or len(numbers) <= 3 * least
