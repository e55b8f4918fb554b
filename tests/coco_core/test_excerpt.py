import pytest

from coco_core.excerpt import Line, WordFinder, best_lines

SOURCE = '''\
def push(self) -> None:
    """Push this context so that it is the active context.

    Typically, this is not used directly.
    """
    self._push_count += 1

    if self._cv_token is not None:
        return

    self._cv_token = _cv_app.set(self)
    appcontext_pushed.send(self.app, _async_wrapper=self.app.ensure_sync)

    if self._request is not None and self.session is None:
        self.session = self.app.session_interface.open_session(self)
'''.splitlines()


def lines(*texts: str, first: int = 1) -> list[Line]:
    return [Line(number, text) for number, text in enumerate(texts, first)]


def shown(query: str, most: int = 3) -> list[int]:
    return [line.number for line in best_lines(lines(*SOURCE), WordFinder(query), most)]


def marked(query: str, text: str) -> list[str]:
    return [text[start:end] for start, end in WordFinder(query).spans(text)]


@pytest.mark.parametrize(
    ("query", "text", "found"),
    [
        ("parse the options", "def parse_options(Parser):", ["parse", "options", "Parser"]),
        ("request context", "RequestContext = requestContext",
         ["Request", "Context", "request", "Context"]),
        ("RequestContext", "the request context", ["request", "context"]),
        ("queries", "class Query(query)", ["Query", "query"]),
        ("ran", "orange grand ran", ["ran"]),
        ("read", "thread already read", ["read"]),
        ("http 404", "status 404 of HTTP, not 4040", ["404", "HTTP"]),
        ("where is it used", "it is used here", ["used"]),
        ("a b", "a b ab", ["b"]),
        ("Größe", "die GRÖSSE und größe", ["größe"]),
        ("!?", "anything", []),
    ],
)  # fmt: skip
def test_words_are_found_in_their_forms(query: str, text: str, found: list[str]) -> None:
    assert marked(query, text) == found


def test_the_lines_with_most_of_the_words_are_chosen() -> None:
    assert shown("open the session of the request") == [14, 15]
    assert shown("send the pushed signal") == [11, 12]
    assert shown("push count", 2) == [5, 6]
    assert shown("def push", 2) == [1, 2]


def test_a_rare_word_weighs_more_than_a_common_one() -> None:
    text = lines("self", "self", "self", "token here", "self", "self")
    assert [line.number for line in best_lines(text, WordFinder("self token"), 1)] == [4]


def test_without_a_word_the_beginning_is_shown() -> None:
    text = lines("", "def f():", "    return 1", "")
    assert [line.number for line in best_lines(text, WordFinder("zebra"), 3)] == [2, 3]
    assert best_lines(lines(""), WordFinder("zebra"), 3) == [Line(1, "")]


def test_room_that_is_left_is_filled_and_never_exceeded() -> None:
    text = lines(*(f"line {number}" for number in range(1, 10)))
    assert [line.number for line in best_lines(text, WordFinder("9"), 4)] == [6, 7, 8, 9]
    assert [line.number for line in best_lines(text, WordFinder("1"), 4)] == [1, 2, 3, 4]
    assert [line.number for line in best_lines(text, WordFinder("5"), 4)] == [4, 5, 6, 7]
    assert [line.number for line in best_lines(text, WordFinder("5"), 1)] == [5]


def test_a_gap_is_not_bridged() -> None:
    text = [*lines("alpha", "beta"), *lines("gamma", "delta", first=10)]
    for word, numbers in (("beta", [1, 2]), ("gamma", [10, 11]), ("beta gamma", [1, 2])):
        assert [line.number for line in best_lines(text, WordFinder(word), 4)] == numbers
