"""Guards: what must not get worse while another metric, or the mean over all rows, gets better."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from trainer.errors import SettingsError, one_line
from trainer.metrics import higher_is_better
from trainer.paired.answers import Answers
from trainer.paired.comparison import Comparison
from trainer.paired.paired_test import PairedTest

__all__ = ["Guard", "GuardResult", "Refusal"]

Refusal = Literal["proven", "measured", "possible"]


@dataclass(frozen=True)
class GuardResult:
    """What a guard saw.

    Attributes:
        reason: Why it refuses; None if it does not.
        judged: Each comparison as plain data, with `slice` and `value` of its rows.
    """

    reason: str | None
    judged: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Guard:
    """Refuses a candidate that loses more than `max_loss` to the champion.

    Attributes:
        metric: Of which metric, one of the task's.
        max_loss: The loss that is allowed, in the metric's unit.
        slice: A field, each of whose values is judged by itself; None judges all rows together.
        value: Only that value of the field.
        min_rows: Values of fewer test rows are not judged.
        refuse: When: if a larger loss is "proven", with the gate's confidence over all values of
            the field together (Bonferroni); if it is "measured", by the numbers alone; or if it is
            "possible", unless the contrary is proven for each value.
    """

    metric: str
    max_loss: float
    slice: str | None = None
    value: str | None = None
    min_rows: int = 50
    refuse: Refusal = "proven"

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            MetricError: No such metric.
            SettingsError: A value is out of range, or is for a slice and there is none.
        """
        higher_is_better(self.metric)
        fine = math.isfinite(self.max_loss) and self.max_loss >= 0
        _check("max_loss", fine, "a number of at least 0", self.max_loss)
        _check("min_rows", self.min_rows >= 1, "at least 1", self.min_rows)
        _check(
            "refuse", self.refuse in get_args(Refusal), " or ".join(get_args(Refusal)), self.refuse
        )
        _check("value", self.value is None or bool(self.slice), "a slice beside it", self.value)

    def judge(self, answers: Answers, test: PairedTest, seed: int) -> GuardResult:
        """Compare candidate and champion where the guard looks.

        Args:
            answers: With both models' predictions, and the slice's field among the groups.
            test: How they are compared.
            seed: Of the bootstrap.
        """
        if self.slice is not None and self.slice not in answers.groups:
            return GuardResult(f'guard: the test rows have no field "{self.slice}"')
        found, parts = [], list(self._parts(answers))
        # A share of the level has to be told for each value, which takes more resamples.
        finer = test.among(len(parts)) if self.refuse == "proven" else test
        for value, part in parts:
            comparison = test.compare(part, self.metric, 0.0 - self.max_loss, seed)
            harm = finer.compare(part.swapped(), self.metric, self.max_loss, seed)
            if comparison is not None and harm is not None:
                found.append((value, comparison, harm))
        if self.slice is None and not found:
            return GuardResult(f"guard: {self.metric} cannot be compared on the test rows")
        broken = {value: self._breaks(c, harm, len(found)) for value, c, harm in found}
        judged = tuple(
            {"slice": self.slice, "value": value, "held": not broken[value], **c.to_json()}
            for value, c, _ in found
        )
        lost = [(value, c) for value, c, _ in found if broken[value]]
        if not lost:
            return GuardResult(None, judged)
        value, worst = min(lost, key=lambda item: item[1].gain)
        return GuardResult(self._tell(value, worst, len(lost)), judged)

    def _parts(self, answers: Answers) -> Iterator[tuple[str, Answers]]:
        """Each value to judge with its rows; the field's name is not told for all rows."""
        if self.slice is None:
            yield "", answers
            return
        groups = np.asarray(answers.groups[self.slice]).astype(str)
        values, counts = np.unique(groups, return_counts=True)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            if count >= self.min_rows and self.value in {None, value}:
                yield value, answers.take(groups == value)

    def _breaks(self, comparison: Comparison, harm: Comparison, count: int) -> bool:
        if self.refuse == "possible":
            return not comparison.proven
        if self.refuse == "measured":
            return comparison.gain < -self.max_loss - 1e-9
        return harm.p * count < 1 - harm.confidence

    def _tell(self, value: str, worst: Comparison, broken: int) -> str:
        where = "" if self.slice is None else f'{self.slice} "{value}": '
        others = f", and {broken - 1} more such" if broken > 1 else ""
        unproven = worst.gain >= -self.max_loss
        what = f"may lose {-worst.low:.4f}" if unproven else f"loses {-worst.gain:.4f}"
        return one_line(
            f"guard: {where}{self.metric} {what} against the champion on {worst.rows} rows "
            f"(at most {self.max_loss:.4g}){others}"
        )


def _check(name: str, fine: bool, expected: str, got: object) -> None:
    if not fine:
        raise SettingsError(
            f"gate.guards.{name}", expected=expected, got=repr(got), mend="change it"
        )
