"""Seven streams of river's: three of real records, and four generated ones, three with drift."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from river import datasets
from river.datasets import synth

from ingest import Field, Schema

__all__ = ["NAMES", "Stream", "make_stream"]

Labelled = Iterable[tuple[dict[str, float], object]]

NAMES = ("Phishing", "Bananas", "ImageSegments", "SEA", "Hyperplane", "RBF drift", "Agrawal switch")
REAL = {
    "Phishing": datasets.Phishing,
    "Bananas": datasets.Bananas,
    "ImageSegments": datasets.ImageSegments,
}


@dataclass(frozen=True)
class Stream:
    """A stream with all of its records.

    Attributes:
        name: of the stream.
        numbers: of each record.
        labels: of each record, as a text.
    """

    name: str
    numbers: list[list[float]]
    labels: list[str]

    @property
    def schema(self) -> Schema:
        """The numbers as one list, the label as a category."""
        words = tuple(sorted(set(self.labels)))
        width = len(self.numbers[0])
        label = Field("y", "category", "label", vocabulary=words)
        return Schema((Field("x", "float32", length=width), label))

    def records(self) -> Iterator[bytes]:
        """The records as JSON, in their order."""
        for numbers, label in zip(self.numbers, self.labels, strict=True):
            yield json.dumps({"x": numbers, "y": label}).encode()


def make_stream(name: str, seed: int, records: int) -> Stream:
    """A stream by its name.

    Args:
        name: one of `NAMES`.
        seed: of a generator; the real ones are always the same.
        records: of a generator, or at most of the real ones.
    """
    labelled = REAL[name]() if name in REAL else _generated(name, seed, records)
    taken = list(itertools.islice(labelled, records))
    return Stream(
        name,
        [[float(value) for value in numbers.values()] for numbers, _ in taken],
        [str(label) for _, label in taken],
    )


def _generated(name: str, seed: int, records: int) -> Labelled:
    if name == "SEA":
        return synth.SEA(variant=0, noise=0.1, seed=seed)
    if name == "Hyperplane":
        return synth.Hyperplane(
            seed=seed, n_features=10, n_drift_features=2, mag_change=0.001, noise_percentage=0.05
        )
    if name == "RBF drift":
        return synth.RandomRBFDrift(
            seed_model=seed,
            seed_sample=seed,
            n_classes=4,
            n_features=10,
            n_centroids=50,
            change_speed=0.001,
            n_drift_centroids=50,
        )
    before = synth.Agrawal(classification_function=0, perturbation=0.05, seed=seed)
    after = synth.Agrawal(classification_function=4, perturbation=0.05, seed=seed + 1)
    return itertools.chain(before.take(records // 2), after)
