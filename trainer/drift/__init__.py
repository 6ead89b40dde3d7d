"""Drift: detectors on errors, and tests of whether features have shifted."""

from trainer.drift.by_feature import ByFeature
from trainer.drift.checks import check_drift_detector
from trainer.drift.detector import DriftDetector, Finding
from trainer.drift.error_detector import ErrorDetector
from trainer.drift.feature_test import FeatureShift, FeatureTest
from trainer.drift.feature_tests import TESTS, make_feature_test
from trainer.drift.kinds import KINDS, Adwin, Kind, Kswin, PageHinkley, make_kind
from trainer.drift.mmd import Mmd
from trainer.drift.row_errors import ErrorKind, error_scale, row_errors
from trainer.drift.sample import FeatureSample

__all__ = [
    "KINDS",
    "TESTS",
    "Adwin",
    "ByFeature",
    "DriftDetector",
    "ErrorDetector",
    "ErrorKind",
    "FeatureSample",
    "FeatureShift",
    "FeatureTest",
    "Finding",
    "Kind",
    "Kswin",
    "Mmd",
    "PageHinkley",
    "check_drift_detector",
    "error_scale",
    "make_feature_test",
    "make_kind",
    "row_errors",
]
