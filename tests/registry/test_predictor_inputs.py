"""What MLflow lets through to the predictor, and what the predictor makes of it."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from keras_models import Sample
from test_predictor import ENCODED, RAW

from registry import LiteModel
from registry.package import CODE_MODULE, stage

ROWS = len(RAW["hour"])


@pytest.fixture(scope="module")
def model(publication, tmp_path_factory: pytest.TempPathFactory) -> Any:
    import mlflow

    folder = tmp_path_factory.mktemp("inputs")
    modules = set(sys.modules)
    stage(publication(), folder)
    assert not {name for name in set(sys.modules) - modules if name.startswith(CODE_MODULE)}
    return mlflow.pyfunc.load_model(str(folder / "model"))


@pytest.fixture(scope="module")
def lite(samples: dict[str, Sample]) -> LiteModel:
    return LiteModel(samples["mlp"].tflite)


KINDS = {
    "hour": [
        "int8",
        "uint8",
        "int64",
        "uint64",
        "float32",
        "float64",
        "Int64",
        "Float64",
        "object",
    ],
    "delay": ["float64", "Float64", "object", "double[pyarrow]"],
    "weekend": ["bool", "boolean", "object", "bool[pyarrow]"],
    "carrier": ["object", "str", "category", "string[pyarrow]"],
}


@pytest.mark.parametrize(
    ("column", "dtype"), [(name, dtype) for name, kinds in KINDS.items() for dtype in kinds]
)
def test_every_kind_of_column_is_cast(model: Any, lite: LiteModel, column: str, dtype: str) -> None:
    frame = pd.DataFrame(RAW).astype({column: dtype})
    np.testing.assert_array_equal(model.predict(frame), lite.predict(ENCODED))
    direct = model.unwrap_python_model().predict(None, frame)
    np.testing.assert_array_equal(direct, lite.predict(ENCODED))


@pytest.mark.parametrize("kind", ["Int64", "uint64", "int64[pyarrow]", "object"])
def test_whole_numbers_are_cast_to_floats(model: Any, lite: LiteModel, kind: str) -> None:
    frame = pd.DataFrame(RAW | {"delay": [3, 0, 1, 250]}).astype({"delay": kind})
    expected = lite.predict(ENCODED | {"delay": np.array([3, 0, 1, 250], np.float32)})
    np.testing.assert_array_equal(model.predict(frame), expected)


def test_rows_and_columns_in_every_form(model: Any, lite: LiteModel) -> None:
    records = [dict(zip(RAW, row, strict=True)) for row in zip(*RAW.values(), strict=True)]
    arrays = {name: np.asarray(values) for name, values in RAW.items()}
    series = {name: pd.Series(values) for name, values in RAW.items()}
    for form in (pd.DataFrame(RAW), dict(RAW), arrays, series, records):
        np.testing.assert_array_equal(model.predict(form), lite.predict(ENCODED))
    np.testing.assert_array_equal(model.predict(records[0]), lite.predict(ENCODED)[:1])


@pytest.mark.parametrize("form", ["dataframe_split", "dataframe_records", "inputs"])
def test_the_bodies_that_mlflows_server_takes(model: Any, lite: LiteModel, form: str) -> None:
    from mlflow.pyfunc.scoring_server import infer_and_parse_data

    frame = pd.DataFrame(RAW)
    given = {
        "dataframe_split": frame.to_dict(orient="split", index=False),
        "dataframe_records": frame.to_dict(orient="records"),
        "inputs": RAW,
    }
    body = json.loads(json.dumps({form: given[form]}))
    parsed = infer_and_parse_data(body, model.metadata.get_input_schema())
    expected = lite.predict(ENCODED)
    np.testing.assert_array_equal(model.predict(parsed), expected)
    np.testing.assert_array_equal(model.predict(parsed, params={"threshold": 0.4}), expected > 0.4)


@pytest.mark.parametrize(
    ("column", "values", "told"),
    [
        ("hour", [1.5, 2.0, 3.0, 4.0], r'"hour", row 0: expected int32'),
        ("hour", [1, 2, None, 4], r'"hour", row 2: expected int32'),
        ("hour", [1, 2, 2**63, 4], r'"hour", row 2: expected int32'),
        ("delay", [Decimal(1), Decimal(2), Decimal(3), Decimal(4)], r"expected float32, got Dec"),
        ("delay", ["1", "2", "3", "4"], r"expected float32, got '1'"),
        ("weekend", [1, 0, 1, 0], r'"weekend": expected bool, got'),
        ("carrier", [1, 2, 3, 4], r'"carrier": expected a string, got 1'),
        ("carrier", ["UA", None, "AA", "DL"], r'"carrier": expected a string, got a missing'),
    ],
)
def test_what_does_not_fit_is_told_by_the_predictor_not_mlflow(
    model: Any, column: str, values: list[Any], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        model.predict(pd.DataFrame(RAW | {column: values}))


def test_two_versions_of_the_code_can_be_in_one_process(
    publication, lite: LiteModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    from registry import shipped_code

    changed = tmp_path / "predictor"
    changed.mkdir()
    for file in shipped_code.SOURCE.glob("*.py"):
        text = file.read_text().replace("chance > border", "chance <= border")
        (changed / file.name).write_text(text)
    stage(publication(), tmp_path / "one")
    monkeypatch.setattr(shipped_code, "SOURCE", changed)
    stage(publication(), tmp_path / "other")
    one, other = (
        mlflow.pyfunc.load_model(str(tmp_path / name / "model")) for name in ("one", "other")
    )
    expected = lite.predict(ENCODED) > 0.5
    frame, params = pd.DataFrame(RAW), {"threshold": 0.5}
    assert one.predict(frame, params=params).tolist() == expected.tolist()
    assert other.predict(frame, params=params).tolist() == (~expected).tolist()
