"""The examples of the documentation run, and the tables name the options that there are."""

import json
import re
from pathlib import Path

import keras
import pytest

from ingest.stream.dataset import DatasetOptions, dataset
from tests.ingest.broker import produce

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "dataset.md").read_text()


def test_the_examples_run(kafka, topic, tmp_path, monkeypatch):
    values = [
        json.dumps({"amount": n, "country": f"c{n}", "late": n % 3 == 0}).encode()
        for n in range(500)
    ]
    produce(kafka.bootstrap_servers, topic, values)
    monkeypatch.chdir(tmp_path)
    names = {}
    for code in re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL):
        code = code.replace("localhost:9092", kafka.bootstrap_servers)
        exec(code.replace('"transactions"', repr(topic)), names)
    assert json.loads((tmp_path / "transactions.json").read_text())["after"] is None
    assert names["stream"].position().get(topic, 0) == 500
    assert names["total"] == sum(range(500))
    assert len(names["frame"]) == 500
    assert issubclass(names["Save"], names["keras"].callbacks.Callback)


def test_the_readme_fits_a_model_and_saves_the_position(kafka, topic, tmp_path, monkeypatch):
    values = [json.dumps({"amount": n / 100, "late": n % 3 == 0}).encode() for n in range(300)]
    produce(kafka.bootstrap_servers, topic, values)
    monkeypatch.chdir(tmp_path)
    text = (DOCS.parent / "README.md").read_text()
    code = re.search(r"^## Only the data$.*?^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    amount = keras.Input((), name="amount")
    late = keras.layers.Dense(1, "sigmoid")(keras.layers.Reshape((1,))(amount))
    names = {"model": keras.Model({"amount": amount}, late)}
    names["model"].compile("sgd", "binary_crossentropy")
    exec(
        code[1].replace("localhost:9092", kafka.bootstrap_servers).replace('"events"', repr(topic)),
        names,
    )
    assert names["stream"].position().get(topic, 0) == 300
    assert (tmp_path / "position.json").exists()


def test_the_table_has_all_options():
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (.*?) \|", TEXT, re.MULTILINE))))
    plain = set(dataset.__kwdefaults__) | set(DatasetOptions.__annotations__)
    assert named == plain


@pytest.mark.parametrize("page", ["dataset.md", "from-tensorflow-io.md"])
def test_pages_name_only_options_that_there_are(page):
    text = (DOCS / page).read_text()
    known = {
        *dataset.__kwdefaults__,
        *DatasetOptions.__annotations__,
        "bootstrap_servers",
        "schema",
    }
    used = re.findall(r"\b(start|end|resume|idle_s|share|with_offsets|linger_s)\s*=", text)
    assert used
    assert set(used) <= known
