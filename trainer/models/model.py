"""The user's model file: found by path, run, and turned into a compiled Keras model.

The file is executed from its bytes under a module name of its own, so two model files never meet,
an edit within the same second is seen, and what `source_digest` names is what ran. Modules beside
the file can be imported while it is loaded and while its function runs; afterwards `sys.path` is
as it was and those modules are forgotten again, so a second directory's `layers.py` is its own.
"""

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import keras
from keras import tree

from trainer.errors import ModelError, one_line
from trainer.hints import did_you_mean
from trainer.models.naming import names_from_the_first

Builder = Callable[[], object]


def source_path(spec: str, directory: Path) -> Path:
    """Return the file that `spec` (`module:function`) names in `directory`.

    Raises:
        ModelError: The spec has another form, or there is no such file.
    """
    module, colon, function = spec.partition(":")
    if not colon or not function.isidentifier() or not module.replace(".", "_").isidentifier():
        raise ModelError(
            f"model {spec!r}",
            expected="the form module:function",
            got=repr(spec),
            mend='write for example "model:build" for the function build in model.py',
        )
    path = directory.joinpath(*module.split(".")).with_suffix(".py").absolute()
    if not path.is_file():
        names = [entry.stem for entry in directory.glob("*.py")]
        raise ModelError(
            f"model {spec!r}",
            expected=f"a file {path}",
            got="no such file",
            mend=did_you_mean(module, names) if names else f"create {path.name} there",
        )
    return path


def source_digest(spec: str, directory: Path) -> str:
    """Return the SHA-256 (hex) of the model file's bytes; modules it imports are not included.

    Raises:
        ModelError: As `source_path`.
    """
    return hashlib.sha256(source_path(spec, directory).read_bytes()).hexdigest()


def load_builder(spec: str, directory: Path) -> Builder:
    """Run the model file and return its function.

    The function must be called through `build_model` if it imports modules beside it when called.

    Raises:
        ModelError: No such file or function, or the file raises (the line is named).
    """
    path = source_path(spec, directory)
    function = spec.partition(":")[2]
    module = _run_file(path)
    builder = getattr(module, function, None)
    if not callable(builder):
        names = [name for name, value in vars(module).items() if _is_own(value, module)]
        raise ModelError(
            str(path),
            expected=f"a function {function}()",
            got="none of that name" if builder is None else type(builder).__name__,
            mend=did_you_mean(function, names)
            if names
            else f"define def {function}() -> keras.Model",
        )
    return builder  # type: ignore[no-any-return]


def build_model(spec: str, directory: Path, *, seed: int | None = None) -> keras.Model:
    """Call the user's function and check that its model can be trained.

    Args:
        spec: `module:function`, for example `model:build`.
        directory: Where the module lies.
        seed: Seeds Python, NumPy and TensorFlow before the call, so that the same seed gives the
            same first weights; None leaves them alone.

    Returns:
        The compiled model, with inputs and weights built. Layers that the function gives no name
        have the same ones each time, those of a fresh process.

    Raises:
        ModelError: As `load_builder`; the function raises; or `check_model` refuses its result.
    """
    path = source_path(spec, directory)
    builder, function = load_builder(spec, directory), spec.partition(":")[2]
    if seed is not None:
        keras.utils.set_random_seed(seed)
    with names_from_the_first():
        model = call_beside(path, builder, f"{function}() to return a model")
    return check_model(model, f"{path}, {function}()")


def call_beside(path: Path, function: Builder, expected: str) -> object:
    """Call a function of the file at `path`, with the modules beside it in reach.

    Raises:
        ModelError: It raises; the line is named, and what was `expected`.
    """
    with _siblings(path.parent):
        try:
            return function()
        except (Exception, SystemExit) as error:
            raise _raised(path, error, expected) from error


def check_model(model: object, place: str = "model") -> keras.Model:
    """Return `model` if millstream can train it.

    Raises:
        ModelError: Not a `keras.Model`, no named inputs, not built, not one output, not compiled,
            or compiled without a loss.
    """
    if not isinstance(model, keras.Model):
        raise ModelError(
            place,
            expected="a keras.Model",
            got="None" if model is None else type(model).__name__,
            mend="return the compiled model from the function",
        )
    if getattr(model, "inputs", None) is None or not model.built:
        raise ModelError(
            place,
            expected="a model whose inputs are known",
            got=f"an unbuilt {type(model).__name__}",
            mend='give one keras.Input(shape=(1,), name="FEATURE") per feature',
        )
    if len(model.outputs) != 1:
        raise ModelError(
            place,
            expected="one output",
            got=f"{len(model.outputs)} outputs",
            mend="return a model with a single prediction",
        )
    if not model.compiled or not hasattr(model.optimizer, "build"):
        raise ModelError(
            place,
            expected="a compiled model",
            got="a model without optimizer and loss",
            mend='call model.compile(optimizer="adam", loss=...) before returning it',
        )
    if getattr(model, "loss", None) is None and not model.losses:
        raise ModelError(
            place,
            expected="a loss",
            got="compile() without one",
            mend='pass loss=..., for example loss="binary_crossentropy"',
        )
    _check_names(model, place)
    return model


def _check_names(model: keras.Model, place: str) -> None:
    """Look losses up that Keras itself looks up only in the first step of training.

    Raises:
        ModelError: There is no loss of that name.
    """
    for name in tree.flatten(model.loss):
        if not isinstance(name, str):
            continue
        try:
            keras.losses.get(name)
        except ValueError as error:
            raise ModelError(
                place,
                expected="a loss that Keras knows",
                got=f'loss="{name}"',
                mend=did_you_mean(name, [n for n in dir(keras.losses) if n.islower()]),
            ) from error


def _run_file(path: Path) -> ModuleType:
    source = path.read_bytes()
    name = "millstream_user_" + hashlib.sha256(str(path).encode() + b"\0" + source).hexdigest()[:16]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise ModelError(
            str(path), expected="a Python file", got=path.suffix, mend="name it model.py"
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with _siblings(path.parent):
        try:
            exec(compile(source, str(path), "exec"), vars(module))  # noqa: S102 - the user's own
        except (Exception, SystemExit) as error:
            del sys.modules[name]
            raise _raised(path, error, "a model file that can be run") from error
    return module


@contextmanager
def _siblings(directory: Path) -> Iterator[None]:
    before = set(sys.modules)
    sys.path.insert(0, str(directory))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        if str(directory) in sys.path:
            sys.path.remove(str(directory))
        for name in set(sys.modules) - before:
            origin = getattr(sys.modules[name], "__file__", None)
            beside = origin is not None and Path(origin).is_relative_to(directory)
            if beside and "site-packages" not in str(origin):
                del sys.modules[name]


def _raised(path: Path, error: BaseException, expected: str) -> ModelError:
    if isinstance(error, SyntaxError) and error.filename:
        where = f"{error.filename}:{error.lineno}"
    else:
        own = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename).is_relative_to(path.parent)
            and "site-packages" not in frame.filename
        ]
        where = f"{own[-1].filename}:{own[-1].lineno}" if own else str(path)
    return ModelError(
        where,
        expected=expected,
        got=f"{type(error).__name__}: {one_line(error, 200)}",
        mend="run the file by itself to see the whole traceback",
    )


def _is_own(value: object, module: ModuleType) -> bool:
    return callable(value) and getattr(value, "__module__", None) == module.__name__
