"""Where a model's steps run: one device, several of one machine, several machines, a TPU."""

import os
import socket
import time
from contextlib import suppress
from typing import Literal, get_args

import tensorflow as tf

from trainer.distribution.tf_config import Topology
from trainer.errors import PeerLost, SettingsError, one_line
from trainer.hints import did_you_mean

__all__ = ["HEARTBEAT_S", "START_S", "StrategyName", "gpu_names", "open_strategy"]

StrategyName = Literal["auto", "single", "mirrored", "multi_worker", "tpu"]
Transport = tf.distribute.experimental.CommunicationImplementation
HEARTBEAT_S = 10.0  # a worker that is silent for longer counts as hung
START_S = 600.0  # how long the first worker waits for the last one

# Where a TPU says that it is there: Cloud TPU VMs, GKE, and Colab's and Kubeflow's older way.
TPU_ELSEWHERE = ("TPU_NAME", "COLAB_TPU_ADDR", "KUBE_GOOGLE_CLOUD_TPU_ENDPOINTS")
TPU_SIGNS = ("TPU_WORKER_HOSTNAMES", *TPU_ELSEWHERE)


def open_strategy(
    name: StrategyName = "auto",
    topology: Topology | None = None,
    start_s: float = START_S,
    *,
    shares_gpu: bool = False,
) -> tf.distribute.Strategy:
    """Return TensorFlow's strategy of that name; a model is to be built in its `scope()`.

    Args:
        name: "single" is one device: the first GPU, else the CPU. "mirrored" is all GPUs of this
            machine (all logical CPUs where there is none). "multi_worker" is all workers of the
            topology, each with all of its GPUs. "tpu" is all cores of the TPU. "auto" is a TPU if
            one is there, else multi_worker if there are several workers, else mirrored if there
            are several GPUs, else single.
        topology: From `read_tf_config`; None for a process that works alone.
        start_s: For multi_worker: seconds to wait for all workers to start.
        shares_gpu: For multi_worker: whether workers have one GPU between them, which NVIDIA's
            collectives (NCCL) refuse; TensorFlow's own are slower.

    GPUs' memory is taken as it is needed, so that several processes can use one GPU
    (TF_FORCE_GPU_ALLOW_GROWTH=false has TensorFlow take all of it at once).

    With multi_worker this returns when all workers have called it. A worker that is killed is
    noticed at once, one that hangs after `HEARTBEAT_S`: `PeerLost`. It must come before anything
    else of TensorFlow runs in the process, and only once.

    Raises:
        SettingsError: There is no such strategy, no TPU, or one worker for multi_worker; or there
            are several workers for another one.
        PeerLost: Not all workers came in time.
    """
    workers = topology or Topology()
    _take_memory_as_needed()
    chosen = _choose(workers) if name == "auto" else name
    if chosen not in get_args(StrategyName):
        known = get_args(StrategyName)
        raise _refused(f"one of {', '.join(known)}", f'"{name}"', did_you_mean(name, known))
    if workers.size > 1 and chosen != "multi_worker":
        mend = 'set strategy = "multi_worker", or unset TF_CONFIG'
        raise _refused(f"multi_worker for {workers.size} workers", f'"{chosen}"', mend)
    if chosen == "single":
        return tf.distribute.get_strategy()  # where TensorFlow takes the first GPU by itself
    if chosen == "mirrored":
        return tf.distribute.MirroredStrategy(_local_devices())
    if chosen == "tpu":
        return _open_tpu()
    return _open_multi_worker(workers, start_s, shares_gpu=shares_gpu)


def gpu_names() -> tuple[str, ...]:
    """Return the kinds of the GPUs that TensorFlow trains on, such as "NVIDIA L4".

    TensorFlow's runtime is not started by it; CUDA's driver is.
    """
    found = tf.config.get_visible_devices("GPU")
    details = (tf.config.experimental.get_device_details(gpu) for gpu in found)
    named = zip(details, found, strict=True)
    return tuple(str(one.get("device_name") or gpu.name) for one, gpu in named)


