"""An export is checked in whole float32, whatever a GPU makes of the model's own products."""

from collections.abc import Iterator

import pytest
import tensorflow as tf
from keras_models import BUILDERS

from registry import export_float32

pytestmark = pytest.mark.skipif(
    not tf.config.get_visible_devices("GPU"), reason="there is no GPU, or it is hidden"
)


@pytest.fixture(autouse=True)
def _rounding() -> Iterator[None]:
    """As TensorFlow begins, whatever ran in this process before."""
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(True)
    yield
    tf.config.experimental.enable_tensor_float_32_execution(before)


@pytest.mark.parametrize("name", BUILDERS)
def test_a_model_on_a_gpu_is_exported_as_it_is(name: str) -> None:
    model, _, _ = BUILDERS[name]()
    assert any("GPU:" in weight.value.device for weight in model.weights)
    assert export_float32(model)
