"""The state of callbacks that lasts from round to round; it belongs to a model as its optimizer.

The text is canonical JSON, a list of {"callback": NAME, "state": ...} in the order of the
callbacks, or "" for none. Checkpoints hold it, and it is in their digests.
"""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable
from weakref import WeakKeyDictionary

import keras

_STATES: "WeakKeyDictionary[keras.Model, str]" = WeakKeyDictionary()
_KNOWN: Sequence[tuple[type[Any], tuple[str, ...]]] = (
    (keras.callbacks.ReduceLROnPlateau, ("wait", "cooldown_counter", "best")),
)


@runtime_checkable
class StatefulCallback(Protocol):
    """A Keras callback whose state goes on from round to round, and is in the checkpoint.

    Guarantee that it must give: after `set_state(s)`, where another instance's `get_state()` gave
    s, it acts as that one would.
    """

    def get_state(self) -> Any:
        """Return the state as plain JSON types; it is asked for after `on_train_end`."""

    def set_state(self, state: Any) -> None:
        """Go on from a state; called after `on_train_begin`, and not before there is a state."""


def callback_state(model: keras.Model) -> str:
    """Return the text of the callbacks' state that a model goes on with."""
    return _STATES.get(model, "")


def keep_callback_state(model: keras.Model, text: str) -> None:
    """Let a model go on with a state."""
    _STATES[model] = text


def has_state(callback: object) -> bool:
    """Return whether a callback has a state that goes on."""
    return isinstance(callback, StatefulCallback) or bool(_attributes(callback))


def read_state(callback: Any) -> Any:
    """Return the state of a callback that has one, as JSON types."""
    if isinstance(callback, StatefulCallback):
        return callback.get_state()
    return {name: _plain(getattr(callback, name)) for name in _attributes(callback)}


def write_state(callback: Any, state: Any) -> None:
    """Give a callback the state that `read_state` returned."""
    if isinstance(callback, StatefulCallback):
        callback.set_state(state)
        return
    for name in _attributes(callback):
        setattr(callback, name, state[name])


def _attributes(callback: object) -> tuple[str, ...]:
    return next((names for kind, names in _KNOWN if isinstance(callback, kind)), ())


def _plain(value: Any) -> int | float | None:
    return value if value is None or isinstance(value, int) else float(value)
