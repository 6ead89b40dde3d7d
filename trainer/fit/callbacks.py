"""The user's own Keras callbacks: made anew for each round, with the state that lasts.

A callback says with an attribute `run_on` where it runs when there are several workers: "chief",
on one of them, for what only looks on, such as a log; or "all", for what changes training. Without
one, Keras's loggers and savers run on the chief, and everything else on all.

`fit` is called with them all; their hooks for batches are called after each group of up to 16
batches if they run on the chief, and after each batch if they run on all.
"""

import json
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import keras

from trainer.errors import CallbackError, ModelError, one_line
from trainer.fit.callback_state import has_state, read_state, write_state
from trainer.models.model import Builder, call_beside, load_builder, source_path

RunOn = Literal["chief", "all"]
CallbackMaker = Callable[[], Sequence[keras.callbacks.Callback]]
_LOOK_ON = (
    keras.callbacks.BackupAndRestore,
    keras.callbacks.CSVLogger,
    keras.callbacks.History,
    keras.callbacks.ModelCheckpoint,
    keras.callbacks.ProgbarLogger,
    keras.callbacks.RemoteMonitor,
    keras.callbacks.TensorBoard,
)
_BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")


def no_callbacks() -> Sequence[keras.callbacks.Callback]:
    """Return none."""
    return ()


def load_callbacks(specs: Iterable[str], directory: Path) -> CallbackMaker:
    """Run the files of the user's callbacks, and return what makes a round's callbacks.

    Args:
        specs: `module:function` each; the function returns a callback or a list of them.
        directory: Where the modules lie.

    Raises:
        ModelError: No such file or function, it raises, or it returns something else, or what it
            returned before; also of `run_on`, and of a state of what runs on the chief alone. The
            maker raises it, too.
    """
    named = [(source_path(spec, directory), load_builder(spec, directory)) for spec in specs]
    if not named:
        return no_callbacks

    def make() -> Sequence[keras.callbacks.Callback]:
        return [each for path, function in named for each in _made(path, function)]

    first = {id(callback): callback for callback in make()}
    kept = [callback for callback in make() if id(callback) in first]
    if kept:
        raise ModelError(
            f"callback {type(kept[0]).__name__}",
            expected="one that is made anew each time, as a round depends on its checkpoint alone",
            got="the one of the call before",
            mend="make it in the function that train.callbacks names",
        )
    return make


def runs_on(callback: keras.callbacks.Callback) -> RunOn:
    """Return where a callback runs: as its `run_on` says, or as is usual for its kind.

    Raises:
        ModelError: `run_on` is something else.
    """
    told = getattr(callback, "run_on", None)
    if told is None:
        return "chief" if isinstance(callback, _LOOK_ON) else "all"
    if told not in get_args(RunOn):
        raise ModelError(
            f"callback {type(callback).__name__}, run_on",
            expected='"chief" or "all"',
            got=repr(told),
            mend="change it",
        )
    return "chief" if told == "chief" else "all"


def wants_each_batch(callbacks: Iterable[keras.callbacks.Callback]) -> bool:
    """Return whether a callback that runs on all has a hook for training batches of its own."""
    return any(
        not getattr(getattr(callback, hook), "_is_default", False)
        for callback in callbacks
        if runs_on(callback) == "all"
        for hook in _BATCH_HOOKS
    )


