"""The benchmark of prequential accuracy tests each record once, and before it is learned."""

import itertools
import json

import numpy as np
import pytest

import bench.prequential.__main__ as bench
from bench.prequential.beside import MODELS, progressive
from bench.prequential.rounds import Settings, accuracy, read_rounds, round_sizes
from bench.prequential.streams import NAMES, REAL, make_stream
from examples.arrays import as_rows
from millstream.publish_file import send_rows

pytestmark = pytest.mark.long

SMALL = Settings(size=40, epochs=1, width=8, kept=100)


def rows_of(stream):
    schema = stream.schema
    words = np.array(schema.label.vocabulary)
    return schema, as_rows(
        {
            "x": np.array(stream.numbers, np.float32),
            "y": np.searchsorted(words, np.array(stream.labels)).astype(np.int32),
        }
    )


def test_rounds_grow_and_hold_each_record_once():
    assert list(round_sizes(130, SMALL)) == [10, 20, 30, 40, 30]
    assert sum(round_sizes(1_250, Settings())) == 1_250


def test_windows_of_a_topic_are_the_stream_in_its_order(kafka, topic):
    stream = make_stream("Phishing", 0, 130)
    connection = {"bootstrap_servers": kafka.bootstrap_servers}
    send_rows(stream.records(), topic, connection)
    found = list(read_rounds(kafka.bootstrap_servers, topic, stream.schema, 130, SMALL))
    assert [len(rows) for rows in found] == [10, 20, 30, 40, 30]
    x = np.concatenate([rows.columns["x"] for rows in found])
    np.testing.assert_array_equal(x, np.array(stream.numbers, np.float32))
    words = np.array(stream.schema.label.vocabulary)
    y = np.concatenate([rows.labels(stream.schema) for rows in found])
    assert words[y].tolist() == stream.labels


def test_a_record_is_predicted_before_it_is_learned(tmp_path):
    """Labels by chance cannot be predicted, by nobody."""
    schema, rows = rows_of(make_stream("Phishing", 0, 400))
    drawn = np.random.default_rng(0).integers(0, 2, len(rows)).astype(np.int32)
    chance = as_rows({"x": rows.columns["x"], "y": drawn})
    sizes = np.cumsum([0, *round_sizes(len(rows), SMALL)])
    parts = [chance.take(np.arange(a, b)) for a, b in itertools.pairwise(sizes)]
    ours, seen = accuracy(parts, schema, 0, tmp_path, SMALL)
    assert seen == chance
    assert 0.4 < ours < 0.6
    assert 0.4 < progressive("Hoeffding tree", chance, schema, 0) < 0.6


def test_rivers_models_learn():
    schema, rows = rows_of(make_stream("Phishing", 0, 400))
    assert all(progressive(name, rows, schema, 0) > 0.7 for name in MODELS)


@pytest.mark.parametrize("name", NAMES)
def test_generated_streams_follow_their_seed(name):
    one, again, other = (make_stream(name, seed, 60) for seed in (1, 1, 2))
    assert one == again
    assert (one == other) is (name in REAL)
    assert len(one.labels) == 60
    assert json.loads(next(iter(one.records())))["x"] == one.numbers[0]


def test_the_table_and_the_last_line(capsys):
    scores = {"millstream": [0.9, 0.8], "LR": [0.7, 0.7], "Hoeffding tree": [0.8, 0.6]}
    found = {"SEA": scores | {"ARF": [0.95, 0.85]}, "Bananas": scores | {"ARF": [0.7, 0.8]}}
    bench.print_table(found)
    printed = capsys.readouterr().out
    cells = ["SEA", "0.850 ± 0.071", "0.700 ± 0.000", "0.700 ± 0.141", "0.900 ± 0.071"]
    assert " | ".join([*cells, "-0.050 (ARF), 0 of 2 seeds |"]) in printed
    assert bench.results(found) == {
        "sea_millstream": 0.85,
        "sea_best_river": 0.9,
        "bananas_millstream": 0.85,
        "bananas_best_river": 0.75,
        "streams_at_or_above": 1,
    }
