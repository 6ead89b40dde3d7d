"""The service trains a model whose layers lie on four devices, and publishes it whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from millstream.config.config import load_config
from millstream.local import open_registry
from millstream.pipeline import make_registry
from millstream.rounds.store import RoundStore
from registry import LiteModel, weights

from .project import MODEL, create_topic, make_project, make_rows

SHARDED = MODEL.replace(
    "import keras\n", "import keras\nimport millstream\n\nmillstream.virtual_devices(4)\n", 1
)
SHARDED = SHARDED.replace("layers.Embedding(4, 3)", "millstream.ShardedEmbedding(4, 3, 4)")
SHARDED = SHARDED.replace("layers.Dense(32, ", "millstream.ShardedDense(32, 4, ")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_round_of_a_sharded_model(kafka, topic: str, tmp_path: Path) -> None:
    create_topic(kafka.bootstrap_servers, topic)
    project = make_project(tmp_path, kafka.bootstrap_servers, topic, epochs=2)
    (tmp_path / "model.py").write_text(SHARDED)
    project.produce(make_rows(500, 1))
    done = project.command("run", "--rounds", "1", timeout=280)
    assert done.code == 0, done.output
    replayed = project.command("replay", "1", timeout=280)  # in another process
    assert "bit for bit the same" in replayed.output, replayed.output

    folder = RoundStore(project.state_dir / "rounds").complete()[-1]
    with np.load(folder.weights) as saved:
        header = saved["header"].tobytes().decode()
    assert [f"embeddings_part{part}" in header for part in range(5)] == [True] * 4 + [False]
    config = load_config(tmp_path / "millstream.toml")
    registry = make_registry(config, open_registry(config))
    champion = registry.champion()
    assert champion is not None
    assert champion.version == 1
    exported = registry.tflite(champion)
    assert ("GATHER", 4 * 3) in [(weight.op, weight.values.size) for weight in weights(exported)]
    rows = {"a": np.zeros(3), "b": np.zeros(3), "kind": np.arange(3)}
    assert LiteModel(exported).predict(rows).shape == (3,)
