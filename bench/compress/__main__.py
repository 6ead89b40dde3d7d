"""`make bench-compress ARGS="--models digits --rungs int8 static_int8"`.

Three models learn from data, then climb the whole ladder beside TensorFlow's one-line default.
The last line is for machines. `bytes_ratio_worst` and `gzip_ratio_worst` are those of the rung that
the objective `smallest` chooses, of the model where they are worst, and `latency_ratio_cnn` is that
of one row through the CNN's rung that `fastest` chooses; all over float32 LiteRT, among rungs that
are shown to lose less than 0.01 of the score. `gzip` compares two files with gzip;
`gzip_of_bytes` the small file with gzip with float32 without. `never_worse_than_default`: whatever
is chosen, by any objective, is not both larger and slower than TensorFlow's default.

`cold_load_s` is the time from `import millstream` to the first prediction of the flights model that
was pulled, in a new process without TensorFlow; `warm_predict_vs_litert` what `predict` of one raw
record takes then, over LiteRT's own set, invoke and get; `pyfunc_predict_vs_litert` the same
through MLflow's pyfunc.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from bench.compress.changes import load
from bench.compress.climbing import climb, make_section
from bench.compress.loading import loading
from bench.compress.models import MODELS
from bench.compress.rung_table import table, totals
from registry import default_quantizer

__all__ = ["main"]

CONSUMED = "flights"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for and print what came of it."""
    parser = argparse.ArgumentParser("bench-compress", description="The ladder on three models.")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--rungs", nargs="+", help="some of the ladder's")
    parser.add_argument("--folder", type=Path, help="where trained models are kept")
    parser.add_argument("--without-loading", action="store_true", help="measure no consumer")
    asked = parser.parse_args(arguments)
    logging.basicConfig(level=logging.ERROR)
    section = make_section(tuple(asked.rungs) if asked.rungs else None)
    every, consumed = [], {}
    for name in asked.models:
        trained = load(name, asked.folder)
        climbed = climb(trained, section)
        print("\n".join(table(climbed)), flush=True)
        every.append(climbed)
        if name == CONSUMED and not asked.without_loading:
            chosen = climbed.chosen("smallest")
            consumed = loading(chosen.artifact, chosen.float32, trained.judged)
    default_quantizer().close()
    results = totals(every) | consumed
    print()
    told = {name: v if isinstance(v, bool) else round(v, 4) for name, v in results.items()}
    print(json.dumps({"bench": "compress", "results": told}), flush=True)


if __name__ == "__main__":
    main()
