"""What was tested, row by row: all that the scores of a round are a function of.

Several workers each test their own rows. `Tested` crosses between them as bytes, and `merge` gives
all of them the same rows in the same order, so all come to the same scores.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ingest import Workers

__all__ = ["Tested"]


@dataclass(frozen=True, eq=False)
class Tested:
    """Rows in the order of time (ties by identity), and what was predicted for them.

    Attributes:
        topic: int32[n], index into all topics of the configuration, sorted.
        partition: int32[n].
        offset: int64[n].
        timestamp: int64[n], milliseconds.
        labels: [n], in the dtype of the label.
        weights: [n]; None where the schema has none.
        learner: float32[n] or [n, c], its predictions before the round; None if it has none.
        champion: those of the champion's exported bytes; None if there are none.
        champion_version: of the champion that predicted.
        river: float64[n] or [n, c], those of the model of river's; None if there is none.
        groups: by feature the value of each row, texts [n].
        failed: why the learner or its labels could not be had; "" if they could.
    """

    topic: NDArray[np.int32]
    partition: NDArray[np.int32]
    offset: NDArray[np.int64]
    timestamp: NDArray[np.int64]
    labels: NDArray[Any]
    weights: NDArray[np.floating] | None = None
    learner: NDArray[np.float32] | None = None
    champion: NDArray[np.float32] | None = None
    champion_version: int | None = None
    river: NDArray[np.float64] | None = None
    groups: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    failed: str = ""

    def __len__(self) -> int:
        return len(self.offset)

    def take(self, rows: NDArray[np.intp]) -> Tested:
        """The rows at some places, in that order."""
        changed: dict[str, Any] = {name: array[rows] for name, array in self._arrays().items()}
        groups = {name: values[rows] for name, values in self.groups.items()}
        return replace(self, **changed, groups=groups)

    def sorted_by_time(self) -> Tested:
        """The rows by timestamp, topic, partition and offset."""
        return self.take(np.lexsort((self.offset, self.partition, self.topic, self.timestamp)))

    @classmethod
    def merge(cls, parts: Sequence[Tested]) -> Tested:
        """The rows of all workers, in the order of time.

        What one of them could not predict nobody has predicted, as scores of some rows are not
        those of all. Neither has the champion if it was another one for some of them, as when a
        person promotes a version meanwhile.

        Args:
            parts: of the workers, in the order of ranks; at least one.
        """
        filled = [part for part in parts if len(part)] or list(parts[:1])
        names = set.intersection(*(set(part._arrays()) for part in filled))
        if len({part.champion_version for part in filled}) > 1:
            names -= {"champion"}
        arrays = {
            name: np.concatenate([part._arrays()[name] for part in filled])
            for name in sorted(names)
        }
        grouped = set.intersection(*(set(part.groups) for part in filled))
        known = [name for name in filled[0].groups if name in grouped]
        groups = {name: np.concatenate([part.groups[name] for part in filled]) for name in known}
        whole = cls(
            **arrays,
            champion_version=filled[0].champion_version if "champion" in names else None,
            groups=groups,
            failed=next((part.failed for part in parts if part.failed), ""),
        )
        return whole.sorted_by_time()

    @classmethod
    def of_all(cls, own: Tested, workers: Workers) -> Tested:
        """The rows of all workers, each of which calls it with its own."""
        if workers.size == 1:
            return cls.merge([own])
        return cls.merge([cls.from_bytes(data) for data in workers.gather(own.to_bytes())])

    def to_bytes(self) -> bytes:
        """The rows as an .npz without pickles."""
        told = {
            "groups": list(self.groups),
            "champion_version": self.champion_version,
            "failed": self.failed,
        }
        arrays = {
            **self._arrays(),
            **{f"group {place}": values for place, values in enumerate(self.groups.values())},
            "told": np.frombuffer(json.dumps(told).encode(), np.uint8),
        }
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, **arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Tested:
        """The inverse of `to_bytes`."""
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        told = json.loads(arrays.pop("told").tobytes())
        groups = {
            name: arrays.pop(f"group {place}") for place, name in enumerate(told.pop("groups"))
        }
        return cls(**arrays, groups=groups, **told)

    def _arrays(self) -> dict[str, NDArray[Any]]:
        found: dict[str, NDArray[Any] | None] = {
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "timestamp": self.timestamp,
            "labels": self.labels,
            "weights": self.weights,
            "learner": self.learner,
            "champion": self.champion,
            "river": self.river,
        }
        return {name: array for name, array in found.items() if array is not None}
