"""How workers stay together: what one of them meets, all of them hear, in the same call.

Whatever ends a fit on one worker, a request to stop or an error of its callbacks, must end it on
all: the others would wait for it in the next step. Errors that are about model, callbacks or data
are the same on all of them, so that all decide alike what to do about it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.distribution.communicator import Communicator
from trainer.errors import (
    CallbackError,
    ModelError,
    RefusedError,
    SettingsError,
    TrainingAborted,
    TrainingError,
)
from trainer.fit.watch import Diverged

__all__ = ["Agreement", "Together"]

_ALIKE: Mapping[str, type[RefusedError]] = {
    kind.__name__: kind for kind in (CallbackError, ModelError, SettingsError, TrainingError)
}


@dataclass(frozen=True)
class Together:
    """What all workers said.

    Attributes:
        stop: Whether any of them wants to stop.
        total: float64[size]: the sum of their states, in the order of the states' numbers.
    """

    stop: bool
    total: np.ndarray


class Agreement:
    """Gathers, and remembers what the caller's own functions raised until all can hear of it.

    Attributes:
        raised: What this worker's own function raised, once all have heard of it.
    """

    def __init__(self, communicator: Communicator) -> None:
        self.raised: BaseException | None = None
        self._communicator = communicator
        self._error: BaseException | None = None

    def guard(self, function: Callable[..., Any], *arguments: Any, otherwise: Any = None) -> Any:
        """Call a function that only this worker may fail in; `otherwise` once one has failed.

        Raises:
            Diverged, TrainingAborted: At once: they come of numbers that all workers have.
        """
        if self._error is not None:
            return otherwise
        try:
            return function(*arguments)
        except (Diverged, TrainingAborted):
            raise
        except Exception as error:  # noqa: BLE001 - raised at the next gathering, on all workers
            self._error = error
            return otherwise

    def gather(self, stop: bool, states: Mapping[int, np.ndarray], size: int) -> Together:
        """Hear of all workers.

        Args:
            stop: Whether this worker wants to stop.
            states: float64[size] by number; no two workers may give the same number a value.
            size: Of a state.

        Raises:
            RefusedError: What a function of another worker raised, if it is about the model, its
                callbacks or the data; else TrainingError, which tells of it. What this worker's
                own raised is raised as it is.
            PeerLost: A worker is gone, or hangs.
        """
        failed = None if self._error is None else self._told(self._error)
        head = {"stop": bool(stop), "failed": failed, "numbers": [int(n) for n in states]}
        values = [np.asarray(state, np.float64) for state in states.values()]
        body = np.concatenate([np.empty(0), *values]).tobytes()
        said = self._communicator.gather(json.dumps(head).encode() + b"\0" + body)
        self._raise(said)
        return _together(said, size)

    def same(self, place: str, values: Mapping[str, Any]) -> None:
        """Check that all workers have the same values, plain JSON types by name.

        Raises:
            TrainingError: They have not; it names the first that differs.
        """
        said = self._communicator.gather(json.dumps(dict(values)).encode())
        first, *others = [json.loads(part) for part in said]
        for rank, other in enumerate(others, 1):
            for name in first:
                if other.get(name) != first[name]:
                    raise TrainingError(
                        place,
                        expected=f"the same {name} on all workers; worker 0 has {first[name]}",
                        got=f"{other.get(name)} on worker {rank}",
                        mend="start all workers with the same code, settings and checkpoint",
                    )

    def _raise(self, said: list[bytes]) -> None:
        error, self._error = self._error, None
        if error is not None:
            self.raised = error
            raise error
        for part in said:
            failed = json.loads(part.split(b"\0", 1)[0])["failed"]
            if failed is not None:
                raise _ALIKE[failed.pop("kind")](failed.pop("place"), **failed)

    def _told(self, error: BaseException) -> dict[str, str]:
        """An error as others are to raise it."""
        kind = type(error).__name__
        if isinstance(error, RefusedError) and kind in _ALIKE:
            told = {"place": error.place, "expected": error.expected, "mend": error.mend}
            return {"kind": kind, "got": error.got, **told}
        return {
            "kind": TrainingError.__name__,
            "place": f"worker {self._communicator.rank}",
            "expected": "its functions to run",
            "got": f"{kind}: {error}",
            "mend": "see its log",
        }


def _together(said: list[bytes], size: int) -> Together:
    stop, rows = False, []
    for rank, part in enumerate(said):
        head, body = part.split(b"\0", 1)
        told = json.loads(head)
        stop = stop or told["stop"]
        values = np.frombuffer(body, np.float64).reshape(len(told["numbers"]), size)
        rows += [
            (number, rank, value) for number, value in zip(told["numbers"], values, strict=True)
        ]
    total = np.zeros(size)
    for _, _, value in sorted(rows, key=lambda row: row[:2]):
        total = total + value
    return Together(stop, total)
