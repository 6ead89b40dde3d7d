"""The benchmark of samplers runs, and samples what it says."""

import json

import numpy as np
import pytest

import bench.sampling.__main__ as bench
from bench.sampling.keeping import keeping
from bench.sampling.offering import EARLY, LATE, offering
from bench.sampling.race import Contestant, race
from bench.sampling.stream import filled, rows_at

pytestmark = pytest.mark.long


def test_its_samplers_are_full_and_what_is_offered_can_enter():
    for name, weighting in EARLY.items():
        sampler = filled(weighting, records=100_000, capacity=1_000)
        assert len(sampler) == 1_000
        offsets = np.arange(100_000, 200_000)
        could = sampler.candidates("events", 0, offsets, 1_700_000_000_000 + offsets)
        before = sampler.sample()
        assert 700 < could.sum() < 2_000, name
        sampler.offer(rows_at(offsets[~could]))
        assert sampler.sample() == before
    for weighting, allocation in LATE.values():
        assert len(filled(weighting, allocation, records=100_000, capacity=1_000)) == 1_000


def test_each_part_gives_its_numbers(tmp_path, capsys):
    found = offering(1, records=60_000, column=5_000)
    assert {"offer_keys_per_s", "balanced_rows_per_s", "offer_vs_numpy"} <= set(found)
    kept = keeping(tmp_path, rows=2_000, rounds=3)
    assert {"history_checkpoint_s", "history_load_s", "history_recall_s"} <= set(kept)
    assert all(number > 0 for name, number in (found | kept).items() if "rss" not in name)
    printed = capsys.readouterr().out
    assert all(f"| {name} " in printed for name in (*EARLY, *LATE, "Algorithm R, numpy"))
    assert list(tmp_path.iterdir()) == []


def test_the_last_line_is_for_machines(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(bench, "offering", lambda repeats: {"offer_keys_per_s": 1e8 + 0.4})
    monkeypatch.setattr(bench, "keeping", lambda folder: {"history_checkpoint_s": 0.12345})
    bench.main(["--data", str(tmp_path)])
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    results = {"offer_keys_per_s": 100_000_000, "history_checkpoint_s": 0.123}
    assert last == {"bench": "sampling", "results": results}


def test_a_contestant_without_a_sample_is_found_out():
    with pytest.raises(RuntimeError, match="empty: expected a sample"):
        race([Contestant("empty", lambda: lambda: 0, 10)], 1)
