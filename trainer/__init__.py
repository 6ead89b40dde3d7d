"""The trainer: Keras models that keep learning, their checkpoints, scores, gates and triggers.

A round: `Learner.predict` and `score` (test), `Learner.train` (then train), `save`, and
after compression a `Gate` that looks at what was measured.
"""

from trainer.baselines import (
    Baselines,
    predict_majority,
    predict_no_change,
    score_baselines,
    update,
)
from trainer.checkpoint import digest, load, save
from trainer.checks import check_communicator, check_gate, check_trigger
from trainer.communicator import Alone, Communicator
from trainer.errors import (
    CheckpointError,
    MetricError,
    ModelError,
    PeerLost,
    RefusedError,
    SettingsError,
    TrainerError,
    TrainingAborted,
    TrainingError,
)
from trainer.gate import Evidence, Gate, ScoreGate, Verdict
from trainer.inputs import FeatureSpec, check_inputs, input_names
from trainer.learner import Learner
from trainer.metrics import METRICS, Task, higher_is_better, score
from trainer.model import build_model, check_model, load_builder, source_digest
from trainer.normalization import StreamNormalization, check_normalized, set_statistics
from trainer.report import TrainReport
from trainer.scores import Score, check_score
from trainer.settings import TrainSettings
from trainer.slices import OTHERS, SliceScore, SliceSettings, slice_scores
from trainer.thread_communicator import ThreadCommunicator, run_workers
from trainer.trigger import AnyTrigger, RecordsTrigger, SecondsTrigger, Trigger

__all__ = [
    "METRICS",
    "OTHERS",
    "Alone",
    "AnyTrigger",
    "Baselines",
    "CheckpointError",
    "Communicator",
    "Evidence",
    "FeatureSpec",
    "Gate",
    "Learner",
    "MetricError",
    "ModelError",
    "PeerLost",
    "RecordsTrigger",
    "RefusedError",
    "Score",
    "ScoreGate",
    "SecondsTrigger",
    "SettingsError",
    "SliceScore",
    "SliceSettings",
    "StreamNormalization",
    "Task",
    "ThreadCommunicator",
    "TrainReport",
    "TrainSettings",
    "TrainerError",
    "TrainingAborted",
    "TrainingError",
    "Trigger",
    "Verdict",
    "build_model",
    "check_communicator",
    "check_gate",
    "check_inputs",
    "check_model",
    "check_normalized",
    "check_score",
    "check_trigger",
    "digest",
    "higher_is_better",
    "input_names",
    "load",
    "load_builder",
    "predict_majority",
    "predict_no_change",
    "run_workers",
    "save",
    "score",
    "score_baselines",
    "set_statistics",
    "slice_scores",
    "source_digest",
    "update",
]
