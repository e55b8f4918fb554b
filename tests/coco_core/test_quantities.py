import pytest
from hypothesis import given
from hypothesis import strategies as st

from coco_core.quantities import byte_count, count, duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.85, "850 ms"),
        (42.4, "42 s"),
        (59.9, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (4 * 86_400 + 3 * 3600, "4 d 3 h"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (3400, "3.4 kB"), (24_000_000, "24 MB"), (999_999, "1.0 MB")],
)
def test_byte_count(size: int, text: str) -> None:
    assert byte_count(size) == text


@given(st.integers(0, 10**15))
def test_sizes_have_three_digits_at_most(size: int) -> None:
    number = byte_count(size).split()[0]
    assert len(number.replace(".", "")) <= 3 or byte_count(size).endswith("TB")


def test_count() -> None:
    assert (count(1, "file"), count(2000, "file")) == ("1 file", "2,000 files")
    assert count(0, "index", "indexes") == "0 indexes"
