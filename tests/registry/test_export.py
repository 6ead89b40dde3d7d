"""Export: what Keras predicts, the bytes predict."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from keras_models import BUILDERS, Sample, predict

from registry import (
    Artifact,
    ExportError,
    LadderSettings,
    LiteModel,
    Quantizer,
    Subject,
    export_float32,
    ladder,
    op_names,
)
from registry.export import convert, named_inputs, write_archive


@pytest.mark.parametrize("name", BUILDERS)
def test_bytes_predict_what_keras_predicts(samples: dict[str, Sample], name: str) -> None:
    sample = samples[name]
    got = LiteModel(sample.tflite).predict(sample.features)
    expected = predict(sample.model, sample.features)
    assert got.dtype == np.float32
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize("name", BUILDERS)
def test_inputs_keep_their_names_and_the_batch_stays_open(
    samples: dict[str, Sample], name: str
) -> None:
    sample = samples[name]
    lite = LiteModel(sample.tflite)
    assert set(lite.input_names) == set(sample.features)
    assert all(lite.input_shape(entry)[0] == -1 for entry in lite.input_names)


def test_dict_keys_win_over_layer_names() -> None:
    entry = keras.Input((1,), name="some_layer")
    model = keras.Model({"speed": entry}, layers.Dense(1)(entry))
    assert LiteModel(export_float32(model)).input_names == ("speed",)


def test_export_leaves_the_model_as_it_was(samples: dict[str, Sample]) -> None:
    model = samples["mlp"].model
    before = [np.asarray(variable.value) for variable in model.variables]
    first, again = export_float32(model), export_float32(model)
    assert LiteModel(first).input_names == LiteModel(again).input_names
    for old, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, np.asarray(variable.value))


def test_dropout_is_off(samples: dict[str, Sample]) -> None:
    sample = samples["mlp"]
    lite = LiteModel(sample.tflite)
    np.testing.assert_array_equal(lite.predict(sample.features), lite.predict(sample.features))


def test_only_builtin_operations(samples: dict[str, Sample]) -> None:
    for sample in samples.values():
        assert not [op for op in op_names(sample.tflite) if op.startswith(("Flex", "CUSTOM"))]


def test_operations_that_litert_lacks_are_named() -> None:
    class TextLength(layers.Layer):
        def call(self, x):
            import tensorflow as tf

            return tf.cast(tf.strings.length(tf.strings.as_string(x)), "float32")

    entry = keras.Input((1,), name="x")
    model = keras.Model(entry, layers.Dense(1)(TextLength()(entry)))
    with pytest.raises(ExportError, match=r"named here: tf\.AsString, tf\.StringLength$"):
        export_float32(model)


def test_a_conversion_that_goes_wrong_silently_is_found() -> None:
    class WhichPath(layers.Layer):
        def call(self, x):
            import tensorflow as tf

            return x if tf.executing_eagerly() else 2.0 * x

    entry = keras.Input((1,), name="x")
    with pytest.raises(ExportError, match="predicts something else"):
        export_float32(keras.Model(entry, WhichPath()(entry)))


def test_subclassed_models_are_refused() -> None:
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ExportError, match=r"keras\.Input"):
        export_float32(Own())


def test_several_outputs_carry_their_names() -> None:
    entry = keras.Input((2,), name="x")
    ends = [layers.Dense(1, name="age")(entry), layers.Dense(3, name="kind")(entry)]
    rows = np.random.default_rng(1).normal(size=(5, 2)).astype(np.float32)
    for names, outputs in (
        (("age", "kind"), ends),
        (("an_age", "kinds"), dict(zip(("an_age", "kinds"), ends, strict=True))),
    ):
        model = keras.Model(entry, outputs)
        lite = LiteModel(export_float32(model))
        assert set(lite.output_names) == set(names)
        assert lite.signature == ({"x": (-1, 2)}, {names[0]: (-1, 1), names[1]: (-1, 3)})
        got = lite.predict({"x": rows})
        expected = keras.tree.flatten(model.predict(rows, verbose=0))
        assert got[names[0]].shape == (5,)
        np.testing.assert_allclose(got[names[0]], expected[0][:, 0], atol=1e-6)
        np.testing.assert_allclose(got[names[1]], expected[1], atol=1e-6)
        assert {k: v.shape for k, v in lite.predict({"x": rows[:0]}).items()} == {
            names[0]: (0,),
            names[1]: (0, 3),
        }


def test_a_fixed_batch_is_refused() -> None:
    entry = keras.Input((1,), name="x", batch_size=4)
    with pytest.raises(ExportError, match=r'"x".*fixed batch of 4'):
        export_float32(keras.Model(entry, layers.Dense(1)(entry)))


def test_a_table_that_only_the_whole_model_knows_is_exported(tmp_path: Path) -> None:
    class Codes(layers.Layer):
        def __init__(self) -> None:
            import tensorflow as tf

            super().__init__()
            words = tf.constant(["0", "1"])
            pairs = tf.lookup.KeyValueTensorInitializer(words, tf.constant([4, 6], tf.int64))
            self.table = tf.lookup.StaticHashTable(pairs, 5)

        def call(self, x):
            import tensorflow as tf

            return tf.cast(self.table.lookup(x), "float32")

        def compute_output_spec(self, x):
            return keras.KerasTensor(x.shape, "float32")

    entry = keras.Input((1,), name="x", dtype="string")
    model = keras.Model(entry, layers.Dense(1)(Codes()(entry)))
    with pytest.raises(AssertionError, match="untracked"):
        write_archive(model, named_inputs(model), str(tmp_path), whole=False)
    write_archive(model, named_inputs(model), str(tmp_path), whole=True)
    assert "HASHTABLE_FIND" in op_names(convert(model.name, str(tmp_path)))


def test_the_same_weights_give_the_same_bytes(samples: dict[str, Sample]) -> None:
    model = samples["mlp"].model
    first = export_float32(model)
    before = model.get_weights()
    model.set_weights([weights + 1 for weights in before])
    changed = export_float32(model)
    model.set_weights(before)
    assert changed != first
    assert export_float32(model) == first


def test_rows_that_are_long_enough_for_convolutions_are_tried_where_an_axis_is_open(
    quantizer: Quantizer,
) -> None:
    entry = keras.Input((None, 4), name="steps")
    hidden = layers.Conv1D(64, 5, activation="relu")(layers.Conv1D(16, 5)(entry))
    model = keras.Model(entry, layers.Dense(1)(layers.GlobalMaxPooling1D()(hidden)))
    _, int8 = ladder(Subject(export_float32(model)), LadderSettings(("int8",)), quantizer)
    assert isinstance(int8, Artifact), int8


def test_a_model_that_cannot_predict_is_refused() -> None:
    entry = keras.Input((None, 4), name="steps")
    hidden = layers.GlobalMaxPooling1D()(layers.Conv1D(8, 99)(entry))
    with pytest.raises(ExportError, match=r"cannot predict rows of the shapes .*\[3, 32, 4\]"):
        export_float32(keras.Model(entry, layers.Dense(1)(hidden)))
