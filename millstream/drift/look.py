"""A look at the records that wait: does the learner err more on them than it did?"""

from __future__ import annotations

import math

import numpy as np

from ingest import Intake, Rows
from millstream.drift.drift import watch_errors
from millstream.drift.state import DriftState
from millstream.growing import vocabularies_of
from millstream.pipeline import Pipeline
from millstream.prequential.rows import Tested
from millstream.rounds.store import RoundFolder

__all__ = ["DriftLook"]

TICK_S = 0.05
"""The service asks so often, or less often."""


class DriftLook:
    """Reads the waiting part of the next round's holdout with the detector, as that round will.

    It costs a prediction of the holdout rows that wait, at most once in `trigger.look_s` seconds,
    and changes nothing: the round reads the same rows again. Several workers look at the same time,
    each at its own rows, and all find what all rows show.

    Args:
        pipeline: the parts.
        intake: holds the records that wait.
    """

    def __init__(self, pipeline: Pipeline, intake: Intake) -> None:
        self._pipeline, self._intake = pipeline, intake
        # Counted, as clocks of several workers differ.
        self._every = math.ceil(pipeline.config.trigger.look_s / TICK_S)
        self._left = self._every
        self._round = -1
        self._state = DriftState()
        self._found: str | None = None

    def found(self, latest: RoundFolder) -> str | None:
        """What was found since `latest`, as a phrase; None if nothing. All workers ask alike."""
        if not self._pipeline.config.trigger.drift or latest.number == 0:
            return None
        if self._round != latest.number:
            self._begin(latest)
        self._left -= 1
        if self._left <= 0 and self._found is None:
            self._left = self._every
            rows = Tested.of_all(self._tested(latest), self._pipeline.workers)
            watched = watch_errors(self._pipeline.config, self._state, rows)
            self._found = watched.why or None
        return self._found

    def _begin(self, latest: RoundFolder) -> None:
        """Take over a round's weights and what the detector had read."""
        import trainer

        trainer.load(self._pipeline.learner.model, latest.weights)
        self._state = DriftState.after(latest, self._pipeline.config.drift)
        self._round, self._left, self._found = latest.number, self._every, None

    def _tested(self, latest: RoundFolder) -> Tested:
        """The holdout rows that wait at this worker, with the learner's predictions."""
        import trainer

        schema, topics = self._pipeline.schema, tuple(sorted(self._pipeline.config.kafka.topics))
        rows = self._intake.holdout()
        coded = Rows.empty(schema, topics) if rows is None else rows.with_topics(topics)
        predicted, failed = np.empty(0, np.float32), ""
        try:
            if len(coded):
                coded = vocabularies_of(schema, latest).encode(coded, schema)
                predicted = self._pipeline.learner.predict(coded.features(schema))
        except (trainer.MetricError, trainer.TrainingError) as error:
            failed = str(error)
        return Tested(
            topic=coded.topic,
            partition=coded.partition,
            offset=coded.offset,
            timestamp=coded.timestamp,
            labels=coded.labels(schema),
            learner=None if failed else predicted,
            failed=failed,
        )
