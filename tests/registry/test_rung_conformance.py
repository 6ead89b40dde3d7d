"""Every rung that we ship keeps what the protocol promises; a false one is found out."""

from __future__ import annotations

import numpy as np
import pytest
from keras_models import ROWS, Sample

from registry import Examples, LadderSettings, Subject, check_rung, default_quantizer
from registry.compress.ladder import RUNGS

# Those that need a Keras model are in test_compress_changes.py.
ON_BYTES = [name for name in RUNGS if not name.startswith(("channels", "layers", "relu"))]


@pytest.mark.parametrize("rung", ON_BYTES)
@pytest.mark.parametrize("model", ["mlp", "cnn", "softmax"])
def test_our_rungs_conform(samples: dict[str, Sample], rung: str, model: str) -> None:
    sample = samples[model]
    examples = Examples(sample.features, np.zeros(ROWS))
    subject = Subject(sample.tflite, examples=examples)
    check_rung(RUNGS[rung](LadderSettings(), default_quantizer()), subject, sample.features)


class Growing:
    name = "growing"

    def apply(self, subject: Subject) -> bytes:
        return subject.float32 + b"\0" * 16


def test_a_rung_that_grows_the_model_is_found_out(samples: dict[str, Sample]) -> None:
    with pytest.raises(AssertionError, match="at most"):
        check_rung(Growing(), Subject(samples["mlp"].tflite), samples["mlp"].features)
