import sys
from pathlib import Path

import pytest

import trainer

GOOD = """
import keras
def build():
    x = keras.Input((1,), name="amount")
    model = keras.Model({"amount": x}, keras.layers.Dense(1)(x))
    model.compile("adam", "mse")
    return model
"""


def write(folder: Path, text: str, name: str = "model.py") -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def refusal(folder: Path, spec: str = "model:build") -> trainer.ModelError:
    with pytest.raises(trainer.ModelError) as caught:
        trainer.build_model(spec, folder)
    assert "\n" not in str(caught.value)
    return caught.value


def test_builds_a_trainable_model(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    model = trainer.build_model("model:build", tmp_path)
    assert trainer.input_names(model) == ("amount",)
    trainer.check_inputs(model, ["hour", "amount"])


def test_module_in_a_package_folder(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "nets/wide.py")
    assert trainer.build_model("nets.wide:build", tmp_path).built


@pytest.mark.parametrize("spec", ["model", "model:", ":build", "model.py:build:x", "a b:build"])
def test_spec_of_another_form(tmp_path: Path, spec: str) -> None:
    write(tmp_path, GOOD)
    assert "module:function" in str(refusal(tmp_path, spec))


def test_missing_file(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "modell.py")
    error = refusal(tmp_path)
    assert error.got == "no such file"
    assert error.mend == 'did you mean "modell"?'
    assert str(tmp_path / "model.py") in error.expected


def test_missing_function(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace("build", "built"))
    error = refusal(tmp_path)
    assert error.expected == "a function build()"
    assert error.mend == 'did you mean "built"?'


def test_name_that_is_no_function(tmp_path: Path) -> None:
    write(tmp_path, "build = 3")
    assert refusal(tmp_path).got == "int"


CASES = [
    ("def build(:\n", "SyntaxError", 1),
    ("\nimport no_such_module_at_all\n", "ModuleNotFoundError", 2),
    ("def build():\n    return help_me()\n", "NameError: name 'help_me'", 2),
    ("def build():\n\n    raise RuntimeError('a\\nb')\n", "RuntimeError: a b", 3),
    ("import sys\ndef build():\n    sys.exit(3)\n", "SystemExit: 3", 3),
    (
        "import keras\ndef build():\n    x = keras.Input((1,), name='a')\n"
        "    keras.layers.Dense(-1)(x)\n",
        "ValueError",
        4,
    ),
]


@pytest.mark.parametrize(("text", "got", "line"), CASES)
def test_error_of_the_file_names_its_line(tmp_path: Path, text: str, got: str, line: int) -> None:
    write(tmp_path, text)
    error = refusal(tmp_path)
    assert error.place == f"{tmp_path / 'model.py'}:{line}"
    assert got in error.got
    assert error.__cause__ is not None


def test_error_in_a_sibling_names_the_siblings_line(tmp_path: Path) -> None:
    write(tmp_path, "def width():\n    return 1 / 0\n", "sizes.py")
    write(tmp_path, "import sizes\ndef build():\n    return sizes.width()\n")
    assert refusal(tmp_path).place == f"{tmp_path / 'sizes.py'}:2"


HEAD = 'import keras\ndef build():\n    x = keras.Input((1,), name="a")\n'
MODELS = {
    "returns nothing": (HEAD, "None"),
    "returns a layer": (HEAD + "    return keras.layers.Dense(1)", "Dense"),
    "not compiled": (
        HEAD + '    return keras.Model({"a": x}, keras.layers.Dense(1)(x))',
        "a model without optimizer and loss",
    ),
    "no loss": (
        HEAD
        + '    m = keras.Model({"a": x}, keras.layers.Dense(1)(x))\n'
        + '    m.compile("adam")\n    return m',
        "compile() without one",
    ),
    "two outputs": (
        HEAD
        + '    m = keras.Model({"a": x}, [keras.layers.Dense(1)(x), keras.layers.Dense(1)(x)])\n'
        + '    m.compile("adam", "mse")\n    return m',
        "2 outputs",
    ),
    "unbuilt sequential": (
        HEAD
        + "    m = keras.Sequential([keras.layers.Dense(1)])\n"
        + '    m.compile("adam", "mse")\n    return m',
        "an unbuilt Sequential",
    ),
    "subclass": (
        "import keras\nclass Net(keras.Model):\n    def call(self, x):\n        return x\n"
        "def build():\n    m = Net()\n    m.compile('adam', 'mse')\n    return m",
        "an unbuilt Net",
    ),
}


@pytest.mark.parametrize("case", MODELS)
def test_model_that_cannot_be_trained(tmp_path: Path, case: str) -> None:
    text, got = MODELS[case]
    write(tmp_path, text + "\n")
    error = refusal(tmp_path)
    assert error.got == got
    assert error.place == f"{tmp_path / 'model.py'}, build()"
    assert error.mend


INPUTS = {
    "amout": ('keras.Input((1,), name="amout")', "amout", 'did you mean "amount"?'),
    "unnamed": ("keras.Input((1,))", None, "there are: amount, hour"),
    "wide": ('keras.Input((2,), name="amount")', "amount", "one keras.Input per feature"),
    "two names": ('keras.Input((1,), name="hour")', "hour", 'name="amount"'),
}


@pytest.mark.parametrize("case", INPUTS)
@pytest.mark.filterwarnings("ignore:When providing")
def test_inputs_that_are_no_features(tmp_path: Path, case: str) -> None:
    text, name, mend = INPUTS[case]
    key = '{"amount": x}' if case == "two names" else "x"
    write(
        tmp_path,
        f"import keras\ndef build():\n    x = {text}\n"
        f"    m = keras.Model({key}, keras.layers.Dense(1)(x))\n"
        '    m.compile("adam", "mse")\n    return m\n',
    )
    model = trainer.build_model("model:build", tmp_path)
    with pytest.raises(trainer.ModelError) as caught:
        trainer.check_inputs(model, ["amount", "hour"])
    assert mend in caught.value.mend
    assert name is None or f'"{name}"' in caught.value.place


def test_siblings_are_imported_and_nothing_stays(tmp_path: Path) -> None:
    for folder, units in (("one", 3), ("two", 5)):
        write(tmp_path, f"UNITS = {units}\n", f"{folder}/sizes.py")
        write(tmp_path, "LATE = True\n", f"{folder}/late.py")
        text = GOOD.replace("import keras", "import keras\nimport sizes")
        text = text.replace("def build():", "def build():\n    import late")
        write(tmp_path, text.replace("Dense(1)", "Dense(sizes.UNITS)"), f"{folder}/model.py")
    path, modules = list(sys.path), set(sys.modules)
    widths = [
        trainer.build_model("model:build", tmp_path / folder).output.shape[1]
        for folder in ("one", "two")
    ]
    assert widths == [3, 5]
    assert sys.path == path
    new = set(sys.modules) - modules
    assert not {"sizes", "late", "model"} & new


def test_path_is_restored_when_the_file_raises(tmp_path: Path) -> None:
    path = list(sys.path)
    write(tmp_path, "import sys\nsys.path.append('/extra')\nraise ValueError\n")
    refusal(tmp_path)
    assert [entry for entry in sys.path if entry != "/extra"] == path
    sys.path.remove("/extra")


def test_edit_of_the_same_size_is_seen(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    first = trainer.source_digest("model:build", tmp_path)
    trainer.build_model("model:build", tmp_path)
    write(tmp_path, GOOD.replace("Dense(1)", "Dense(7)"))
    assert trainer.build_model("model:build", tmp_path).output.shape[1] == 7
    assert trainer.source_digest("model:build", tmp_path) != first
    assert not (tmp_path / "__pycache__").exists()
