from pathlib import Path

import pytest

import trainer
from millstream.errors import UsageError
from millstream.workers.environment import local_environments, own_rank
from millstream.workers.gpus import VISIBLE, gpus_of, gpus_of_each, shares_gpu, told_gpus


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("", []),
        ("-1", []),
        ("0", ["0"]),
        ("2, 0", ["2", "0"]),
        ("1,-1,0", ["1"]),
        ("0,-5,1", ["0"]),
        ("0,0,1", ["0", "1"]),
        ("NoDevFiles", []),
        ("MIG-GPU-1/1/0,MIG-2", ["MIG-GPU-1/1/0", "MIG-2"]),
        ("GPU-8932f937-d72c", ["GPU-8932f937-d72c"]),
    ],
)
def test_gpus_are_those_that_cuda_is_told(tmp_path: Path, named: str, found: list[str]) -> None:
    (tmp_path / "nvidia5").touch()
    assert gpus_of({VISIBLE: named}, tmp_path) == found


def test_else_they_are_those_of_the_driver(tmp_path: Path) -> None:
    assert gpus_of({}, tmp_path) == []
    for name in ("nvidia10", "nvidia5", "nvidia6", "nvidiactl", "nvidia-uvm", "nvidia-caps"):
        (tmp_path / name).touch()
    assert gpus_of({}, tmp_path) == ["0", "1", "2"]


def test_in_windows_there_is_the_first_one(tmp_path: Path) -> None:
    (tmp_path / "dxg").touch()
    assert gpus_of({}, tmp_path) == ["0"]


def test_each_worker_takes_equally_many_gpus() -> None:
    def taken(gpus: str, count: int) -> list[str | None]:
        return [one.get(VISIBLE) for one in gpus_of_each(gpus.split(), count)]

    assert taken("0 1 2 3", 2) == ["0,1", "2,3"]
    assert taken("0 1 2", 2) == ["0", "1"]
    assert taken("a b", 2) == ["a", "b"]
    assert taken("0 1", 1) == [None]
    assert taken("", 3) == [None] * 3


def test_more_workers_than_gpus_share_them_and_know_it() -> None:
    each = gpus_of_each(["4", "5"], 3)
    assert [one[VISIBLE] for one in each] == ["4", "5", "4"]
    assert all(shares_gpu(one) for one in each)
    assert not any(shares_gpu(one) for one in gpus_of_each(["4", "5"], 2))
    assert all(shares_gpu(one) for one in gpus_of_each(["MIG-a", "MIG-b"], 2))


def test_local_workers_are_told_their_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE, "3,1")
    made = local_environments(2)
    assert [one[VISIBLE] for one in made] == ["3", "1"]
    assert [own_rank(one) for one in made] == [0, 1]


def test_a_gpu_that_is_not_trained_on_is_told(tmp_path: Path) -> None:
    assert told_gpus((), {}, tmp_path) == "the processor"
    (tmp_path / "nvidia0").touch()
    assert told_gpus(["NVIDIA L4"], {}, tmp_path) == "NVIDIA L4"
    with pytest.raises(UsageError, match="1 NVIDIA GPU that TensorFlow does not see"):
        told_gpus((), {}, tmp_path)
    assert told_gpus((), {VISIBLE: "-1"}, tmp_path) == "the processor"


def test_tensorflow_names_its_gpus() -> None:
    assert trainer.gpu_names() == ()
