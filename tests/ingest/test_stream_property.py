"""Any lengths, holes, polls, windows and breaks: a broken stream gives what a whole one does."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ingest.stream_samples import good, records, taken

parts = st.dictionaries(
    st.tuples(st.sampled_from("ab"), st.integers(0, 2)), st.integers(0, 60), min_size=1, max_size=4
)
ways = st.fixed_dictionaries(
    {"shuffle": st.one_of(st.none(), st.integers(1, 50)), "block_bytes": st.integers(1, 3000)},
    optional={"block_rows": st.integers(1, 50), "seed": st.integers(0, 3)},
)


@settings(deadline=None, max_examples=40)
@given(parts, ways, st.integers(1, 30), st.integers(2, 9), st.lists(st.integers(0, 40), max_size=4))
def test_breaks_and_polls_change_nothing(lengths, way, most, step, breaks):
    found = records(lengths, hole=lambda offset: offset % step == step - 1)
    whole = taken(found, 1000, **way).take(10_000)
    assert sorted(whole) == good(found)
    stream, rows = taken(found, most, **way), []
    for count in [*breaks, 10_000]:
        rows += stream.take(count)
        stream = taken(found, most, start=stream.stream.state(), **way)
    assert rows == whole
    assert stream.take(10_000) == []