class RoundCallbacks(keras.callbacks.Callback):  # type: ignore[misc]
    """The callbacks of one round as a single one: in their order, with states and errors told.

    Every hook may raise CallbackError, which names the line of the user's file.
    """

    def __init__(self, callbacks: Sequence[keras.callbacks.Callback], state: str) -> None:
        """Take over the callbacks and the text of the state that they go on from, "" for none."""
        super().__init__()
        self.callbacks = callbacks
        self._state: Mapping[str, Any] = {
            item["callback"]: item["state"] for item in json.loads(state or "[]")
        }

    def state(self) -> str:
        """Return the text of the state that the next round goes on from; "" for none.

        Raises:
            CallbackError: A state is not of JSON types, or `get_state` raises.
        """
        told = []
        for name, callback in _named(self.callbacks):
            if has_state(callback):
                state = _call(callback, "get_state", partial(_json, callback))
                told.append({"callback": name, "state": json.loads(state)})
        return json.dumps(told, sort_keys=True, separators=(",", ":")) if told else ""

    def set_params(self, params: Any) -> None:
        """Hand them on."""
        super().set_params(params)
        self._each("set_params", params)

    def set_model(self, model: keras.Model) -> None:
        """Hand it on."""
        super().set_model(model)
        self._each("set_model", model)

    def on_train_begin(self, logs: Any = None) -> None:
        """Hand it on, then let each go on from its state."""
        self._each("on_train_begin", logs)
        for name, callback in _named(self.callbacks):
            if has_state(callback) and name in self._state:
                _call(callback, "set_state", partial(write_state, callback, self._state[name]))

    def on_train_end(self, logs: Any = None) -> None:
        """Hand it on."""
        self._each("on_train_end", logs)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Hand it on."""
        self._each("on_epoch_begin", epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Hand it on."""
        self._each("on_epoch_end", epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Hand it on."""
        self._each("on_train_batch_begin", batch, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Hand it on."""
        self._each("on_train_batch_end", batch, logs)

    def on_test_begin(self, logs: Any = None) -> None:
        """Hand it on."""
        self._each("on_test_begin", logs)

    def on_test_end(self, logs: Any = None) -> None:
        """Hand it on."""
        self._each("on_test_end", logs)

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Hand it on."""
        self._each("on_test_batch_begin", batch, logs)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Hand it on."""
        self._each("on_test_batch_end", batch, logs)

    def _each(self, hook: str, *arguments: Any) -> None:
        for callback in self.callbacks:
            _call(callback, hook, partial(getattr(callback, hook), *arguments))


def _named(callbacks: Iterable[Any]) -> list[tuple[str, Any]]:
    """Each callback with its name in a state: that of its class, numbered from the second on."""
    seen: dict[str, int] = {}
    named = []
    for callback in callbacks:
        name = type(callback).__name__
        seen[name] = seen.get(name, 0) + 1
        named.append((name if seen[name] == 1 else f"{name} {seen[name]}", callback))
    return named


def _json(callback: Any) -> str:
    return json.dumps(read_state(callback), sort_keys=True, allow_nan=False)


def _call(callback: Any, hook: str, function: Callable[[], Any]) -> Any:
    try:
        return function()
    except (Exception, SystemExit) as error:
        raise CallbackError(
            _place(error, f"callback {type(callback).__name__}"),
            expected=f"{type(callback).__name__}.{hook} to run",
            got=f"{type(error).__name__}: {one_line(error, 200)}",
            mend="correct it, or take it out of train.callbacks",
        ) from error


def _place(error: BaseException, otherwise: str) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "site-packages" not in f.filename and f.filename != __file__]
    own = [f for f in own if Path(f.filename).parent != Path(__file__).parent]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else otherwise


def _made(path: Path, function: Builder) -> list[keras.callbacks.Callback]:
    made = call_beside(path, function, f"{function.__name__}() to return callbacks")
    callbacks = list(made) if isinstance(made, (list, tuple)) else [made]
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            raise ModelError(
                str(path),
                expected="a keras.callbacks.Callback, or a list of them",
                got=type(callback).__name__,
                mend=f"return them from {function.__name__}()",
            )
        if runs_on(callback) == "chief" and has_state(callback):
            raise ModelError(
                f"{path}, {type(callback).__name__}",
                expected='run_on = "all" of a callback with a state, as every worker must have it',
                got='run_on = "chief"',
                mend="let it run on all, or keep nothing from round to round",
            )
    return callbacks
