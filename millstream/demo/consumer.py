"""What an application does with the model: plain MLflow, no TensorFlow, nothing of millstream's.

Run as a script of its own: `python consumer.py TRACKING_URI`.
"""

import sys

import mlflow
import pandas as pd

FLIGHTS = pd.DataFrame(
    {
        "dep_delay": [-5.0, 8.0, 75.0],
        "distance": [1400.0, 213.0, 2475.0],
        "sched_minute": [315.0, 1080.0, 1170.0],
        "arr_minute": [499.0, 1150.0, 1360.0],
        "month": [1, 7, 12],
        "weekday": [1, 4, 6],
        "carrier": ["UA", "EV", "AA"],
        "origin": ["EWR", "LGA", "JFK"],
        "dest": ["IAH", "DCA", "LAX"],
    }
)


PLUGIN = ("millstream", "millstream.kafka_source")
"""MLflow itself imports these where millstream is installed, to know where a run's records lie."""


def is_unwanted(module: str) -> bool:
    """Whether the model of an application has no use for a module."""
    package = module.partition(".")[0]
    ours = {"ingest", "trainer", "registry", "millstream"}
    return package in {"tensorflow", "keras", *ours} and module not in PLUGIN


def main() -> None:
    """Load the champion and predict three flights."""
    mlflow.set_tracking_uri(sys.argv[1])
    model = mlflow.pyfunc.load_model("models:/flights@champion")
    table = FLIGHTS[["carrier", "origin", "dest", "dep_delay"]].copy()
    table["P(late)"] = pd.Series(model.predict(FLIGHTS).ravel()).round(3)
    print(table.to_string(index=False))  # noqa: T201 - this script's whole purpose
    unwanted = sorted(name for name in sys.modules if is_unwanted(name))
    if unwanted:
        raise SystemExit(f"expected a process without {unwanted}")
    print("predicted without TensorFlow and without millstream")  # noqa: T201


if __name__ == "__main__":
    main()
