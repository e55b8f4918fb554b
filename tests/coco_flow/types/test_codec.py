import datetime
import hashlib
import threading
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coco_flow.errors import ValueMismatch
from coco_flow.types import (
    BasicValueType,
    Json,
    Vector,
    analyze_type_info,
    digest,
    enriched_type,
    make_engine_value_decoder,
    make_engine_value_encoder,
    make_packer,
    make_unpacker,
)
from coco_flow.types.codec import Schema
from tests.coco_flow.types.structs import Address, Everything, Person, ShopKey
from tests.coco_flow.types.values import (
    FLOAT32,
    INT64,
    JSON,
    OFFSETS,
    TEXT,
    VALUES,
    same,
    union_type,
    vector_type,
    vectors,
)

pytestmark = pytest.mark.slow


def stored(value: Any, schema: Schema) -> Any:
    return make_unpacker(schema)(make_packer(schema)(value))


@pytest.mark.row("TY-1 basic types")
@pytest.mark.parametrize("kind", VALUES)
@given(data=st.data())
def test_scalars_survive(kind: str, data: st.DataObject) -> None:
    value = data.draw(st.none() | VALUES[kind])
    assert same(stored(value, BasicValueType(kind)), value)


@pytest.mark.row("TY-1 basic types")
def test_scalars_at_the_ends_of_their_ranges_survive() -> None:
    for value in (
        datetime.timedelta.min,
        datetime.timedelta.max,
        datetime.timedelta(days=-5, hours=-2, microseconds=-1),
    ):
        assert stored(value, BasicValueType("TimeDelta")) == value
    west = datetime.timezone(datetime.timedelta(hours=-23))
    for value in (
        datetime.datetime.max.replace(tzinfo=west),
        datetime.datetime.min.replace(tzinfo=datetime.UTC),
        datetime.datetime(2025, 1, 2, 3, 4, 5, 6, tzinfo=west),
    ):
        again = stored(value, BasicValueType("OffsetDateTime"))
        assert (again, again.utcoffset()) == (value, value.utcoffset())


@pytest.mark.parametrize("kind", VALUES)
@given(data=st.data())
def test_vectors_survive(kind: str, data: st.DataObject) -> None:
    value = data.draw(st.none() | vectors(kind))
    assert same(stored(value, vector_type(kind)), value)


@pytest.mark.row("TY-3 multi-vector")
def test_vectors_of_vectors_survive() -> None:
    nested = enriched_type(Vector[Vector[np.float32, Literal[3]]])
    value = [np.array([1, 2, 3], np.float32), np.array([4, 5, 6], np.float32)]
    assert same(stored(value, nested), value)


def test_lists_of_numbers_may_stand_for_arrays() -> None:
    assert same(stored([1, 2], vector_type("Float32")), np.array([1, 2], np.float32))


KINDS_OF_UNION = (
    "Int64",
    "Str",
    "Bytes",
    "Uuid",
    "Range",
    "OffsetDateTime",
    "LocalDateTime",
    "Date",
)


@pytest.mark.row("TY-7 union")
@given(st.one_of(*[VALUES[kind] for kind in KINDS_OF_UNION], st.none()))
def test_values_of_unions_survive(value: Any) -> None:
    assert same(stored(value, union_type(*KINDS_OF_UNION)), value)


@pytest.mark.row("TY-7 union")
def test_json_takes_what_no_other_variant_of_a_union_does() -> None:
    union = union_type("Json", "Int64")
    assert stored(5, union) == 5
    assert stored({"a": [1]}, union) == {"a": [1]}
    with pytest.raises(ValueMismatch, match="of no variant"):
        stored(b"x", union)


EVERYTHING = st.builds(
    Everything,
    text=TEXT,
    data=VALUES["Bytes"],
    flag=st.booleans(),
    count=INT64,
    ratio=VALUES["Float64"],
    single=FLOAT32,
    span=VALUES["Range"],
    id=st.uuids(),
    day=st.dates(),
    hour=st.times(),
    when=st.datetimes(timezones=OFFSETS),
    local=st.datetimes(),
    lasts=st.timedeltas(),
    extra=JSON,
    embedding=vectors("Float32"),
    counts=vectors("Int64"),
    tags=st.lists(TEXT, max_size=3),
    home=st.builds(Address, TEXT, INT64),
    people=st.lists(st.builds(Person, TEXT, st.builds(Address, TEXT)), max_size=2),
    shops=st.dictionaries(st.builds(ShopKey, TEXT, INT64), st.builds(Address, TEXT), max_size=3),
    maybe=st.none() | TEXT,
    others=st.lists(TEXT, max_size=2),
)


