"""Damaged batches, by the thousand: what kafka-python gives, or an error, and never a crash."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ingest.wire_batches import CODECS, batch, kafka_python, ours
from tests.ingest.wire_mutations import ABORTED, compare, mutated

ROOT = Path(__file__).parents[2]
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]

text = st.text(max_size=4)
blob = st.none() | st.binary(max_size=40)
record = st.tuples(
    st.integers(-(2**62), 2**62), blob, blob, st.lists(st.tuples(text, blob), max_size=3)
)


@given(
    batches=st.lists(st.lists(record, min_size=1, max_size=8), min_size=1, max_size=4),
    codec=st.sampled_from(list(CODECS)),
    step=st.sampled_from([1, 1, 3, 1000]),
    offset=st.integers(0, 20),
    most=st.integers(1, 20),
)
@settings(max_examples=300, deadline=None)
def test_whatever_is_written_is_read_as_kafka_python_reads_it(batches, codec, step, offset, most):
    parts, base = [], 0
    for content in batches:
        first = content[0][0]
        # A delta of timestamps has 64 bits, so they may be half as far apart.
        made = [(n * step, first + when % 2**40, *rest) for n, (when, *rest) in enumerate(content)]
        parts.append(batch(base, made, codec))
        base += step * len(content)
    buffer = b"".join(parts)
    rows, error, end = kafka_python(buffer, offset)
    assert error is None
    kept = [row for row in rows if row[0] >= offset]
    assert ours(buffer, offset, most=most) == (kept, None, max(end, offset))


@given(seed=st.integers(0, 2**63))
@settings(max_examples=1500, deadline=None, suppress_health_check=SLOW)
def test_damage_gives_what_kafka_python_gives_or_an_error(seed):
    buffer = mutated(seed)
    for aborted in (None, ABORTED):
        compare(buffer, seed % 24, aborted)


@given(garbage=st.binary(max_size=300))
@settings(max_examples=500, deadline=None)
def test_garbage_gives_an_error_or_nothing(garbage):
    rows, _, _ = ours(garbage)
    assert rows == []


def test_the_damage_is_of_all_sorts():
    """Else the tests above prove less than they seem to."""
    outcomes = Counter(compare(mutated(seed), 0, None) for seed in range(600))
    print(dict(outcomes))
    assert min(outcomes["the same"], outcomes["both fail"]) >= 100, outcomes
    assert outcomes["we are stricter"] >= 3, outcomes


@pytest.mark.slow
def test_no_index_is_out_of_bounds(tmp_path):
    """The same damage with numba's own checks of every index, which are off in use."""
    code = (
        "from collections import Counter\n"
        "from tests.ingest.wire_mutations import ABORTED, compare, mutated\n"
        "print(Counter(compare(mutated(seed), seed % 24, ABORTED) for seed in range(4000)))"
    )
    checked = {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **checked},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "both fail" in done.stdout
