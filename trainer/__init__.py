"""The trainer: Keras models that keep learning, their checkpoints, scores, gates and triggers.

A round: `Learner.predict` and `score` (test), `Learner.train` (then train), `save`, and
after compression a `Gate` that looks at what was measured.
"""

from trainer.checkpoint import digest, load, save
from trainer.checks import check_communicator
from trainer.distribution.collective_communicator import CollectiveCommunicator
from trainer.distribution.communicator import Alone, Communicator
from trainer.distribution.strategy import StrategyName, gpu_names, open_strategy
from trainer.distribution.tf_config import Topology, read_tf_config
from trainer.distribution.thread_communicator import ThreadCommunicator, run_workers
from trainer.drift import DriftDetector, check_drift_detector
from trainer.elastic import Determinism, ElasticLearner
from trainer.errors import (
    CallbackError,
    CheckpointError,
    DriftError,
    MetricError,
    ModelError,
    PeerLost,
    RefusedError,
    SettingsError,
    StepFailed,
    TrainerError,
    TrainingAborted,
    TrainingError,
)
from trainer.fit.callback_state import StatefulCallback
from trainer.fit.callbacks import CallbackMaker, load_callbacks
from trainer.fit.report import TrainReport
from trainer.fit.settings import TrainSettings
from trainer.gate.checks import check_gate
from trainer.gate.evidence import Evidence
from trainer.gate.first_version import FirstVersion
from trainer.gate.gate import Gate, ScoreGate, Verdict
from trainer.gate.guards import Guard
from trainer.learner import Learner
from trainer.metrics import METRICS, Task, higher_is_better, score
from trainer.models.inputs import FeatureSpec, check_inputs, input_names
from trainer.models.model import build_model, check_model, load_builder, source_digest
from trainer.models.normalization import StreamNormalization, check_normalized, set_statistics
from trainer.models.options import ModelOptions
from trainer.models.prepare import Prepared, prepare_model
from trainer.models.restart import begin_anew, reset_learning_rate
from trainer.models.start_from import start_digest
from trainer.models.twin import float32_model
from trainer.paired.answers import Answers
from trainer.paired.comparison import Comparison
from trainer.paired.interval import score_intervals
from trainer.paired.paired_test import PairedTest
from trainer.prequential.baselines import (
    Baselines,
    predict_baselines,
    predict_majority,
    predict_no_change,
    score_baselines,
    update,
)
from trainer.prequential.constant import score_constant
from trainer.prequential.fading import Faded, row_losses
from trainer.prequential.river_baseline import RiverBaseline, make_river
from trainer.prequential.river_state import dump_river, load_river
from trainer.prequential.slices import OTHERS, SliceScore, SliceSettings, slice_scores
from trainer.randomness import repeats_bits
from trainer.scoring.scores import Score, check_score
from trainer.sharded import (
    ShardedDense,
    ShardedEmbedding,
    bytes_by_device,
    is_sharded,
    unsharded,
    update_in_place,
    virtual_devices,
)
from trainer.tolerance import Distance, distance
from trainer.trigger.checks import check_trigger
from trainer.trigger.cost import CostTrigger, expected_gain, expected_seconds
from trainer.trigger.trigger import (
    AllTrigger,
    AnyTrigger,
    DriftTrigger,
    HandTrigger,
    PastRound,
    RecordsTrigger,
    SecondsTrigger,
    Trigger,
    Waiting,
)

__all__ = [
    "METRICS",
    "OTHERS",
    "AllTrigger",
    "Alone",
    "Answers",
    "AnyTrigger",
    "Baselines",
    "CallbackError",
    "CallbackMaker",
    "CheckpointError",
    "CollectiveCommunicator",
    "Communicator",
    "Comparison",
    "CostTrigger",
    "Determinism",
    "Distance",
    "DriftDetector",
    "DriftError",
    "DriftTrigger",
    "ElasticLearner",
    "Evidence",
    "Faded",
    "FeatureSpec",
    "FirstVersion",
    "Gate",
    "Guard",
    "HandTrigger",
    "Learner",
    "MetricError",
    "ModelError",
    "ModelOptions",
    "PairedTest",
    "PastRound",
    "PeerLost",
    "Prepared",
    "RecordsTrigger",
    "RefusedError",
    "RiverBaseline",
    "Score",
    "ScoreGate",
    "SecondsTrigger",
    "SettingsError",
    "ShardedDense",
    "ShardedEmbedding",
    "SliceScore",
    "SliceSettings",
    "StatefulCallback",
    "StepFailed",
    "StrategyName",
    "StreamNormalization",
    "Task",
    "ThreadCommunicator",
    "Topology",
    "TrainReport",
    "TrainSettings",
    "TrainerError",
    "TrainingAborted",
    "TrainingError",
    "Trigger",
    "Verdict",
    "Waiting",
    "begin_anew",
    "build_model",
    "bytes_by_device",
    "check_communicator",
    "check_drift_detector",
    "check_gate",
    "check_inputs",
    "check_model",
    "check_normalized",
    "check_score",
    "check_trigger",
    "digest",
    "distance",
    "dump_river",
    "expected_gain",
    "expected_seconds",
    "float32_model",
    "gpu_names",
    "higher_is_better",
    "input_names",
    "is_sharded",
    "load",
    "load_builder",
    "load_callbacks",
    "load_river",
    "make_river",
    "open_strategy",
    "predict_baselines",
    "predict_majority",
    "predict_no_change",
    "prepare_model",
    "read_tf_config",
    "repeats_bits",
    "reset_learning_rate",
    "row_losses",
    "run_workers",
    "save",
    "score",
    "score_baselines",
    "score_constant",
    "score_intervals",
    "set_statistics",
    "slice_scores",
    "source_digest",
    "start_digest",
    "unsharded",
    "update",
    "update_in_place",
    "virtual_devices",
]
