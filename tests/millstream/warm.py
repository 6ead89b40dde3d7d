"""What a process does once before commands are forked from it, so that none of them does it again.

Nothing here starts TensorFlow's runtime or a thread: neither of them outlives a fork.
"""

from __future__ import annotations

import gc
from io import BytesIO

import mlflow
import numba
from matplotlib.figure import Figure
from mlflow.utils.requirements_utils import warn_dependency_requirement_mismatches
from sqlalchemy.orm import configure_mappers

__all__: list[str] = []

# MLflow asks which package each installed module comes from, a figure asks for fonts.
warn_dependency_requirement_mismatches([f"mlflow=={mlflow.__version__}"])
configure_mappers()
numba.njit(lambda number: number + 1)(1)  # loads what the compiler asks for, at the first call
figure = Figure(layout="constrained")
axes = figure.subplots()
axes.plot([0.0, 1.0], label="0")
axes.set_title("0")
axes.legend()
figure.savefig(BytesIO(), format="png")
# Objects that live as long as the process are no concern of the children's collector.
gc.collect()
gc.freeze()
