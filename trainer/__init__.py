"""The trainer: Keras models that keep learning, their checkpoints, scores, gates and triggers.

A round: `Learner.predict` and `score` (test), `Learner.train` (then train), `checkpoint.save`, and
after compression a `Gate` that looks at what was measured.
"""

from trainer import checkpoint
from trainer.baselines import (
    BaselineState,
    initial_state,
    predict_majority,
    predict_no_change,
    score_baselines,
    update,
)
from trainer.checks import check_gate, check_trigger
from trainer.errors import (
    CheckpointError,
    MetricError,
    ModelError,
    SettingsError,
    TrainerError,
    TrainingAborted,
    TrainingError,
)
from trainer.gate import Evidence, Gate, ScoreGate, Verdict
from trainer.inputs import check_inputs, input_names
from trainer.learner import Learner
from trainer.metrics import METRICS, Task, higher_is_better, score
from trainer.model import build_model, check_model, load_builder, source_digest
from trainer.report import TrainReport
from trainer.settings import TrainSettings
from trainer.trigger import AnyTrigger, RecordsTrigger, SecondsTrigger, Trigger

__all__ = [
    "METRICS",
    "AnyTrigger",
    "BaselineState",
    "CheckpointError",
    "Evidence",
    "Gate",
    "Learner",
    "MetricError",
    "ModelError",
    "RecordsTrigger",
    "ScoreGate",
    "SecondsTrigger",
    "SettingsError",
    "Task",
    "TrainReport",
    "TrainSettings",
    "TrainerError",
    "TrainingAborted",
    "TrainingError",
    "Trigger",
    "Verdict",
    "build_model",
    "check_gate",
    "check_inputs",
    "check_model",
    "check_trigger",
    "checkpoint",
    "higher_is_better",
    "initial_state",
    "input_names",
    "load_builder",
    "predict_majority",
    "predict_no_change",
    "score",
    "score_baselines",
    "source_digest",
    "update",
]