@given(EVERYTHING)
def test_structs_survive_all_conversions(value: Everything) -> None:
    info = analyze_type_info(Everything)
    schema = enriched_type(Everything)
    encoded = make_engine_value_encoder(info)(value)
    decoded = make_engine_value_decoder([], schema.type, info)(stored(encoded, schema))
    assert all(same(getattr(decoded, name), item) for name, item in vars(value).items())


@given(st.permutations([(letter, number) for number, letter in enumerate("abcdef")]))
def test_the_order_of_a_dict_does_not_show_in_the_bytes(items: list[tuple[str, int]]) -> None:
    pack = make_packer(enriched_type(Json))
    assert pack({"x": dict(items)}) == pack({"x": dict(sorted(items))})
    table = enriched_type(dict[str, Address])
    rows = [[letter, letter * 2, number] for letter, number in items]
    assert make_packer(table)(rows) == make_packer(table)(sorted(rows))


def test_the_order_of_a_list_does() -> None:
    pack = make_packer(enriched_type(list[Address]))
    assert pack([["a", 1], ["b", 2]]) != pack([["b", 2], ["a", 1]])


@given(st.lists(JSON, min_size=2, max_size=2))
def test_different_values_have_different_bytes(pair: list[Any]) -> None:
    pack = make_packer(enriched_type(Json))
    assert (pack(pair[0]) == pack(pair[1])) == same(*pair) or pair[0] == pair[1]


def test_rows_are_packed_as_their_fields() -> None:
    fields = enriched_type(Person).type.fields
    assert stored(["Ann", ["Elm", 3]], fields) == ["Ann", ["Elm", 3]]
    assert make_packer(fields)(("Ann", ("Elm", 3))) == make_packer(fields)(["Ann", ["Elm", 3]])


def test_file_names_that_are_no_utf8_survive() -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert stored(name, BasicValueType("Str")) == name


def test_a_vector_is_stored_as_its_bytes() -> None:
    vector = np.arange(384, dtype=np.float32)
    packed = make_packer(vector_type("Float32"))(vector)
    assert vector.tobytes() in packed
    assert len(packed) < vector.nbytes + 8


@pytest.mark.parametrize(
    ("value", "annotation"),
    [({1, 2}, Json), ({1: 2}, Json), (5, datetime.date), (object(), str), (5, Everything)],
)
def test_values_that_cannot_be_stored_are_errors(value: Any, annotation: Any) -> None:
    with pytest.raises(ValueMismatch, match="cannot be stored as"):
        make_packer(enriched_type(annotation))(value)


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x93\x01", b"\xc7\x01\x63\x00"])
def test_other_bytes_are_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        make_unpacker(enriched_type(Address))(data)


def test_threads_do_not_mix_their_bytes() -> None:
    pack = make_packer(enriched_type(Json))
    values = [{str(i): list(range(i, i + 50))} for i in range(200)]
    expected = [pack(value) for value in values]
    results: list[list[bytes]] = []
    threads = [
        threading.Thread(target=lambda: results.append([pack(value) for value in values]))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 4


def test_a_large_value_does_not_keep_its_buffer() -> None:
    pack = make_packer(BasicValueType("Bytes"))
    large = bytes(3 * 1024 * 1024)
    assert make_unpacker(BasicValueType("Bytes"))(pack(large)) == large
    assert make_unpacker(BasicValueType("Bytes"))(pack(b"x")) == b"x"


def test_the_digest_knows_where_parts_end() -> None:
    assert len(digest(b"")) == 16
    assert digest(b"ab") == hashlib.sha256(b"ab").digest()[:16]
    several = [digest(b"ab", b"c"), digest(b"a", b"bc"), digest(b"abc"), digest(b"", b"abc")]
    assert len(set(several)) == 4
