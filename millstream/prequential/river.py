"""A model of river's that is tested and trained beside the learner, on the same records.

It is tested on the round's holdout like all others, and then learns the training rows of the
round, as many as `prequential.river_rows` says: a record at a time, as river does, so they cost.
Its state lies in the round's folder (`river.pickle`), and the report has its digest; a restart goes
on from there. A model of the user's own cannot be stored without running whatever a file names, so
it lives in the process, and begins anew with it; `since` in the report tells.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest import Rows, Schema, hash64
from millstream.config.config import Config
from millstream.durable import write_bytes
from millstream.rounds.seal import damaged
from millstream.rounds.store import RoundFolder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    import trainer

__all__ = ["RIVER_FILE", "RiverBeside", "Standing"]

log = logging.getLogger("millstream")

RIVER_FILE = "river.pickle"
LARGEST = 64 << 20
"""Bytes of a state. A forest grows for ever; one that is larger is given up for a new one."""


@dataclass(frozen=True)
class Standing:
    """A model between two rounds.

    Attributes:
        baseline: the model.
        since: the round that it began with.
        rows: that it has learned.
    """

    baseline: trainer.RiverBaseline
    since: int
    rows: int


class RiverBeside:
    """The model of river's that the configuration names, if it names one.

    Args:
        config: the configuration in force.
        schema: of the rows.
    """

    def __init__(self, config: Config, schema: Schema) -> None:
        self._section, self._config, self._schema = config.prequential, config, schema
        self._own: tuple[int, Standing] | None = None

    @property
    def is_on(self) -> bool:
        """Whether there is a model."""
        return self._section.river is not None

    def after(self, parent: RoundFolder) -> Standing:
        """The model as it was after a round; a new one where that round knew of none.

        Raises:
            RoundStoreError: its file is damaged or missing.
            trainer.CheckpointError: the file is none of a model of river's.
            trainer.ModelError: the user's function cannot be called.
        """
        if self._own is not None and self._own[0] == parent.number:
            return self._own[1]
        known = parent.report().get("prequential", {}).get("river_model", {})
        if "sha256" in known and known["model"] == self._name:
            return self._load(parent, known)
        return self._new(parent.number + 1)

    def predict(
        self, standing: Standing, rows: Rows, schema: Schema, classes: int
    ) -> NDArray[np.float64] | None:
        """What it predicts for rows; None, and a warning, if it cannot.

        Args:
            standing: the model.
            rows: with codes for words.
            schema: with the words of these codes.
            classes: how many the learner tells apart.
        """
        import trainer

        try:
            return standing.baseline.predict(rows.features(schema), classes)
        except trainer.MetricError as error:
            log.warning("river's model cannot be tested: %s", error)
            return None

    def learn(
        self, standing: Standing, rows: Rows, schema: Schema, folder: RoundFolder
    ) -> dict[str, Any]:
        """Learn rows of a round, and store the state in its folder.

        Args:
            standing: the model as it was before.
            rows: of the round's training side, with codes for words; those of the smallest sampling
                keys are learned, in the order of time.
            schema: with the words of these codes.
            folder: of the round.

        Returns:
            For the report: `model`, `since`, `rows` and, if there is a state, its `sha256`.
        """
        import trainer

        chosen = in_time_order(few(rows, self._config.sample.seed, self._section.river_rows))
        learned = standing.rows + len(chosen)
        told = {"model": self._name, "since": standing.since, "rows": learned}
        try:
            standing.baseline.learn(chosen.features(schema), chosen.labels(schema))
        except trainer.MetricError as error:
            log.warning("river's model cannot be trained: %s", error)
            return told | {"failed": str(error)}
        if self._is_own:
            after = Standing(standing.baseline, standing.since, learned)
            self._own = (folder.number, after)
            return told
        state = trainer.dump_river(standing.baseline.model)
        if len(state) > LARGEST:
            log.warning("river's model has %d bytes; a new one begins", len(state))
            return told
        write_bytes(folder.path / RIVER_FILE, state)
        return told | {"sha256": hashlib.sha256(state).hexdigest()}

    def _load(self, parent: RoundFolder, known: dict[str, Any]) -> Standing:
        import trainer

        path = parent.path / RIVER_FILE
        try:
            state = path.read_bytes()
        except OSError as error:
            raise damaged(path, "the state of river's model", str(error.strerror)) from error
        found = hashlib.sha256(state).hexdigest()
        if found != known["sha256"]:
            expected = f"SHA-256 {known['sha256'][:12]}, as report.json has it"
            raise damaged(path, expected, found[:12])
        model = trainer.load_river(state, str(path))
        return Standing(self._baseline(model), known["since"], known["rows"])

    def _new(self, number: int) -> Standing:
        import trainer

        config = self._config
        model = trainer.make_river(
            str(self._section.river), config.train.task, config.sample.seed, config.directory
        )
        return Standing(self._baseline(model), number, 0)

    def _baseline(self, model: Any) -> trainer.RiverBaseline:
        import trainer

        categories = [f.name for f in self._schema.features if f.dtype == "category"]
        return trainer.RiverBaseline(model, self._config.train.task, categories)

    @property
    def _is_own(self) -> bool:
        return ":" in str(self._section.river)

    @property
    def _name(self) -> str:
        """What it is, with the version of river: another one may have other states."""
        return f"{self._section.river} of river {version('river')}"


def few(rows: Rows, seed: int, count: int) -> Rows:
    """The rows with the smallest sampling keys."""
    if len(rows) <= count:
        return rows
    identity = (rows.topics, rows.topic, rows.partition, rows.offset)
    bits = hash64(seed, "sample", *identity)
    order = np.lexsort((rows.offset, rows.partition, rows.topic, bits))
    return rows.take(order[:count])


def in_time_order(rows: Rows) -> Rows:
    """The rows by timestamp, ties by identity."""
    return rows.take(np.lexsort((rows.offset, rows.partition, rows.topic, rows.timestamp)))