def _take_memory_as_needed() -> None:
    """Ask TensorFlow not to take all memory of all GPUs; what a model has set up, stays."""
    experimental, gpus = tf.config.experimental, tf.config.get_visible_devices("GPU")
    if any(experimental.get_memory_growth(gpu) is not None for gpu in gpus):
        return
    for gpu in gpus:
        with suppress(RuntimeError, ValueError):  # TensorFlow runs already, or the GPU is divided
            experimental.set_memory_growth(gpu, True)


def _choose(workers: Topology) -> StrategyName:
    if any(os.environ.get(sign) for sign in TPU_SIGNS):
        return "tpu"
    if workers.size > 1:
        return "multi_worker"
    return "mirrored" if len(tf.config.get_visible_devices("GPU")) > 1 else "single"


def _local_devices() -> list[str]:
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    return [device.name for device in tf.config.list_logical_devices(kind)]


def _open_tpu() -> tf.distribute.Strategy:
    elsewhere = any(os.environ.get(sign) for sign in TPU_ELSEWHERE)
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(None if elsewhere else "local")
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, RuntimeError, OSError, tf.errors.OpError) as error:
        raise _refused(
            "a TPU", one_line(error, 100), "run on a TPU machine, or choose another strategy"
        ) from error
    return tf.distribute.TPUStrategy(resolver)


def _open_multi_worker(
    workers: Topology, start_s: float, *, shares_gpu: bool
) -> tf.distribute.Strategy:
    if workers.size == 1:
        mend = "set TF_CONFIG for each worker, or choose another strategy"
        raise _refused("TF_CONFIG with several workers", "one worker", mend)
    if workers.rank == 0:
        _await_others(workers, start_s)
    _configure_heartbeat(workers, start_s)
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(workers.addresses)}),
        task_type="worker",
        task_id=workers.rank,
        rpc_layer="grpc",
    )
    options = tf.distribute.experimental.CommunicationOptions(
        implementation=Transport.RING if shares_gpu else Transport.AUTO
    )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(resolver, options)
    except tf.errors.OpError as error:
        raise PeerLost(
            f"worker {workers.rank} of {workers.size}",
            expected=f"all workers to start within {start_s:g} s",
            got=one_line(error.message, 200),
            mend="see why they do not start: their logs, and addresses and ports in TF_CONFIG",
        ) from error


def _await_others(workers: Topology, start_s: float) -> None:
    """Wait until all others listen; the strategy itself would make its chief wait for hours."""
    deadline = time.monotonic() + start_s
    for rank, address in enumerate(workers.addresses[1:], 1):
        host, _, port = address.rpartition(":")
        while not _listens(host.strip("[]"), int(port)):
            if time.monotonic() > deadline:
                raise PeerLost(
                    "worker 0",
                    expected=f"all {workers.size} workers to start within {start_s:g} s",
                    got=f"nothing that listens at {address}, worker {rank}",
                    mend="see its log, and the addresses and ports in TF_CONFIG",
                )
            time.sleep(0.1)


def _listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False


def _configure_heartbeat(workers: Topology, start_s: float) -> None:
    """Say how soon a silent worker counts as lost; TensorFlow has no public way to.

    Where its inside is another one, its own choice stays, which is 10 s as well (2.21).
    """
    try:
        from tensorflow.python.distribute.collective_all_reduce_strategy import (
            coordination_config_pb2,
        )
        from tensorflow.python.eager import context

        jobs = [coordination_config_pb2.CoordinatedJob(name="worker", num_tasks=workers.size)]
        context.context().configure_coordination_service(
            "standalone",
            service_leader="/job:worker/replica:0/task:0",
            heartbeat_timeout_in_ms=int(HEARTBEAT_S * 1000),
            cluster_register_timeout_in_ms=int(start_s * 1000),
            coordinated_jobs=jobs,
        )
    except (ImportError, AttributeError, TypeError):
        return


def _refused(expected: str, got: str, mend: str) -> SettingsError:
    return SettingsError("train.strategy", expected=expected, got=got, mend=mend)
