"""Stop words, and the words that ask for a kind of file."""

from __future__ import annotations

__all__ = ["ASKS_DOCS", "ASKS_EXAMPLES", "ASKS_TESTS", "STOPWORDS", "word_set"]


def word_set(text: str) -> frozenset[str]:
    """Return the words of a list that reads better without quotes and commas."""
    return frozenset(text.split())


# In code these words are rare, so that their IDF would be high: a comment with "how does" in it
# would win over the code that does it.
STOPWORDS = word_set(
    """
    a about all an and any are as at be because been being but by can cannot could did do does done
    each else for from given gives had happen happens has have having here how i if in inside into
    is it its itself just like made make makes me my no not of on one only or other our out over
    own perform performs place responsible return returned returns show so some such than that the
    their them then there these they this those through to too under up us use used uses using
    want was way we were what when where whether which while who whose why will with within without
    would you your find implement implemented implementation implements code defined
    """
)

# The query names tests itself: then they are no noise.
ASKS_TESTS = word_set(
    """test tests testing tested unittest unittests spec specs mock mocks mocking mocked stub stubs
    fixture fixtures benchmark benchmarks bench pytest assertion assertions"""
)

ASKS_EXAMPLES = word_set(
    "example examples sample samples demo demos tutorial tutorials snippet quickstart"
)

ASKS_DOCS = word_set(
    """doc docs documentation documented readme changelog guide tutorial tutorials manual install
    installation license contributing faq"""
)
