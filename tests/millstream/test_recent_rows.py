"""After a drift newer rows of the window weigh more: for one worker, and for two alike."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from ingest import Field, Rows, Schema, Vocabularies
from millstream.config.sample import SampleConfig
from millstream.drift.reaction import Reaction
from millstream.shared_rows import shared_rows
from millstream.training_rows import training_rows
from trainer import run_workers

REACTION = Reaction("why", newest_ms=9_000, half_life_ms=1_000.0)
NOTHING = Vocabularies({})
COUNT = 10


def rows_of(offsets: np.ndarray) -> Rows:
    """Rows of two partitions, one a second; the second field is the schema's weight."""
    partition = (offsets % 2).astype(np.int32)
    order = np.lexsort((offsets, partition))
    offsets, partition = offsets[order], partition[order]
    columns = {
        "a": offsets.astype(np.float32),
        "w": (1 + offsets % 3).astype(np.float32),
        "y": offsets % 2 == 0,
    }
    topic = np.zeros(len(offsets), np.int32)
    return Rows(("t",), topic, partition, offsets, offsets * 1_000, columns)


def turn_of(rows: Rows, reaction: Reaction | None) -> SimpleNamespace:
    window = SimpleNamespace(train=rows, train_weights=np.full(len(rows), 3.0))
    plan = SimpleNamespace(reaction=reaction, history_rows=0, seed=1, round=1)
    return SimpleNamespace(window=window, plan=plan, parent=None, vocabularies=NOTHING)


def pipeline_of(weights: str, *, weighed: bool) -> SimpleNamespace:
    fields = [Field("a", "float32"), Field("y", "bool", "label")]
    if weighed:
        fields.append(Field("w", "float32", "weight"))
    config = SimpleNamespace(sample=SampleConfig(weights=weights))
    return SimpleNamespace(config=config, schema=Schema(tuple(fields)))


@pytest.mark.parametrize("weights", ["none", "stream"])
@pytest.mark.parametrize("weighed", [False, True])
def test_newer_rows_weigh_more(weights: str, weighed: bool) -> None:
    pipeline, rows = pipeline_of(weights, weighed=weighed), rows_of(np.arange(COUNT))
    turn = turn_of(rows, REACTION)
    found = training_rows(pipeline, None, turn.window, turn.plan, NOTHING)
    expected = 2.0 ** (rows.offset - 9.0)
    expected = expected / expected.mean() * (rows.columns["w"] if weighed else 1.0)
    np.testing.assert_allclose(found.weights, expected)


def test_without_a_reaction_nothing_weighs() -> None:
    turn = turn_of(rows_of(np.arange(COUNT)), None)
    pipeline = pipeline_of("none", weighed=False)
    assert training_rows(pipeline, None, turn.window, turn.plan, NOTHING).weights is None


@pytest.mark.parametrize("weights", ["none", "stream"])
def test_two_workers_weigh_as_one(weights: str) -> None:
    pipeline, rows = pipeline_of(weights, weighed=True), rows_of(np.arange(COUNT))
    turn = turn_of(rows, REACTION)
    alone = training_rows(pipeline, None, turn.window, turn.plan, NOTHING)

    def work(workers):
        mine = rows.take(rows.partition == workers.rank)
        return shared_rows(pipeline, turn_of(mine, REACTION), workers)[1]

    for roster in run_workers(2, work):
        assert roster.rows.offset.tolist() == alone.rows.offset.tolist()
        np.testing.assert_allclose(roster.weight, alone.weights)
