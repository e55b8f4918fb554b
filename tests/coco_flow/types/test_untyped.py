import datetime
import enum
import uuid
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coco_flow.errors import ValueMismatch
from coco_flow.types import pack_any, pack_key, unpack_any, unpack_key
from tests.coco_flow.types.values import OFFSETS, VALUES, same, vectors

SCALARS = st.one_of(st.none(), *[VALUES[kind] for kind in VALUES if kind != "Json"], st.integers())
HASHABLE = st.text(max_size=5) | st.integers() | st.uuids() | st.tuples(st.dates(), st.booleans())
ANYTHING = st.recursive(
    SCALARS | vectors("Float32") | vectors("Int64"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(HASHABLE, inner, max_size=3)
    ),
    max_leaves=8,
)


@given(ANYTHING)
def test_values_survive_with_their_types(value: Any) -> None:
    assert same(unpack_any(pack_any(value)), value)


@given(st.dictionaries(HASHABLE, st.integers(), max_size=5), st.randoms())
def test_the_order_of_a_dict_does_not_show_in_the_bytes(value: Any, random: Any) -> None:
    items = list(value.items())
    random.shuffle(items)
    assert pack_any(dict(items)) == pack_any(value)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=">i4").reshape(2, 3),
        np.arange(6).reshape(2, 3)[:, ::2],
        np.array(3.5),
        np.array([True, False]),
    ],
)
def test_arrays_of_any_shape_survive(array: Any) -> None:
    again = unpack_any(pack_any(array))
    assert again.shape == array.shape
    assert np.array_equal(again, array)


def test_numpy_scalars_become_numbers() -> None:
    assert same(unpack_any(pack_any([np.float32(0.5), np.int64(3)])), [0.5, 3])


class Color(enum.Enum):
    RED = 1


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, Color.RED, np.array([object()]), datetime.time(1, tzinfo=datetime.UTC)],
)
def test_other_values_are_refused(value: Any) -> None:
    with pytest.raises(ValueMismatch, match="cannot be stored"):
        pack_any({"deep": [value]})


def test_an_unknown_extension_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown code 99"):
        unpack_any(msgpack.packb(msgpack.ExtType(99, b"")))


KEY_PARTS = st.one_of(
    *[VALUES[kind] for kind in VALUES if kind not in ("Json", "OffsetDateTime")], st.integers()
)


@given(st.lists(KEY_PARTS | st.tuples(KEY_PARTS, KEY_PARTS), min_size=1, max_size=4).map(tuple))
def test_keys_survive(key: tuple[Any, ...]) -> None:
    assert same(unpack_key(pack_key(key)), key)


@given(st.datetimes(timezones=OFFSETS), OFFSETS)
def test_equal_instants_are_equal_keys(when: datetime.datetime, zone: datetime.timezone) -> None:
    try:
        elsewhere = when.astimezone(zone)
        when.astimezone(datetime.UTC)
    except OverflowError:
        return
    assert pack_key((when,)) == pack_key((elsewhere,))
    assert unpack_key(pack_key((when,))) == (when,)


def test_a_key_of_parts_that_msgpack_has_no_type_for() -> None:
    key = ("a", uuid.UUID(int=5), datetime.date(2025, 1, 2), (1, 2**70))
    assert unpack_key(pack_key(key)) == key
    with pytest.raises(ValueMismatch, match="cannot be stored"):
        pack_key((frozenset(),))
