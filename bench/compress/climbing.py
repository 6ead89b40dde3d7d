"""A trained model up the whole ladder, as `millstream compress` does it, beside TensorFlow's way.

A rung that is significantly worse than float32 is left out of the choice, even if it is shown to
lose less than the margin: on many rows the smallest loss is significant, and "at no loss" is to be
true. A user who wants that sets a small `margin`.

What is scored is what would ship. `judged` rows decide which rung that is; how it does on `fresh`
rows, which no rung, no fine-tune and no choice has seen, shows what was luck.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trainer
from bench.compress.family_table import DEFAULT, one_line_default
from bench.compress.models import Trained
from millstream.config.compress import CompressConfig
from millstream.rungs.choice import RungChoice, choose_rung, compare_with_float32
from millstream.rungs.file import evidence_of
from millstream.rungs.measured import FLOAT32, Measured
from millstream.rungs.measuring import score_artifacts, score_rungs, with_costs
from millstream.rungs.reverting import revert
from registry import Artifact, Subject, export_float32
from registry.compress import RUNGS, Sharing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from millstream.config.compress import Objective
    from registry import Examples

__all__ = ["OBJECTIVES", "Climbed", "climb", "make_section"]

OBJECTIVES: tuple[Objective, ...] = ("smallest", "fastest", "balanced")
SEED = 1
EXAMPLES = 120_000  # at most, for rungs that learn


@dataclass(frozen=True, eq=False)
class Climbed:
    """What came of a model.

    Attributes:
        name: of the model.
        metric: that decides.
        measured: by rung, float32 first and TensorFlow's default last.
        choices: by objective.
        skipped: by rung why it is not there.
        fresh: by rung that some objective chose, and for the default, the comparison with float32
            on fresh rows.
    """

    name: str
    metric: str
    measured: Mapping[str, Measured]
    choices: Mapping[Objective, RungChoice]
    skipped: Mapping[str, str]
    fresh: Mapping[str, trainer.Comparison]

    def chosen(self, objective: Objective) -> Measured:
        """The rung that ships under an objective."""
        return self.choices[objective].chosen

    @property
    def comparisons(self) -> Mapping[str, trainer.Comparison]:
        """By rung the comparison with float32 on the rows that judge."""
        return self.choices["smallest"].comparisons

    @property
    def refused(self) -> Mapping[str, str]:
        """By rung why it does not ship."""
        return self.choices["smallest"].refused


def make_section(rungs: tuple[str, ...] | None = None, **changes: Any) -> CompressConfig:
    """What a user would set: all rungs, each shown to lose less than 0.01.

    Args:
        rungs: others.
        changes: other settings.
    """
    usual = {"rungs": rungs or tuple(RUNGS), "margin": 0.01, "fine_tune_epochs": 10}
    return CompressConfig.model_validate(usual | {"timed_calls": 200, "sparsity": 0.5} | changes)


def climb(trained: Trained, section: CompressConfig) -> Climbed:
    """Climb, score, mend, time and choose; all times are of one sitting."""
    examples = trained.learned.take(slice(EXAMPLES))
    shared = Sharing(
        Subject(export_float32(trained.model), trained.model, None, examples, seed=SEED)
    )
    gate = make_gate(trained, section)
    test = trained.judged

    def score(output: NDArray[np.float32]) -> dict[str, float]:
        return trainer.score(trained.task, test.labels, output)

    scored, skipped = score_rungs(section, shared, test.features, score)
    evidence = evidence_of(trained.task, test, scored[FLOAT32])
    mended = revert(section, gate, shared, scored, test.features, score, evidence)
    beside = Artifact(DEFAULT, one_line_default(trained.model))
    both = score_artifacts([scored[FLOAT32].artifact, beside], test.features, score)
    measured = with_costs(section, mended | {DEFAULT: both[DEFAULT]}, test.features)
    first = choose_rung(section, gate, measured, evidence)
    lost = {name for name, found in first.comparisons.items() if found.high < 0}
    kept = tuple(name for name in section.rungs if name not in lost)
    choices = {
        objective: choose_rung(
            section.model_copy(update={"objective": objective, "rungs": kept}),
            gate,
            measured,
            evidence,
        )
        for objective in OBJECTIVES
    }
    chosen = {choice.chosen.artifact.rung for choice in choices.values()}
    fresh = compare_fresh(
        trained, section, gate, [measured[name] for name in (*sorted(chosen), DEFAULT)]
    )
    return Climbed(trained.name, trained.metric, measured, choices, skipped, fresh)


def make_gate(trained: Trained, section: CompressConfig) -> trainer.ScoreGate:
    """The gate that `millstream compress` asks."""
    return trainer.ScoreGate(
        metric=trained.metric,
        max_loss=section.max_loss,
        max_output_difference=section.max_output_difference,
        min_rows=1,
        compare="paired",
    )


def compare_fresh(
    trained: Trained, section: CompressConfig, gate: trainer.ScoreGate, some: list[Measured]
) -> dict[str, trainer.Comparison]:
    """Some rungs against float32 on fresh rows."""
    rows: Examples = trained.fresh

    def score(output: NDArray[np.float32]) -> dict[str, float]:
        return trainer.score(trained.task, rows.labels, output)

    float32 = Artifact(FLOAT32, some[0].float32)
    others = [one.artifact for one in some if one.artifact.rung != FLOAT32]
    scored = score_artifacts([float32, *others], rows.features, score)
    evidence = evidence_of(trained.task, rows, scored[FLOAT32])
    found = {
        name: compare_with_float32(section, gate, evidence(one)) for name, one in scored.items()
    }
    return {name: comparison for name, comparison in found.items() if comparison is not None}
