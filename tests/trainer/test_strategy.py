import socket

import pytest
import tensorflow as tf

from trainer import PeerLost, SettingsError, Topology, open_strategy
from trainer.distribution.strategy import TPU_SIGNS

TWO = Topology(("127.0.0.1:1", "127.0.0.1:2"), 0)


@pytest.fixture(autouse=True)
def _no_tpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for sign in TPU_SIGNS:
        monkeypatch.delenv(sign, raising=False)


@pytest.mark.parametrize("name", ["single", "auto"])
def test_one_device_is_trained_on_without_a_strategy(name: str) -> None:
    assert open_strategy(name) is tf.distribute.get_strategy()


def test_mirrored_takes_every_local_device() -> None:
    strategy = open_strategy("mirrored")
    assert isinstance(strategy, tf.distribute.MirroredStrategy)
    assert strategy.num_replicas_in_sync == len(tf.config.list_logical_devices("CPU"))


def test_tpu_is_refused_where_there_is_none() -> None:
    with pytest.raises(SettingsError, match=r"expected a TPU.*run on a TPU machine"):
        open_strategy("tpu")


@pytest.mark.parametrize("sign", ["TPU_NAME", "TPU_WORKER_HOSTNAMES"])
def test_auto_believes_signs_of_a_tpu(monkeypatch: pytest.MonkeyPatch, sign: str) -> None:
    monkeypatch.setenv(sign, "local")
    with pytest.raises(SettingsError, match="expected a TPU"):
        open_strategy("auto")


@pytest.mark.parametrize(
    ("name", "topology", "told"),
    [
        ("multi_worker", Topology(), "TF_CONFIG with several workers, got one worker"),
        ("single", TWO, 'multi_worker for 2 workers, got "single"'),
        ("mirrored", TWO, 'multi_worker for 2 workers, got "mirrored"'),
        ("miror", Topology(), 'did you mean "mirrored"'),
    ],
)
def test_what_does_not_go_together_is_refused(name: str, topology: Topology, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        open_strategy(name, topology)


def test_a_chief_tells_whom_it_waited_for() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as there,
        socket.create_server(("127.0.0.1", 0)) as gone,
    ):
        listens, silent = (f"127.0.0.1:{one.getsockname()[1]}" for one in (there, gone))
        gone.close()
        topology = Topology(("127.0.0.1:1", listens, silent), 0)
        told = (
            f"all 3 workers to start within 0.3 s, got nothing that listens at {silent}, worker 2"
        )
        with pytest.raises(PeerLost, match=told):
            open_strategy("multi_worker", topology, start_s=0.3)
