import dataclasses

import numpy as np
import pytest

from ingest import Field, Rows, RowsError, Schema
from ingest.ragged import Ragged
from tests.ingest.samples import SCHEMA, TOPICS, make_rows

WITHOUT_WEIGHT = Schema(SCHEMA.fields[:-1])
RICH = Schema(
    (
        Field("words", "string"),
        Field("raw", "bytes"),
        Field("path", "float32", length="ragged"),
        Field("flags", "bool", length="ragged"),
        Field("pixels", "int32", length=3),
        Field("at", "timestamp"),
        Field("label", "float64", "label"),
    )
)


def make_rich(count, first=0):
    """Rows of all shapes: texts, bytes, lists of one and of many lengths, moments."""
    plain = make_rows(count, first)
    numbers = range(first, first + count)
    columns = {
        "words": Ragged.of([("ø" * (n % 4)).encode() for n in numbers], np.uint8),
        "raw": Ragged.of([bytes(range(n % 5)) for n in numbers], np.uint8),
        "path": Ragged.of([[n / 8] * (n % 3) for n in numbers], np.float32),
        "flags": Ragged.of([[n % 2 == 0] * (n % 6) for n in numbers], np.bool_),
        "pixels": np.arange(3 * first, 3 * (first + count), dtype=np.int32).reshape(count, 3),
        "at": np.array(numbers, np.int64) + 1_700_000_000_000,
        "label": np.array(numbers, np.float64) / 3,
    }
    return dataclasses.replace(plain, columns=columns)


@pytest.mark.parametrize("count", [0, 1, 500])
def test_a_file_gives_back_rows_of_all_shapes(tmp_path, count):
    rows = make_rich(count)
    rows.save(tmp_path / "rows.arrow")
    again = Rows.load(tmp_path / "rows.arrow")
    assert again == rows
    assert [type(c) for c in again.columns.values()] == [type(c) for c in rows.columns.values()]
    assert again.columns["pixels"].shape == (count, 3)
    assert Rows.concat([Rows.empty(RICH, TOPICS), rows]) == rows


@pytest.mark.parametrize("count", [0, 1, 500])
def test_a_mapped_file_gives_back_the_same_rows(tmp_path, count):
    rows = make_rich(count)
    rows.save(tmp_path / "rows.arrow")
    again = Rows.load(tmp_path / "rows.arrow", mapped=True)
    (tmp_path / "rows.arrow").unlink()
    assert again == rows
    assert again.take(np.arange(count)[::-3]) == rows.take(np.arange(count)[::-3])


def test_what_is_mapped_takes_no_memory(tmp_path):
    import pyarrow as pa

    rows, free = make_rich(20_000), pa.total_allocated_bytes()
    rows.save(tmp_path / "rows.arrow")
    kept = Rows.load(tmp_path / "rows.arrow", mapped=True)
    of_bools = len(rows.columns["flags"].values)
    assert pa.total_allocated_bytes() - free < of_bools + 1_000
    arrays = [*kept.columns.values(), kept.offset]
    ragged = [array for array in arrays if isinstance(array, Ragged)]
    plain = [array for array in arrays if not isinstance(array, Ragged)]
    plain += [array.splits for array in ragged]
    plain += [array.values for array in ragged if array.dtype != np.bool_]
    assert not any(array.flags.owndata or array.flags.writeable for array in plain)


def test_rows_of_all_shapes_are_taken_sorted_and_joined():
    rows = make_rich(60)
    order = np.random.default_rng(3).permutation(60)
    shuffled = rows.take(order)
    for at, place in enumerate(order):
        assert shuffled.columns["words"].texts()[at] == rows.columns["words"].texts()[place]
        assert shuffled.columns["path"].row(at).tolist() == rows.columns["path"].row(place).tolist()
    assert shuffled != rows
    assert shuffled.sorted_by_identity() == rows.sorted_by_identity()
    assert Rows.concat([make_rich(25), make_rich(35, 25)]) == rows
    mask = np.arange(60) % 7 == 0
    assert rows.take(mask) == rows.take(np.flatnonzero(mask))
    assert len(rows.take([])) == 0


def test_rows_differ_by_one_value_of_a_list():
    rows, other = make_rich(9), make_rich(9)
    other.columns["path"].values[0] += 1
    assert rows != other


def test_ragged_columns_are_no_features_of_one_shape():
    with pytest.raises(RowsError, match="got a ragged column"):
        make_rich(3).features(RICH)


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_a_file_gives_back_the_same_rows(tmp_path, count):
    rows = make_rows(count)
    rows.save(tmp_path / "rows.arrow")
    again = Rows.load(tmp_path / "rows.arrow")
    assert again == rows
    assert [c.dtype for c in again.columns.values()] == [f.numpy_dtype for f in SCHEMA.fields]
    assert list(again.columns) == [f.name for f in SCHEMA.fields]
    assert [path.name for path in tmp_path.iterdir()] == ["rows.arrow"]


