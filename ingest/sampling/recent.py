"""Recent: newer rows weigh more.

Forward decay [Cormode, Shkapenyuk, Srivastava & Xu, "Forward decay: a practical time decay model
for streaming systems", 2009]: a weight grows with a row's own time and is never changed
afterwards; only what rows weigh beside each other counts, so that is the same as old rows fading.
The logarithm of an exponential weight is linear in time, so no time is too far away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.errors import SettingsError
from ingest.rows import Rows
from ingest.sampling.plain import numbers_of
from ingest.schema import Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Recent"]

SHORTEST_S = 0.001


@dataclass(frozen=True)
class Recent:
    """A row weighs half of one that is a half-life newer; a `Weighting`.

    A row's own time is taken as it is. One without a time, -1, is older than all others; one from
    the future stays in the sample until its time has come, so let Kafka refuse those
    (`message.timestamp.after.max.ms`) if producers' clocks are not to be trusted. With `records`, a
    partition with fewer records counts as older: it is meant for partitions that grow alike.

    Attributes:
        seconds: half-life in event time: of `field`, or of Kafka's timestamp.
        records: half-life in records of the row's own partition, by offset.
        field: a timestamp of the schema; with `seconds` only.

    Raises:
        SettingsError: expected one half-life, not shorter than times and offsets can tell.
    """

    seconds: float | None = None
    records: float | None = None
    field: str | None = None

    def __post_init__(self) -> None:
        given = [
            (value, least)
            for value, least in ((self.seconds, SHORTEST_S), (self.records, 1))
            if value is not None
        ]
        if len(given) != 1 or not given[0][1] <= given[0][0] < math.inf:
            raise SettingsError(
                f"recent: expected one half-life, of at least {SHORTEST_S} seconds or 1 record; got"
                f" seconds {self.seconds}, records {self.records}"
            )
        if self.field is not None and self.seconds is None:
            raise SettingsError("recent: a field of time goes with a half-life in seconds")

    def check(self, schema: Schema) -> None:
        """See `Weighting`."""
        fitting = {field.name for field in schema.fields if field.dtype == "timestamp"}
        if self.field is not None and self.field not in fitting:
            raise SettingsError(
                f'recent: the schema has no timestamp "{self.field}";'
                f" it has {', '.join(sorted(fitting)) or 'none'}"
            )

    @property
    def settings(self) -> dict[str, object]:
        """See `Weighting`."""
        half_life = {"seconds": self.seconds, "records": self.records, "time": self.field}
        return {"weighting": "recent", **half_life}

    def log_weights(self, rows: Rows) -> NDArray[np.float64]:
        """See `Weighting`."""
        if self.field is None:
            return self._logs(rows.offset, rows.timestamp)
        return self._logs(rows.offset, numbers_of(rows, self.field))

    def early(
        self, offsets: NDArray[np.int64], timestamps: NDArray[np.int64]
    ) -> NDArray[np.float64] | None:
        """See `Weighting`."""
        return self._logs(offsets, timestamps) if self.field is None else None

    def _logs(
        self, offsets: NDArray[np.int64], milliseconds: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        if self.records is not None:
            return offsets.astype(np.float64) * (math.log(2) / self.records)
        return milliseconds.astype(np.float64) * (math.log(2) / (1000 * (self.seconds or 1)))
