import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import Position, PositionError, SettingsError
from ingest.stream.settings import StreamSettings
from ingest.stream.state import StreamState
from tests.ingest.stream_samples import SCHEMA

SETTINGS = StreamSettings(("b", "a"), SCHEMA)
START, END = Position({"a": {0: 10, 1: 20, 2: 0}}), Position({"a": {0: 15, 1: 27, 2: 4}})


def state(after=("a", 1, 22), **changed):
    plain = {
        "begin": Position({"a": {0: 0, 1: 0, 2: 0}}),
        "end": Position({"a": {0: 100, 1: 100, 2: 100}}),
        "epoch": 2,
        "block_start": START,
        "block_end": END,
        "after": after,
        "settings": SETTINGS.deciding(),
    }
    return StreamState(**{**plain, **changed})


def test_the_position_is_exact_within_a_block():
    assert state().position == Position({"a": {0: 15, 1: 23, 2: 0}})
    assert state(None).position == START
    assert state(("a", 2, 3)).position == END


def test_the_position_of_a_shuffled_block_is_its_start():
    shuffled = StreamSettings(("a",), SCHEMA, shuffle=64).deciding()
    assert state(settings=shuffled).position == START


@settings(deadline=None)
@given(st.one_of(st.none(), st.tuples(st.text(max_size=3), st.integers(0, 9), st.integers(0))))
def test_a_plain_form_and_back(after):
    one = state(after)
    assert StreamState.from_json(json.loads(json.dumps(one.to_json()))) == one


def test_saved_and_loaded(tmp_path):
    path = tmp_path / "state.json"
    for one in (state(), state(None, end=None)):
        one.save(path)
        assert StreamState.load(path) == one
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected the state"),
        ("[]", "version 1"),
        ('{"version": 2}', "version 1, got '2'"),
        ('{"version": 1}', "not whole"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, text, told):
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(PositionError, match=told):
        StreamState.load(path)


def test_no_file_is_refused(tmp_path):
    with pytest.raises(PositionError, match="expected the state of a stream"):
        StreamState.load(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"shuffle": 9}, "shuffle = None, this one has 9"),
        ({"share": (0, 2)}, r"share = \[0, 1\], this one has \[0, 2\]"),
        ({"block_rows": 5}, "block_rows = 65536, this one has 5"),
        ({"topics": ("a",)}, r"topics = \['a', 'b'\], this one has \['a'\]"),
    ],
)
def test_a_state_of_another_stream_is_refused_with_both_values(changed, told):
    plain = {"topics": SETTINGS.topics, "schema": SCHEMA, **changed}
    with pytest.raises(SettingsError, match=told):
        state().check(StreamSettings(**plain).deciding())


def test_it_knows_when_all_was_given():
    end = state().end
    assert state(None, block_start=end, block_end=end).is_finished
    assert not state(None).is_finished
    assert not state(None, end=None).is_finished


@pytest.mark.parametrize(
    "wrong",
    [
        {"shuffle": 0},
        {"block_rows": -1},
        {"block_bytes": True},
        {"share": (2, 2)},
        {"idle_s": 0.0},
        {"stall_s": -1.0},
        {"topics": ()},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        StreamSettings(**{"topics": ("a",), "schema": SCHEMA, **wrong})
