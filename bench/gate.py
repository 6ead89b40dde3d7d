"""How often the gate promotes: by the candidate's true gain, the test rows and `gate.compare`.

    python -m bench.gate

Both models score the rows of a binary task with normal scores that have most of their noise in
common, as a model and the one that it was a round ago have; the champion's true AUC is 0.8. It
also prints what a comparison of 4,000 rows takes. Nothing is trained.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import numpy as np
from scipy.stats import norm

from trainer import METRICS, Answers, Evidence, PairedTest, ScoreGate, score

GAINS = (-0.02, -0.01, 0.0, 0.01, 0.02)
ROWS = (100, 400, 1000, 4000)
ROUNDS = 400
SHARED = 0.95  # of the variance of the noise
AUC = 0.8
PAIRED = ScoreGate("auc", compare="paired", min_rows=100)
GATES = {
    "non_inferior": PAIRED,
    "superior": replace(PAIRED, test=PairedTest(margin=0.0)),
    "score": ScoreGate("auc", min_gain=0.0, min_rows=100),
}


def draw(rng: np.random.Generator, rows: int, gain: float) -> Answers:
    """Labels, and the chances that a candidate and a champion give them."""
    labels = rng.integers(0, 2, rows)
    shared = np.sqrt(SHARED) * rng.normal(size=rows)
    made = []
    for auc in (AUC + gain, AUC):
        own = np.sqrt(1 - SHARED) * rng.normal(size=rows)
        made.append(norm.cdf((np.sqrt(2) * norm.ppf(auc) * labels + shared + own) / 3))
    return Answers("binary", labels, *made)


def evidence(answers: Answers) -> Evidence:
    """What the gate decides on."""
    outputs = (answers.candidate, answers.champion)
    ours, theirs = (score(answers.task, answers.labels, output) for output in outputs)
    return Evidence(ours, ours, theirs, 0.0, len(answers.labels), answers)


def shares(rows: int, gain: float) -> list[float]:
    """The share of rounds that each gate promotes."""
    rng = np.random.default_rng(rows)
    seen = [evidence(draw(rng, rows, gain)) for _ in range(ROUNDS)]
    return [float(np.mean([gate.decide(e).promote for e in seen])) for gate in GATES.values()]


def milliseconds(test: str, metric: str, rows: int = 4000) -> float:
    """What one comparison takes, the fastest of five."""
    task = next(task for task, names in METRICS.items() if metric in names)
    answers = draw(np.random.default_rng(0), rows, 0.0)
    if task == "regression":
        answers = replace(answers, task=task, labels=answers.labels.astype(np.float64))
    laps = []
    for _ in range(5):
        began = time.perf_counter()
        PairedTest(test=test).compare(answers, metric, -0.01, 0)
        laps.append(time.perf_counter() - began)
    return 1000 * min(laps)


def main() -> int:
    """Print both tables."""
    print(f"| test rows | true gain in AUC | {' | '.join(GATES)} |")
    print("|---|---|" + "---|" * len(GATES))
    for rows in ROWS:
        for gain in GAINS:
            cells = " | ".join(f"{share:.2f}" for share in shares(rows, gain))
            print(f"| {rows:,} | {gain:+.2f} | {cells} |", flush=True)
    print("\n| metric | auto, ms | bootstrap of 1,000, ms |\n|---|---|---|")
    for metric in ("auc", "accuracy", "log_loss", "rmse", "mae", "r2"):
        cells = " | ".join(f"{milliseconds(test, metric):.1f}" for test in ("auto", "bootstrap"))
        print(f"| {metric} | {cells} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
