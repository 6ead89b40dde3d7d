import keras
import numpy as np
import pytest
from conftest import Data, make_data, make_model

import trainer
from trainer.scoring.forward import CHUNK, Forward


def test_agrees_with_keras(model: keras.Model, data: Data) -> None:
    expected = model.predict(dict(data.features), verbose=0).reshape(-1)
    got = trainer.Learner(model).predict(data.features)
    assert got.dtype == np.float32
    assert got.shape == (500,)
    np.testing.assert_allclose(got, expected, rtol=1e-5)


@pytest.mark.parametrize("rows", [0, 1, CHUNK, CHUNK + 1, 2 * CHUNK + 17])
def test_any_number_of_rows(model: keras.Model, rows: int) -> None:
    features = make_data(rows).features
    forward = Forward(model)
    first = forward(features)
    assert first.shape == (rows,)
    np.testing.assert_array_equal(first, forward(features))


def test_is_traced_once(data: Data) -> None:
    traced: list[int] = []

    class Spy(keras.layers.Layer):
        def call(self, inputs: object) -> object:
            traced.append(1)
            return inputs

    model = make_model(noise=lambda hidden: Spy()(hidden))
    forward = Forward(model)
    traced.clear()
    for rows in (1, 2, 3, 100, 499):
        forward({name: array[:rows] for name, array in data.features.items()})
    assert len(traced) == 1


def test_sees_new_weights(model: keras.Model, data: Data) -> None:
    learner = trainer.Learner(model)
    learner.predict(data.features)
    model.layers[-1].kernel.assign(model.layers[-1].kernel * 0)
    model.layers[-1].bias.assign([0.0])
    assert (learner.predict(data.features) == 0.5).all()


def test_several_outputs_keep_their_axis(data: Data) -> None:
    amount = keras.Input((1,), name="amount")
    model = keras.Model(amount, keras.layers.Dense(3, activation="softmax")(amount))
    model.compile("adam", "sparse_categorical_crossentropy")
    assert trainer.Learner(model).predict(data.features).shape == (500, 3)


def test_features_are_cast_to_the_inputs_type(model: keras.Model, data: Data) -> None:
    wide = {name: array.astype(np.float64) for name, array in data.features.items()}
    learner = trainer.Learner(model)
    np.testing.assert_array_equal(learner.predict(wide), learner.predict(data.features))


def test_missing_feature_is_named(model: keras.Model, data: Data) -> None:
    features = {"amount": data.features["amount"], "place": data.features["place"]}
    with pytest.raises(trainer.ModelError, match='model input "hour"'):
        trainer.Learner(model).predict(features | {"hours": data.features["hour"]})
