"""What the first round of a process would wait for, done while its records come.

To trace a train step, to convert a model for the first time, and to load what publishes takes some
seconds: of rounds of two seconds that is most of what the first ones wait for. It is done on
made-up rows and weights, and leaves everything as it was: what a round comes to does not depend on
it. Several workers neither trace nor convert, as all of them would have to do it alike.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest import Counts, Field, Rows, Window
from ingest.ragged import Ragged
from millstream.feature_statistics import statistics_of, with_window
from millstream.fitting import make_options, train_settings
from millstream.garbage import set_aside
from millstream.growing import vocabularies_of
from millstream.pipeline import Pipeline
from millstream.recipe import round_seed
from millstream.rounds.plan import Plan
from millstream.rounds.store import RoundFolder
from millstream.rungs.measured import FLOAT32
from millstream.training_data import training_data
from millstream.turn import Turn
from millstream.workers.beat import unhurried
from millstream.workers.place import beat_of
from registry import default_quantizer, rehearse_export

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["head_start"]

log = logging.getLogger("millstream")


def head_start(
    pipeline: Pipeline, latest: RoundFolder, stop: threading.Event, *, only_one: bool = False
) -> None:
    """Do it, unless the service is told to stop.

    Args:
        pipeline: the parts, before the first round of this process.
        latest: the last round.
        stop: set for an end.
        only_one: whether but one round will be trained, which is better off converting by itself.
    """
    begun = time.monotonic()
    for part in parts(pipeline, latest, stop, only_one):
        if stop.is_set():
            return
        try:
            part()
        except Exception as error:  # noqa: BLE001 - a round says what is wrong with real rows
            log.debug("no head start: %s", error)
    log.debug("ready for the first round after %.1f s", time.monotonic() - begun)


def parts(
    pipeline: Pipeline, latest: RoundFolder, stop: threading.Event, only_one: bool
) -> list[Callable[[], None]]:
    """What is done, in its order."""
    trace: Callable[[], None] = partial(trace_training, pipeline, latest, stop)
    if not pipeline.is_chief:
        return [trace, set_aside]
    quantizes = any(rung != FLOAT32 for rung in pipeline.config.compress.rungs)
    quantizer = [default_quantizer().start] if quantizes else []  # loads its code meanwhile
    conversion = [] if only_one else [partial(convert, pipeline, stop)]
    return [*quantizer, trace, set_aside, *conversion, load_publishing]


def trace_training(pipeline: Pipeline, latest: RoundFolder, stop: threading.Event) -> None:
    """Test and train on a made-up window, as a round of one worker does."""
    import trainer

    learner = pipeline.learner
    if not isinstance(learner, trainer.Learner):
        return
    turn = made_up_turn(pipeline, latest)
    rows, schema = turn.window.train, pipeline.schema
    learner.predict(rows.features(schema))
    seed = round_seed(turn.plan.seed, turn.plan.round)
    statistics = with_window(statistics_of(schema, latest), turn.window)
    given = training_data(pipeline, turn, statistics, seed)
    settings = train_settings(pipeline.config, turn.plan)
    learner.rehearse(
        given.dataset, given.steps_per_epoch, given.validation, settings, seed, stop.is_set
    )


def convert(pipeline: Pipeline, stop: threading.Event) -> None:
    """Convert a single worker's model, unless each round exports another one that is made of it."""
    import trainer

    learner = pipeline.learner
    if not isinstance(learner, trainer.Learner) or make_options(pipeline.config).needs_twin:
        return
    if not trainer.is_sharded(learner.model):
        with unhurried(beat_of(pipeline.config, 0)):
            rehearse_export(learner.model, stop.is_set)


def load_publishing() -> None:
    """Load what packs a version, and what draws its pictures with their letters."""
    import mlflow.pyfunc  # noqa: F401
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots()
    FigureCanvasAgg(figure).draw()


def made_up_turn(pipeline: Pipeline, latest: RoundFolder) -> Turn:
    """A round after the latest, on one row of zeros for each side; it has no files."""
    end, seed = latest.plan().end, pipeline.config.sample.seed
    vocabularies = vocabularies_of(pipeline.schema, latest)
    rows = vocabularies.encode(made_up_rows(pipeline), pipeline.schema)
    window = Window(end, end, (), Counts(), rows, rows, rows, None, None, train_weights=np.ones(1))
    plan = Plan(
        round=latest.number + 1,
        parent=latest.number,
        start=end,
        end=end,
        gaps=(),
        seed=seed,
        recipe=pipeline.recipe_fingerprint,
        reason="head start",
        created_ms=0,
    )
    return Turn(latest, latest, plan, window, vocabularies)


def made_up_rows(pipeline: Pipeline) -> Rows:
    """One row of zeros."""
    schema = pipeline.schema
    empty = Rows.empty(schema, pipeline.config.kafka.topics)
    one = np.zeros(1, np.int64)
    return replace(
        empty,
        topic=one.astype(np.int32),
        partition=one.astype(np.int32),
        offset=one,
        timestamp=one,
        columns={field.name: zeros(field) for field in schema.fields},
    )


def zeros(field: Field) -> NDArray[Any] | Ragged:
    """A column of one row."""
    if field.is_ragged:
        return Ragged(np.zeros(1, field.numpy_dtype), np.array([0, 1]))
    plain: NDArray[Any] = np.zeros((1, *field.shape), field.numpy_dtype)
    return plain
