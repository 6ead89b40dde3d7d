"""What a gate decides on."""

from collections.abc import Mapping
from dataclasses import dataclass

from trainer.paired.answers import Answers

__all__ = ["Evidence"]


@dataclass(frozen=True)
class Evidence:
    """What was measured, all on the same test rows and from exported bytes.

    Attributes:
        candidate: Scores of the bytes that would be promoted (compressed).
        float32: Scores of the same model's uncompressed bytes.
        champion: Scores of the champion's bytes; None if there is no champion.
        output_difference: How far the candidate's predictions are from the float32 model's, in
            the unit of the gate's limit.
        rows: Number of test rows.
        answers: Labels, weights and predictions row by row; None if only scores are known.
        baseline: Scores of the best answer that is the same for all rows; None if unknown.
        rounds: Rounds trained so far, this one included.
        trained_rows: Rows of the stream that the candidate has learned from.
        seed: Of whatever the gate draws, a function of the round.
    """

    candidate: Mapping[str, float]
    float32: Mapping[str, float]
    champion: Mapping[str, float] | None
    output_difference: float
    rows: int
    answers: Answers | None = None
    baseline: Mapping[str, float] | None = None
    rounds: int = 1
    trained_rows: int = 0
    seed: int = 0
