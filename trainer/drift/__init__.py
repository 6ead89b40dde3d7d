"""Drift: detectors on errors, and tests of whether features have shifted."""

from trainer.drift.checks import check_drift_detector
from trainer.drift.detector import DriftDetector, Finding
from trainer.drift.error_detector import ErrorDetector
from trainer.drift.kinds import KINDS, Adwin, Kind, Kswin, PageHinkley, make_kind
from trainer.drift.row_errors import ErrorKind, error_scale, row_errors

__all__ = [
    "KINDS",
    "Adwin",
    "DriftDetector",
    "ErrorDetector",
    "ErrorKind",
    "Finding",
    "Kind",
    "Kswin",
    "PageHinkley",
    "check_drift_detector",
    "error_scale",
    "make_kind",
    "row_errors",
]
