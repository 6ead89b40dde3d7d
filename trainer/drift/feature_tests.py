"""The tests of features, by name."""

from collections.abc import Mapping
from typing import Any

from trainer.drift.by_feature import ByFeature
from trainer.drift.feature_test import FeatureTest
from trainer.drift.mmd import Mmd
from trainer.drift.parameters import make_settings

TESTS: Mapping[str, type[ByFeature] | type[Mmd]] = {"ks": ByFeature, "mmd": Mmd}


def make_feature_test(name: str, parameters: Mapping[str, Any]) -> FeatureTest:
    """Return the test `name` (a key of TESTS) with some parameters.

    Raises:
        SettingsError: There is no such parameter, or it is out of its range or of another type.
    """
    return make_settings("drift.feature_test", TESTS[name], parameters)
