from __future__ import annotations

import pytest

from coco_experiments.question_text import QuestionText, question_text_of


@pytest.mark.parametrize(
    ("paragraph", "question"),
    [
        ("Return the oldest job that nobody holds.", "the oldest job that nobody holds"),
        (
            "Whether the `retry` of :func:`send <x.send>` may begin.",
            "whether the retry of send may begin",
        ),
        (
            "Merge two sorted lists of :class:`~a.Hit` by score. And more.",
            "merge two sorted lists of a.Hit by score",
        ),
        (
            "Wait, e.g. for the disk, until **all** pages are written.",
            "wait, e.g. for the disk, until all pages are written",
        ),
        (
            "Stores {@link Session} objects <b>between</b> two requests.",
            "stores Session objects between two requests",
        ),
        (
            'The <see cref="T:Clock"/> decides when tokens expire.',
            "the Clock decides when tokens expire",
        ),
        ("See [the manual](http://x.example) for every detail of it.", None),
        ("This function sorts the lines of a file.", None),
        ("In the example above the server restarts twice a day.", None),
        ("We recommend another way of storing passwords.", None),
        ("Supported options of the command line:", None),
        ("sorted(lines, key=len) gives the shortest line first.", None),
        ("Costs: $5 a month for every user.", None),
        ("Look at https://x.example for the list of servers.", None),
        ("Read it.", None),
        ("", None),
    ],
)
def test_sentences_that_can_stand_alone(paragraph: str, question: str | None) -> None:
    text = question_text_of(paragraph, [])
    assert text == (None if question is None else QuestionText(question, 0))


@pytest.mark.parametrize(
    ("paragraph", "names", "question", "taken"),
    [
        (
            "Returns the newest backup from the configured remote directory of the user.",
            ["download", "remoteBackups"],
            "the newest from the configured directory of the user",
            2,
        ),
        (
            "Keep the secrets of a tenant apart from those of the tenants beside it.",
            ["secret"],
            "keep of a tenant apart from those of the tenants beside it",
            1,
        ),
        (
            "Turns long texts into short vectors for the searcher, one model after the other.",
            ["searcher"],
            "turns long texts into short vectors, one model after the other",
            1,
        ),
    ],
)
def test_words_of_the_name_are_taken_out(
    paragraph: str, names: list[str], question: str, taken: int
) -> None:
    assert question_text_of(paragraph, names) == QuestionText(question, taken)


def test_with_too_much_taken_out_there_is_no_question() -> None:
    assert (
        question_text_of("Parse the header fields of a message.", ["parse_header_fields"]) is None
    )


def test_a_sentence_may_have_to_end() -> None:
    text = "Large files are split before they are uploaded"
    assert question_text_of(text, []) is not None
    assert question_text_of(text, [], whole=True) is None
    assert question_text_of(f"{text}.", [], whole=True) is not None