def test_extreme_values_survive_the_file(tmp_path):
    rows = make_rows(3)
    extreme = {
        **rows.columns,
        "amount": np.array([np.finfo(np.float32).max, np.float32(1e-45), -0.0], np.float32),
        "big": np.array([-(2**63), 2**63 - 1, 0]),
    }
    rows = dataclasses.replace(rows, columns=extreme, offset=np.array([0, 2**62, 2**63 - 1]))
    rows.save(tmp_path / "rows.arrow")
    again = Rows.load(tmp_path / "rows.arrow")
    assert again == rows
    assert again.columns["amount"].tobytes() == rows.columns["amount"].tobytes()


@pytest.mark.parametrize("content", [b"", b"ARROW1 and then nothing", None])
def test_a_damaged_file_is_refused(tmp_path, content):
    path = tmp_path / "rows.arrow"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RowsError, match=r"rows\.arrow: expected a file of rows"):
        Rows.load(path)


def test_a_cut_file_is_refused(tmp_path):
    path = tmp_path / "rows.arrow"
    make_rows(1000).save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(RowsError):
        Rows.load(path)


def test_any_other_arrow_file_is_refused(tmp_path):
    import pyarrow as pa

    table = pa.table({"x": [1]})
    with pa.ipc.new_file(tmp_path / "other.arrow", table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(RowsError, match="expected rows of format 1, got None"):
        Rows.load(tmp_path / "other.arrow")


def test_concat_unites_topics_by_name():
    one, two = make_rows(4, topics=("b",)), make_rows(6, topics=("a", "c"))
    both = Rows.concat([one, two])
    assert both.topics == ("a", "b", "c")
    names = [both.topics[topic] for topic in both.topic]
    assert names == ["b"] * 4 + ["a", "c"] * 3
    assert both.columns["count"].tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 4, 5]


def test_concat_needs_the_same_columns():
    with pytest.raises(RowsError, match="same columns"):
        Rows.concat([Rows.empty(SCHEMA, TOPICS), Rows.empty(WITHOUT_WEIGHT, TOPICS)])
    with pytest.raises(RowsError, match="nothing to concatenate"):
        Rows.concat([])


def test_sorting_is_by_name_of_topic_then_partition_then_offset():
    rows = make_rows(60)
    shuffled = rows.take(np.random.default_rng(1).permutation(60))
    names = [(int(t), int(p), int(o)) for t, p, o in shuffled.sorted_by_identity().identities()]
    assert names == sorted(names)
    assert len(set(names)) == 60


def test_take_by_places_and_by_mask():
    rows = make_rows(5)
    mask = np.array([True, False, False, True, False])
    assert rows.take([0, 3]) == rows.take(mask)
    assert len(rows.take([])) == 0
    assert rows.take([]) == Rows.empty(SCHEMA, TOPICS)
    assert rows != rows.take([4, 3, 2, 1, 0])


def test_taken_rows_are_copies():
    rows = make_rows(5)
    taken = rows.take(np.arange(5))
    taken.columns["count"][0] = 99
    taken.offset[0] = 99
    assert rows == make_rows(5)


def test_roles():
    rows = make_rows(5)
    assert list(rows.features(SCHEMA)) == [f.name for f in SCHEMA.features]
    assert rows.labels(SCHEMA) is rows.columns["late"]
    assert rows.weights(SCHEMA) is rows.columns["weight"]
    assert rows.weights(WITHOUT_WEIGHT) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"topics": ("b", "a")},
        {"topics": ("a", "a")},
        {"topics": ("a",)},
        {"offset": np.zeros(5, np.int32)},
        {"partition": np.zeros(4, np.int32)},
        {"columns": {"x": np.zeros(6)}},
        {"topic": np.full(5, -1, np.int32)},
    ],
)
def test_columns_that_do_not_fit_are_refused(changed):
    with pytest.raises(RowsError):
        dataclasses.replace(make_rows(5), **changed)


@pytest.mark.parametrize(
    ("about", "message"),
    [
        (b"[]", r"rows of format 1, got \[\]"),
        (b'{"format": 1}', "expected topics, and columns identity.topic, identity.partition"),
        (b'{"format": 1, "topics": ["a"]}', "expected topics, and columns identity.topic"),
    ],
)
def test_a_file_of_other_rows_is_refused(tmp_path, about, message):
    import pyarrow as pa

    table = pa.table({"amount": [1, 2]}).replace_schema_metadata({b"millstream": about})
    with pa.ipc.new_file(str(tmp_path / "rows.arrow"), table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(RowsError, match=message):
        Rows.load(tmp_path / "rows.arrow")
